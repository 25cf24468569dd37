//! `google.protobuf.Timestamp` as [`SystemTime`].

use crate::EnvelopeError;
use prost_types::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 0001-01-01T00:00:00Z, in seconds since 1970.
const SECONDS_MIN: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z, in seconds since 1970.
const SECONDS_MAX: i64 = 253_402_300_799;

pub(crate) const NANOS_MAX: u64 = 999_999_999;

pub(crate) fn seconds_in_range(seconds: i64) -> bool {
    (SECONDS_MIN..=SECONDS_MAX).contains(&seconds)
}

pub(crate) fn out_of_range() -> EnvelopeError {
    EnvelopeError::malformed("the time is not in the years 1 to 9999")
}

/// Rounds seconds down, so that nanoseconds count forward before 1970, too.
pub(crate) fn to_timestamp(time: SystemTime) -> Result<Timestamp, EnvelopeError> {
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()), after.subsec_nanos()),
        Err(error) => {
            let before = error.duration();
            let seconds = i64::try_from(before.as_secs());
            match before.subsec_nanos() {
                0 => (seconds.map(|seconds| -seconds), 0),
                nanos => (seconds.map(|seconds| -1 - seconds), 1_000_000_000 - nanos),
            }
        }
    };
    match (seconds, i32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) if seconds_in_range(seconds) => Ok(Timestamp { seconds, nanos }),
        _ => Err(out_of_range()),
    }
}

pub(crate) fn from_timestamp(timestamp: &Timestamp) -> Result<SystemTime, EnvelopeError> {
    let nanos = u64::try_from(timestamp.nanos).map_err(|_| out_of_range())?;
    let whole = Duration::from_secs(timestamp.seconds.unsigned_abs());
    let seconds =
        if timestamp.seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    seconds.and_then(|seconds| seconds.checked_add(Duration::from_nanos(nanos))).ok_or_else(out_of_range)
}
