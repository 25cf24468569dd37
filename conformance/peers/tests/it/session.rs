//! `peers engine` serves the session profile, with the options that it takes.

use serde_json::Value;

use crate::support::{Peer, Session};

const ID: &str = "00112233445566778899aabbccddeeff";
const OTHER_ID: &str = "ffeeddccbbaa99887766554433221100";

/// A session whose client is ready and takes up to 100 events.
fn open(port: u16, id: &str) -> (Session, String) {
    let session = Session::connect(port);
    session.send(&format!("hello version=1 session={id} client=test/1"), None);
    let (welcome, _) = session.receive();
    session.send("ready", None);
    session.send("ack seq=0 upto=100", None);
    (session, welcome)
}

#[test]
fn events_go_both_ways_and_the_client_quits() {
    let mut engine =
        Peer::start(&["engine", "--max-event-bytes", "1000", "--ping-ms", "5000", "--grace-ms", "7000"]);
    let (session, welcome) = open(engine.port, ID);
    for part in
        ["welcome version=1 ", " plugin=client ", " resumed=0 ", " max-event-bytes=1000 ", " ping-ms=5000 "]
    {
        assert!(welcome.contains(part), "{welcome}");
    }
    assert!(welcome.contains("grace-ms=7000"), "{welcome}");
    assert_eq!(session.receive().0, "ok");
    assert_eq!(engine.ask("publish 1"), "published 1");
    let (header, payload) = session.receive();
    assert!(header.starts_with("events seq=1"), "{header}");
    assert_eq!(payload.as_deref(), Some(&b"down:00000000"[..]));
    session.send("publish id=1", Some(b"up:00000000"));
    assert_eq!(session.receive().0, "published id=1");
    assert_eq!(engine.ask("collected-wait 1 10000"), "collected 1 distinct 1 in_order true last 0");
    session.send("ack seq=1 upto=101", None);
    session.send("quit", None);
    assert_eq!(session.receive().0, "bye");
    assert!(engine.ask("wait 10000").starts_with("ended COMPLETED {"));
    let ledger: Value = serde_json::from_str(&engine.ask("ledger")).unwrap();
    assert_eq!((&ledger["delivered"], &ledger["balances"]), (&1.into(), &true.into()));
}

#[test]
fn an_event_that_ends_sessions_becomes_a_dead_letter() {
    let mut engine = Peer::start(&["engine", "--redelivery-limit", "1", "--dead-letter", "dead:"]);
    assert_eq!(engine.ask("text down:poison"), "published 1");
    for id in [ID, OTHER_ID] {
        let (session, _) = open(engine.port, id);
        assert_eq!(session.receive().0, "ok");
        assert_eq!(session.receive().1.as_deref(), Some(&b"down:poison"[..]));
        // Every error ends the session.
        session.send("nonsense", None);
        assert!(session.receive().0.starts_with("error code=bad-command"));
    }
    let others = engine.ask("other-wait 1 10000");
    assert!(others.starts_with("other 1 646561643a"), "{others}");
    let ledger: Value = serde_json::from_str(&engine.ask("ledger")).unwrap();
    assert_eq!((&ledger["dead_lettered"], &ledger["balances"]), (&1.into(), &true.into()));
}

#[test]
fn the_application_waits_for_its_client_if_it_is_told_to() {
    let mut engine = Peer::start(&["engine", "--wait-for-external-ms", "10000"]);
    engine.send("publish 1");
    assert_eq!(engine.ask("collected"), "collected 0 distinct 0 in_order true last -");
    let (session, _) = open(engine.port, ID);
    assert_eq!(engine.line(), "published 1");
    assert_eq!(session.receive().0, "ok");
    let mut engine = Peer::start(&["engine", "--wait-for-external-ms", "10"]);
    let ended = engine.ask("wait 10000");
    assert!(ended.contains(r#""success":false"#), "{ended}");
}

#[test]
fn a_session_outlives_a_connection_that_the_proxy_cuts() {
    let mut engine = Peer::start(&["engine"]);
    let target = format!("127.0.0.1:{}", engine.port);
    let mut proxy = Peer::start(&["proxy", "--target", &target]);
    let (mut session, _) = open(proxy.port, ID);
    assert_eq!(session.receive().0, "ok");
    assert_eq!(engine.ask("publish 1"), "published 1");
    assert!(session.receive().0.starts_with("events seq=1"));
    for cut in ["cut fin", "cut reset"] {
        assert_eq!(proxy.ask(cut), "cut 1");
        let welcome;
        (session, welcome) = open(proxy.port, ID);
        assert!(welcome.contains(" resumed=1 "), "{welcome}");
        // `published` comes somewhere among them.
        let mut messages =
            std::iter::repeat_with(|| session.receive()).filter(|(header, _)| header != "published id=0");
        assert_eq!(messages.next().unwrap().0, "ok");
        let (header, payload) = messages.next().unwrap();
        assert!(header.starts_with("events seq=1") && !header.contains("redelivered"), "{header}");
        assert_eq!(payload.as_deref(), Some(&b"down:00000000"[..]));
    }
}
