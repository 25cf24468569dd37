//! The power monitor: what the application uses while it works, as one who runs on a battery wants to know.

use event_engine::{BoxError, Context, InternalPlugin};
use event_engine_envelope::{seal, Envelope};

use crate::events::prefix;
use crate::processes;

/// A sample is taken after so many pictures.
const EVERY: u64 = 50;

/// The plugin `power`: after every fiftieth picture that was read it publishes a sample.
#[derive(Debug, Default)]
pub struct Power;

impl InternalPlugin for Power {
    fn run(self: Box<Self>, context: &mut Context) -> Result<(), BoxError> {
        let mut pictures: u64 = 0;
        while context.next_event().is_ok() {
            pictures += 1;
            if pictures.is_multiple_of(EVERY) {
                context.publish(sample(pictures)?)?;
            }
        }
        Ok(())
    }
}

/// The event of type `power`: an envelope with JSON in it.
fn sample(pictures: u64) -> Result<Vec<u8>, BoxError> {
    let family = processes::family();
    let data = serde_json::json!({
        "pictures": pictures,
        "processes": family.len(),
        "cpu_ms": family.iter().map(|process| process.cpu_ms).sum::<u64>(),
        "rss_bytes": family.iter().map(|process| process.rss_bytes).sum::<u64>(),
    });
    let envelope = Envelope::new(pictures.to_string(), "/power", "trail-camera.power")
        .with_time_now()
        .with_datacontenttype("application/json")
        .with_data(data.to_string());
    Ok(seal(prefix::POWER, &envelope)?)
}
