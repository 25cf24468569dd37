//! What goes wrong, drawn from a seed.

use std::time::Duration;

/// The largest piece that is forwarded at once.
pub(crate) const PIECE_MAX_BYTES: usize = 64 * 1024;
/// One piece in so many is held back.
const DELAYED_ONE_IN: u64 = 8;

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// End of stream: what was sent before arrives.
    Fin,
    /// RST: what is on its way may be lost.
    Reset,
}

/// Which faults there are, and their dice.
pub(crate) struct Faults {
    pub(crate) on: bool,
    state: u64,
    mean_bytes: Option<u64>,
    max_delay_ms: u64,
    reset_only: bool,
}

impl Faults {
    /// On if there are any.
    pub(crate) fn new(seed: u64, mean_bytes: Option<u64>, delay_ms: Option<u64>, reset_only: bool) -> Self {
        let on = mean_bytes.is_some() || delay_ms.is_some();
        Faults { on, state: seed, mean_bytes, max_delay_ms: delay_ms.unwrap_or(0), reset_only }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// After how many bytes a new connection is cut: exponentially distributed.
    pub(crate) fn lifetime_bytes(&mut self) -> Option<u64> {
        let mean = self.mean_bytes?;
        Some((-(1.0 - self.share()).ln() * mean as f64) as u64)
    }

    /// How it is cut.
    pub(crate) fn cut(&mut self) -> Cut {
        if self.reset_only || self.next().is_multiple_of(2) {
            Cut::Reset
        } else {
            Cut::Fin
        }
    }

    /// The size of the next piece: each power of two is as likely as another.
    pub(crate) fn piece_bytes(&mut self) -> usize {
        if !self.on {
            return PIECE_MAX_BYTES;
        }
        let power = (self.share() * (PIECE_MAX_BYTES as f64).log2()).exp2();
        (power as usize).clamp(1, PIECE_MAX_BYTES)
    }

    /// How long the next piece is held back.
    pub(crate) fn delay(&mut self) -> Option<Duration> {
        if !self.on || self.max_delay_ms == 0 || !self.next().is_multiple_of(DELAYED_ONE_IN) {
            return None;
        }
        Some(Duration::from_millis(self.max_delay_ms).mul_f64(self.share()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| {
            let mut faults = Faults::new(seed, Some(1000), Some(5), false);
            (0..100).map(|_| (faults.lifetime_bytes(), faults.cut(), faults.delay())).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn lifetimes_have_the_mean_that_was_said() {
        let mut faults = Faults::new(7, Some(100_000), None, false);
        let sum: u64 = (0..10_000).filter_map(|_| faults.lifetime_bytes()).sum();
        assert!((95_000..105_000).contains(&(sum / 10_000)), "{}", sum / 10_000);
    }

    #[test]
    fn without_faults_pieces_are_large_and_prompt() {
        let mut faults = Faults::new(7, None, None, false);
        assert_eq!(faults.lifetime_bytes(), None);
        assert!((0..100).all(|_| faults.piece_bytes() == PIECE_MAX_BYTES && faults.delay().is_none()));
    }
}
