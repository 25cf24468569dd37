//! Enveloped events in an application: subscriptions by prefix see the filter and nothing else.

use event_engine::{BoxError, Builder, PluginSpec};
use event_engine_envelope::{open, seal, Envelope, EnvelopeError};

#[test]
fn enveloped_events_reach_the_subscribers_of_their_filter() -> Result<(), BoxError> {
    let (to_test, opened) = std::sync::mpsc::channel();
    let application = Builder::new()
        .plugin(PluginSpec::new("sensor"), |context| {
            let reading = Envelope::new("1", "/sensors/7", "org.example.reading").with_data("21.5");
            // Its data looks like a reading; its filter decides.
            let alarm = Envelope::new("2", "/sensors/7", "org.example.alarm").with_data("reading: ");
            context.publish(seal(b"alarm: ", &alarm)?)?;
            context.publish(seal(b"reading: ", &reading)?)?;
            Ok(())
        })
        .plugin(PluginSpec::new("reader").subscribe("reading: "), move |context| {
            let event = context.next_event()?;
            assert_eq!(open(b"alarm: ", &event), Err(EnvelopeError::FilterMismatch));
            to_test.send(open(b"reading: ", &event)?)?;
            Ok(())
        })
        .start()?;
    let report = application.wait();
    assert_eq!(opened.recv()?.data, b"21.5", "{report}");
    Ok(())
}
