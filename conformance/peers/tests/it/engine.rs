//! `peers engine`

use crate::support::{Basic, Peer};

#[test]
fn numbered_events_go_down_and_come_up() {
    let mut engine = Peer::start(&["engine"]);
    assert_eq!(engine.ask("publish 2"), "published 2");
    assert_eq!(engine.ask("batch 2 20"), "published 2");
    assert_eq!(engine.ask("publish-slowly 1 100"), "published 1");
    let client = Basic::connect(engine.port);
    assert_eq!(client.next(), "down:00000000");
    assert_eq!(client.next(), "down:00000001");
    assert_eq!(client.next(), "down:00000002.......");
    assert_eq!(client.next(), "down:00000003.......");
    assert_eq!(client.next(), "down:00000004");
    client.publish(b"up:00000000");
    client.publish(b"up:00000001");
    client.publish(b"neither");
    assert_eq!(engine.ask("other-wait 1 10000"), "other 1 6e656974686572");
    assert_eq!(engine.ask("collected"), "collected 2 distinct 2 in_order true last 1");
    client.publish(b"up:rust:00000000 with more");
    assert_eq!(engine.ask("collected-wait 3 10000"), "collected 3 distinct 3 in_order true last 0");
    assert_eq!(engine.ask("collected"), "collected 3 distinct 3 in_order true last 0");
    assert_eq!(engine.ask("other"), "other 1 6e656974686572");
    assert_eq!(engine.ask("collected-wait 4 10"), "collected 3 distinct 3 in_order true last 0");
}

#[test]
fn literal_events_are_published_as_they_are() {
    let mut engine = Peer::start(&["engine", "--subscribe", "", "--stop-event", "the end"]);
    let client = Basic::connect(engine.port);
    assert_eq!(engine.ask("text any text "), "published 1");
    assert_eq!(engine.ask("hex"), "published 1");
    assert_eq!(engine.ask("hex 6869"), "published 1");
    assert_eq!([client.next(), client.next(), client.next()], ["any text ", "", "hi"]);
    assert_eq!(engine.ask("other"), "other 0");
    assert_eq!(engine.ask("stop"), "stopping");
    assert_eq!(client.next(), "the end");
    client.quit();
    let ended = engine.ask("wait 10000");
    assert!(ended.starts_with("ended COMPLETED {"), "{ended}");
    assert!(ended.contains(r#""success":true"#), "{ended}");
}

#[test]
fn the_application_ends_when_its_client_has_quit() {
    let mut engine = Peer::start(&["engine", "--replicas", "2"]);
    assert_eq!(engine.ask("wait 0"), "running");
    let (one, other) = (Basic::connect(engine.port), Basic::connect(engine.port));
    one.publish(b"up:00000000");
    one.quit();
    other.publish(b"up:00000001");
    assert_eq!(engine.ask("wait 0"), "running");
    other.quit();
    assert!(engine.ask("wait 10000").starts_with("ended COMPLETED {"));
    assert!(engine.ask("wait 0").starts_with("ended COMPLETED {"));
    assert_eq!(engine.ask("collected"), "collected 2 distinct 2 in_order true last 1");
    assert!(engine.ask("ledger").contains(r#""published":2"#));
    assert!(engine.ask("publish 1").starts_with("error "));
}

#[test]
fn the_stop_deadline_ends_an_application_whose_client_does_not() {
    let mut engine = Peer::start(&["engine", "--stop-within-ms", "50"]);
    engine.ask("stop");
    assert!(engine.ask("wait 10000").starts_with("ended STOPPED {"));
}

#[test]
fn a_full_queue_holds_publishing_up_and_nothing_else() {
    let mut engine = Peer::start(&["engine", "--queue-events", "10"]);
    engine.send("publish 20 100");
    assert_eq!(engine.ask("collected"), "collected 0 distinct 0 in_order true last -");
    let client = Basic::connect(engine.port);
    for number in 0..20 {
        assert!(client.next().starts_with(&format!("down:{number:08}.")));
    }
    assert_eq!(engine.line(), "published 20");
    let ledger: serde_json::Value = serde_json::from_str(&engine.ask("ledger")).unwrap();
    assert_eq!((&ledger["matched"], &ledger["balances"]), (&20.into(), &true.into()));
}

#[test]
fn mistakes_are_answered_and_the_end_of_stdin_is_the_end() {
    let mut engine = Peer::start(&["engine"]);
    for command in ["", "nonsense", "publish", "publish x", "publish 1 2 3", "hex 0", "batch 1", "wait"] {
        let answer = engine.ask(command);
        assert!(answer.starts_with("error "), "{command}: {answer}");
    }
    assert!(engine.close_stdin());
    let mut engine = Peer::start(&["engine"]);
    assert_eq!(engine.ask("exit"), "exiting");
    assert!(engine.close_stdin());
}
