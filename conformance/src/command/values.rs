//! Values of options, each refused with a sentence if it makes no sense.

/// The least and the greatest factor of all deadlines.
const FACTORS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// Of `--time-scale`.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|factor| FACTORS.contains(factor))
        .ok_or_else(|| format!("a factor is a number from {} to {}", FACTORS.start(), FACTORS.end()))
}

/// Of `--jobs` and what else must be there once at least.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "say a number, 1 at least".to_owned())
}

/// Of `--pair`.
pub(super) fn pair(text: &str) -> Result<String, String> {
    let names: Vec<&str> = text.split('+').collect();
    match names.as_slice() {
        [one, other] if !one.trim().is_empty() && !other.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("a pair is A+B, two names such as rust+go".to_owned()),
    }
}

/// Of `--engine` and `--adapter`.
pub(super) fn not_blank(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("it is empty: say a name or a command".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["nan", "inf", "-inf", "1e300", "-1", "0", "0.001", "1001", "fast", ""] {
            assert!(factor(text).is_err(), "{text}");
        }
        for (text, value) in [("1", 1.0), ("0.01", 0.01), ("1000", 1000.0), ("2.5", 2.5)] {
            assert_eq!(factor(text), Ok(value));
        }
        assert!(at_least_one("0").is_err() && at_least_one("-1").is_err());
        assert_eq!(at_least_one("12"), Ok(12));
        for text in ["rust", "a+b+c", "+", "rust+", "+go", ""] {
            assert!(pair(text).is_err(), "{text}");
        }
        assert_eq!(pair("rust+go"), Ok("rust+go".to_owned()));
        assert!(not_blank("").is_err() && not_blank("  ").is_err());
    }
}
