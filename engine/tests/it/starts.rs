//! Starting, over and over.

use std::env;
use std::sync::mpsc;

use event_engine::App;

use crate::support::client::Client;
use crate::support::{end, eventually, seed, told};

const NAMES: [&str; 3] = ["first", "second", "third"];
const BURST: usize = 30;

/// How many starts: EE_STARTS, or 200.
fn starts() -> usize {
    env::var("EE_STARTS").map_or(200, |text| text.parse().expect("EE_STARTS is a number"))
}

/// EE-SYNC-1, EE-SYNC-2, EE-SYNC-3: three plugins publish a burst as soon as they start, and a process comes late; everybody gets
/// everything, the first event included.
#[test]
fn burst_at_start_loses_nothing() {
    for round in 0..starts() {
        let (tell, seen) = mpsc::channel();
        let mut app = App::new(0, 0);
        for name in NAMES {
            let tell = tell.clone();
            let (plugin, _) = seed::internal(name, &["burst/"], move |publish, subscribe| {
                for number in 0..BURST {
                    publish.send(&format!("burst/{name}/{number}"), 0)?;
                }
                let mut got = Vec::new();
                while got.len() < NAMES.len() * BURST {
                    got.push(subscribe.recv_bytes(0)?);
                }
                let _ = tell.send(got);
                Ok(())
            });
            app = app.register_plugin(plugin);
        }
        let handle = app.register_external_plugin(seed::external("late", &["burst/"], 0).0).start().unwrap();
        if round % 2 == 0 {
            eventually("all has been said", || handle.ledger().accepted == (NAMES.len() * BURST) as u64);
        }
        let client = Client::req(handle.port("late").unwrap());
        let late: Vec<Vec<u8>> = (0..NAMES.len() * BURST).map(|_| client.next()).collect();
        client.quit();
        for _ in NAMES {
            assert_eq!(told(&seen), late, "start {round}");
        }
        let mut sorted = late;
        sorted.sort();
        let mut expected: Vec<Vec<u8>> = NAMES
            .iter()
            .flat_map(|name| (0..BURST).map(move |number| format!("burst/{name}/{number}").into_bytes()))
            .collect();
        expected.sort();
        assert_eq!(sorted, expected, "start {round}");
        let report = end(handle);
        assert!(report.is_success() && report.ledger.balances(), "start {round}: {report}");
    }
}
