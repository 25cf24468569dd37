//! Numbers, sizes and times as people read them.

use std::time::Duration;

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A word of a command that a shell is to take as it is: `a/b.toml`, `'a b.toml'`.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./:@%+,".contains(character);
    match word.is_empty() || !word.chars().all(plain) {
        true => format!("'{}'", word.replace('\'', r"'\''")),
        false => word.to_owned(),
    }
}

/// A text without what would do something to a terminal, as diagnostics show names.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// A count in at most five characters: `9999`, `12.3k`, `456k`, `1.2M`.
pub(crate) fn count(number: u64) -> String {
    if number < 10_000 {
        return number.to_string();
    }
    #[allow(clippy::cast_precision_loss)] // three digits are shown
    scaled(number as f64, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
}

/// A rate a second: `0`, `0.4`, `7.5`, `120`, `12.3k`.
pub(crate) fn rate(rate: f64) -> String {
    match rate {
        rate if rate < 0.05 => "0".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}"),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // it is positive, and `as` saturates
        rate => count(rate.round() as u64),
    }
}

/// A size: `0`, `512B`, `34.5K`, `1.2G`. The units are powers of 1024.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        1..=1023 => format!("{bytes}B"),
        #[allow(clippy::cast_precision_loss)] // three digits are shown
        bytes => scaled(bytes as f64, 1024.0, &["", "K", "M", "G", "T", "P", "E"]),
    }
}

/// A time: `0ms`, `850ms`, `1.5s`, `42s`, `3m12s`, `5h07m`, `2d03h`.
pub(crate) fn time(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..=9 => format!("{seconds}.{}s", ms % 1000 / 100),
        10..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

fn scaled(mut number: f64, step: f64, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while number >= step - 0.5 {
        let Some(next) = units.next() else { break };
        number /= step;
        unit = next;
    }
    if number < 99.95 {
        format!("{number:.1}{unit}")
    } else {
        format!("{number:.0}{unit}")
    }
}

/// Reads a time such as `500ms`, `10s`, `2m` or `1h`. For arguments.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let digits =
        text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time is a number and a unit: 500ms, 10s, 2m, 1h".to_owned()),
    };
    number
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * unit).ok())
        .ok_or_else(|| "a time is a number and a unit: 500ms, 10s, 2m, 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_when_needed() {
        assert_eq!(shell_word("a-b/c.toml"), "a-b/c.toml");
        assert_eq!(shell_word("a b/app.toml"), "'a b/app.toml'");
        assert_eq!(shell_word("it's;$x"), r"'it'\''s;$x'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn numbers_are_short_and_true() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 9999, 10_000, 123_456, 999_950, u64::MAX].map(count),
            ["0", "9999", "10.0k", "123k", "1.0M", "18.4E"]
        );
        assert_eq!(
            [0.0, 0.04, 0.44, 9.96, 119.6, 12_345.0].map(rate),
            ["0", "0", "0.4", "10", "120", "12.3k"]
        );
        assert_eq!(
            [0, 1023, 1024, 35_328, 1_048_300, 5 << 30].map(bytes),
            ["0", "1023B", "1.0K", "34.5K", "1.0M", "5.0G"]
        );
        let times = [0, 850, 1_500, 42_000, 192_000, 18_420_000, 183_600_000].map(time);
        assert_eq!(times, ["0ms", "850ms", "1.5s", "42s", "3m12s", "5h07m", "2d03h"]);
    }

    #[test]
    fn times_are_read() {
        let read = |text| parse_time(text).unwrap().as_millis();
        assert_eq!([read("500ms"), read("1.5s"), read("2m"), read("1h")], [500, 1500, 120_000, 3_600_000]);
        for wrong in ["", "5", "s", "-1s", "1.2.3s", "5 s", "9999999999999999999999h"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
