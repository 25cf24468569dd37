//! The detector: reads each picture and says what is in it.
//!
//! What it publishes depends on the picture alone, so a detector that was started again has nothing to remember.

use event_engine::{BoxError, Context, InternalPlugin};

use crate::events::{now_ns, prefix, with_prefix, Decoded, Detected, Image, Malformed};
use crate::{blobs, picture};

/// The plugin `detector`.
#[derive(Debug, Default)]
pub struct Detector;

impl InternalPlugin for Detector {
    fn run(self: Box<Self>, context: &mut Context) -> Result<(), BoxError> {
        while let Ok(event) = context.next_event() {
            let (decoded, detected) = look_at(&event)?;
            // The picture stays behind: whoever wants it subscribes to it. So a hundred bytes wait for the scorer.
            context.publish_batch([decoded.to_event(), with_prefix(prefix::DETECTED, &detected)])?;
        }
        Ok(())
    }
}

fn look_at(event: &[u8]) -> Result<(Decoded, Detected), Malformed> {
    let Image { id, taken_ns, file } = Image::read(event)?;
    let picture = picture::decode(file)?;
    let decoded_ns = now_ns();
    let size = |number: usize| u32::try_from(number).map_err(|_| Malformed("a picture of more than 4 GiB"));
    let decoded = Decoded {
        id,
        taken_ns,
        decoded_ns,
        width: size(picture.width)?,
        height: size(picture.height)?,
        bytes: size(file.len())?,
    };
    let animals = blobs::find(&picture);
    Ok((decoded, Detected { id, at_ns: now_ns(), animals }))
}
