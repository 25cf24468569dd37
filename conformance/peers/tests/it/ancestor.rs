//! `peers ancestor`

use crate::support::{Basic, Peer};

#[test]
fn the_ancestor_serves_a_client_in_basic() {
    let mut engine = Peer::start(&["ancestor"]);
    let client = Basic::connect(engine.port);
    // Its subscriptions may work only after its barrier: what comes first may be lost.
    let mut published = 0;
    client.publish(b"up:00000000");
    while engine.ask("collected-wait 1 50").starts_with("collected 0") {
        published += 1;
        client.publish(format!("up:{published:08}").as_bytes());
    }
    client.publish(b"neither");
    assert_eq!(engine.ask("publish 2"), "published 2");
    assert_eq!(engine.ask("text down:more"), "published 1");
    assert_eq!(
        [client.next(), client.next(), client.next()],
        ["down:00000000", "down:00000001", "down:more"]
    );
    assert_eq!(engine.ask("other-wait 1 10000"), "other 1 6e656974686572");
    assert!(engine.ask("ledger").starts_with("error "));
    assert_eq!(engine.ask("wait 0"), "running");
    client.quit();
    assert_eq!(engine.ask("wait 10000"), "ended COMPLETED {}");
    assert!(engine.close_stdin());
}
