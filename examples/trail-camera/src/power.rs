//! The power monitor: what the application uses while it works, as one who runs on a battery wants to know.

use event_engine::{BoxError, Context, InternalPlugin};
use event_engine_envelope::{seal, Envelope};

use crate::events::prefix;
use crate::processes;

/// A sample is taken after so many events.
const EVERY: u64 = 100;

/// The plugin `power`: publishes a sample after every hundredth picture that was read or is done with. It needs no clock, and
/// nothing wakes it when nothing happens.
#[derive(Debug, Default)]
pub struct Power;

impl InternalPlugin for Power {
    fn run(self: Box<Self>, context: &mut Context) -> Result<(), BoxError> {
        let mut events: u64 = 0;
        while context.next_event().is_ok() {
            events += 1;
            if events.is_multiple_of(EVERY) {
                context.publish(sample(events / EVERY)?)?;
            }
        }
        Ok(())
    }
}

/// The event of type `power`: an envelope with JSON in it.
fn sample(number: u64) -> Result<Vec<u8>, BoxError> {
    let family = processes::family();
    let data = serde_json::json!({
        "processes": family.len(),
        "cpu_ms": family.iter().map(|process| process.cpu_ms).sum::<u64>(),
        "rss_bytes": family.iter().map(|process| process.rss_bytes).sum::<u64>(),
    });
    let envelope = Envelope::new(number.to_string(), "/power", "trail-camera.power")
        .with_time_now()
        .with_datacontenttype("application/json")
        .with_data(data.to_string());
    Ok(seal(prefix::POWER, &envelope)?)
}
