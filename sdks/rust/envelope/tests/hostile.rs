//! Nothing that comes from outside makes a panic, and what opens survives another journey.

#![allow(clippy::indexing_slicing)] // helpers of tests may

use event_engine_envelope::{open, seal, Envelope, EnvelopeError};
use std::time::{Duration, UNIX_EPOCH};

const FILTER: &[u8] = b"reading: ";
const ROUNDS: usize = 200_000;

/// xorshift64*, from a fixed seed: a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn mutate(&mut self, event: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = FILTER.len() + self.below(event.len() - FILTER.len() + 1);
            let byte = self.below(256) as u8;
            match self.below(3) {
                0 if at < event.len() => event[at] = byte,
                1 if at < event.len() => event.truncate(at),
                _ => event.insert(at, byte),
            }
        }
    }
}

fn everything() -> Envelope {
    Envelope::new("7f3c", "/sensors/7", "org.example.reading")
        .with_time(UNIX_EPOCH + Duration::new(1_767_225_600, 123_456_789))
        .with_datacontenttype("text/plain")
        .with_subject("日本")
        .with_cause_id("7f3b")
        .with_data([0, 255, 10])
}

#[test]
fn mutated_events_open_or_fail_and_never_panic() {
    let whole = seal(FILTER, &everything()).unwrap();
    let mut random = Random(0x5eed);
    let (mut opened, mut failed) = (0, 0);
    for _ in 0..ROUNDS {
        let mut event = whole.clone();
        random.mutate(&mut event);
        match open(FILTER, &event) {
            Ok(envelope) => {
                let again = seal(FILTER, &envelope).unwrap();
                assert_eq!(open(FILTER, &again), Ok(envelope), "{event:02x?}");
                opened += 1;
            }
            Err(EnvelopeError::FilterMismatch) => panic!("the filter was not touched: {event:02x?}"),
            Err(_) => failed += 1,
        }
    }
    // Both ways were really taken.
    assert!(opened > ROUNDS / 100 && failed > ROUNDS / 100, "{opened} opened, {failed} failed");
}

#[test]
fn every_shorter_event_opens_or_fails() {
    let whole = seal(FILTER, &everything()).unwrap();
    for length in 0..whole.len() {
        let result = open(FILTER, &whole[..length]);
        assert_eq!(
            result == Err(EnvelopeError::FilterMismatch),
            length < FILTER.len(),
            "{length}: {result:?}"
        );
    }
}

#[test]
fn text_with_nul_is_not_sealed() {
    let envelope = everything().with_subject("a\0b");
    assert!(matches!(seal(FILTER, &envelope), Err(EnvelopeError::Malformed(_))));
}

#[test]
fn errors_say_what_to_do() {
    let missing = seal(FILTER, &Envelope::new("1", "", "t")).unwrap_err();
    assert_eq!(missing.to_string(), "the envelope lacks its source; id, source and type are mandatory");
    let mismatch = open(b"other", b"reading: ").unwrap_err();
    assert!(mismatch.to_string().contains("open it with the filter that it was sealed with"), "{mismatch}");
}
