//! One port and several requests at a time (spec/basic.md, spec/delivery.md): what the vectors cannot show.

use event_engine::{zmq, Builder, Error, Handle, PluginSpec, QueueLimits};

use crate::support::client::{Client, BAD_MSG, NEXT_MSG, PUBLISHED};
use crate::support::raw::{message, Raw};
use crate::support::{end, eventually, ports, start};

const UNANSWERED_MAX: usize = 1_000;

fn limits(max_events: usize) -> QueueLimits {
    QueueLimits { max_events, ..QueueLimits::default() }
}

/// An application whose plugin `full` has one event in a queue for one, and a port for `x`.
fn with_a_full_queue() -> (Handle, crate::support::Source) {
    let (handle, source) = start(
        Builder::new()
            .external(PluginSpec::new("full").subscribe("f").queue_limits(limits(1)), 0)
            .external(PluginSpec::new("x").subscribe("x"), 0),
    );
    source.publish("f first");
    (handle, source)
}

fn parked(handle: &Handle, publishes: u64) {
    eventually("the publishes are parked", || handle.ledger().parked == publishes);
}

/// Reads all that waits for `plugin`, quits, and lets the application end.
fn finish(handle: Handle, source: crate::support::Source) {
    for plugin in ["full", "x"] {
        if let Some(port) = handle.port(plugin).filter(|port| !ports::refuses(*port)) {
            Client::req(port).quit();
        }
    }
    drop(source);
    let report = end(handle);
    assert!(report.is_success() && report.ledger.balances(), "{report}");
}

/// A DEALER's request with a number in its envelope.
fn send_numbered(client: &Client, number: usize, body: &[u8]) {
    let number = number.to_string();
    client.socket.send_multipart([number.as_bytes(), b"", body], 0).unwrap();
}

/// The number in the envelope of the next reply, and the reply.
fn receive_numbered(client: &Client) -> (usize, Vec<u8>) {
    let mut frames = client.socket.recv_multipart(0).expect("no reply in time");
    let body = frames.pop().unwrap();
    (String::from_utf8(frames[0].clone()).unwrap().parse().unwrap(), body)
}

/// EE-BASIC-13
#[test]
fn pipelined_publishes_are_answered_in_order() {
    let (handle, source) = with_a_full_queue();
    let client = Client::connect(zmq::DEALER, handle.port("x").unwrap());
    for number in 0..500 {
        match number % 5 {
            0 => send_numbered(&client, number, b"f parked"),
            1 => send_numbered(&client, number, b"plugin_command: foo"),
            _ => send_numbered(&client, number, b"y for nobody"),
        }
    }
    let reader = Client::req(handle.port("full").unwrap());
    for _ in 0..101 {
        assert_eq!(reader.next()[..1], *b"f");
    }
    for number in 0..500 {
        let expected = if number % 5 == 1 { BAD_MSG } else { PUBLISHED };
        assert_eq!(receive_numbered(&client), (number, expected.to_vec()));
    }
    reader.quit();
    finish(handle, source);
}

/// EE-BASIC-14
#[test]
fn parked_publish_survives_a_newer_request() {
    let (handle, source) = with_a_full_queue();
    let client = Client::connect(zmq::DEALER, handle.port("x").unwrap());
    send_numbered(&client, 0, b"f parked");
    send_numbered(&client, 1, NEXT_MSG);
    parked(&handle, 1);
    source.publish("x event");
    let reader = Client::req(handle.port("full").unwrap());
    assert_eq!(reader.next(), b"f first");
    assert_eq!(receive_numbered(&client), (0, PUBLISHED.to_vec()));
    assert_eq!(receive_numbered(&client), (1, b"x event".to_vec()));
    assert_eq!(reader.next(), b"f parked");
    reader.quit();
    finish(handle, source);
}

/// EE-DELIVERY-9: the plugin's own queue is full, one connection's publish waits for another plugin's, a second one reads.
#[test]
fn full_port_goes_on_serving_next_msg() {
    let (handle, source) = start(
        Builder::new()
            .external(PluginSpec::new("full").subscribe("f").queue_limits(limits(1)), 0)
            .external(PluginSpec::new("x").subscribe("x").queue_limits(limits(2)), 0),
    );
    for event in ["f first", "x 0", "x 1"] {
        source.publish(event);
    }
    let port = handle.port("x").unwrap();
    let publisher = Client::req(port);
    publisher.send("f parked");
    parked(&handle, 1);
    let reader = Client::req(port);
    assert_eq!(reader.next(), b"x 0");
    assert_eq!(reader.next(), b"x 1");
    let full = Client::req(handle.port("full").unwrap());
    assert_eq!(full.next(), b"f first");
    assert_eq!(publisher.receive(), PUBLISHED);
    assert_eq!(full.next(), b"f parked");
    full.quit();
    finish(handle, source);
}

/// EE-LIMIT-3
#[test]
fn requests_past_the_cap_are_refused() {
    let (handle, source) = with_a_full_queue();
    let client = Client::connect(zmq::DEALER, handle.port("x").unwrap());
    for number in 0..=UNANSWERED_MAX {
        send_numbered(&client, number, b"f parked");
    }
    assert_eq!(receive_numbered(&client), (UNANSWERED_MAX, BAD_MSG.to_vec()));
    assert_eq!(handle.ledger().parked, UNANSWERED_MAX as u64);
    // The others are not disturbed.
    Client::req(handle.port("x").unwrap()).publish("y for nobody");
    let reader = Client::req(handle.port("full").unwrap());
    for _ in 0..=UNANSWERED_MAX {
        reader.next();
    }
    for number in 0..UNANSWERED_MAX {
        assert_eq!(receive_numbered(&client), (number, PUBLISHED.to_vec()));
    }
    reader.quit();
    finish(handle, source);
}

