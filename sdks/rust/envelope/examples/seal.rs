//! Seals a reading, and opens it again as a subscriber of `reading: ` would.

use event_engine_envelope::{open, seal, Envelope, EnvelopeError};

fn main() -> Result<(), EnvelopeError> {
    let reading = Envelope::new("1", "/sensors/7", "org.example.reading")
        .with_datacontenttype("text/plain")
        .with_subject("room/1")
        .with_data("21.5");
    let event = seal(b"reading: ", &reading)?; // publish this

    let received = open(b"reading: ", &event)?; // after next_event
    let data = String::from_utf8_lossy(&received.data);
    println!("{} {} from {}: {data}", received.r#type, received.id, received.source);

    match open(b"alarm: ", &event) {
        Err(error) => println!("not an alarm: {error}"),
        Ok(_) => println!("an alarm"),
    }
    Ok(())
}