/// EE-BASIC-7
#[test]
fn plugin_finishes_at_its_last_replicas_quit() {
    let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("x").replicas(2), 0));
    let port = handle.port("x").unwrap();
    let second = Client::req(port);
    Client::req(port).quit();
    source.publish("x still served");
    assert_eq!(second.next(), b"x still served");
    assert!(!ports::refuses(port));
    second.quit();
    eventually("the port is closed", || ports::refuses(port));
    finish(handle, source);
}

/// EE-BASIC-19
#[test]
fn newest_connection_of_an_identity_wins() {
    let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("x"), 0));
    let port = handle.port("x").unwrap();
    let publish = |connection: &mut Raw| {
        connection.send(&message(&[&b""[..], b"y for nobody"]));
        assert_eq!(connection.read_message(), [&b""[..], PUBLISHED]);
    };
    // By hand, since a library would connect anew and take its place back.
    let mut older = Raw::handshake_as(port, "REQ", b"same");
    publish(&mut older);
    older.send(&message(&[&b""[..], NEXT_MSG]));
    let mut newer = Raw::handshake_as(port, "REQ", b"same");
    publish(&mut newer);
    // The older one's request went with it: the event is another's.
    source.publish("x event");
    let client = Client::req(port);
    assert_eq!(client.next(), b"x event");
    client.quit();
    finish(handle, source);
    drop((older, newer));
}

/// EE-LIMIT-7: an application's end does not wait for a client that does not read.
#[test]
fn end_is_bounded_with_unsent_replies() {
    let (handle, source) =
        start(Builder::new().external(PluginSpec::new("x").subscribe("x").queue_limits(limits(4)), 0));
    let mut deaf = Raw::handshake(handle.port("x").unwrap(), "DEALER");
    let event = vec![b'x'; 8 << 20];
    for _ in 0..4 {
        source.publish(&event);
        deaf.send(&message(&[&b""[..], NEXT_MSG]));
    }
    eventually("the events are handed over", || handle.ledger().plugin("x").unwrap().handed_over == 4);
    Client::req(handle.port("x").unwrap()).quit();
    drop(source);
    let report = end(handle);
    assert!(report.is_success(), "{report}");
    drop(deaf);
}

/// EE-DELIVERY-3, EE-DELIVERY-4, EE-DELIVERY-5: bounds in events and in bytes; a waiting event is in no queue.
#[test]
fn queue_holds_its_limit_and_no_more() {
    let bytes = QueueLimits { max_bytes: 10, ..QueueLimits::default() };
    let (handle, source) = start(
        Builder::new()
            .external(PluginSpec::new("events").subscribe("e").queue_limits(limits(3)), 0)
            .external(PluginSpec::new("bytes").subscribe("b").queue_limits(bytes), 0)
            .external(PluginSpec::new("roomy").subscribe(""), 0),
    );
    let queued = |plugin: &str| handle.ledger().plugin(plugin).unwrap().queued;
    let client = Client::connect(zmq::DEALER, handle.port("roomy").unwrap());
    // An empty queue takes an event that is larger than its limit; then nothing more.
    source.publish([b'b'; 100]);
    send_numbered(&client, 0, b"b");
    parked(&handle, 1);
    assert_eq!((queued("bytes"), queued("roomy")), (1, 1));
    let reader = Client::req(handle.port("bytes").unwrap());
    assert_eq!(reader.next().len(), 100);
    assert_eq!(reader.next(), b"b");
    for number in 1..5 {
        send_numbered(&client, number, b"e");
    }
    parked(&handle, 1);
    assert_eq!((queued("events"), queued("roomy")), (3, 5));
    for plugin in ["events", "bytes", "roomy"] {
        Client::req(handle.port(plugin).unwrap()).quit();
    }
    drop(source);
    let report = end(handle);
    assert!(report.ledger.balances(), "{report}");
}

/// EE-FILTER-3, EE-FILTER-6
#[test]
fn each_event_enters_a_queue_once_and_unmatched_ones_are_counted() {
    let spec = PluginSpec::new("x").subscribe("").subscribe("a").subscribe("ab").subscribe("b");
    let (handle, source) = start(Builder::new().external(spec.clone(), 0).allow_ambiguous_filters());
    source.publish("abc");
    assert_eq!(handle.ledger().plugin("x").unwrap().matched, 1);
    Client::req(handle.port("x").unwrap()).quit();
    eventually("x has finished", || handle.ledger().plugin("x").unwrap().discarded == 1);
    source.publish("abc");
    assert_eq!(handle.ledger().unmatched, 1);
    drop(source);
    assert!(end(handle).is_success());
}

/// EE-SYNC-5: plugins start and exchange events while no client has come.
#[test]
fn barrier_does_not_wait_for_external_processes() {
    let (handle, source) = start(Builder::new().external(PluginSpec::new("x").subscribe("x"), 0).plugin(
        PluginSpec::new("answers").subscribe("q"),
        |context| loop {
            match context.next_event() {
                Ok(_) => context.publish("x answer").map(drop)?,
                Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        },
    ));
    source.publish("question");
    eventually("the answer waits for the process", || handle.ledger().plugin("x").unwrap().queued == 1);
    let client = Client::req(handle.port("x").unwrap());
    assert_eq!(client.next(), b"x answer");
    client.quit();
    handle.stop();
    drop(source);
    assert!(end(handle).is_success());
}
