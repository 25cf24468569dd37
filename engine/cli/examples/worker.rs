//! A plugin for tests of `event-engine run`: `worker source [COUNT]`, `worker stubborn`, `worker chatty`, `worker relay`, `worker sink`,
//! `worker basic`, `worker hang`, `worker unequal`.
//!
//! The source publishes `SA…` until it is told to stop, or COUNT events; a stubborn one does not stop, a chatty one prints without end. The relay publishes
//! `MI…` for each; the sink counts. One hangs on every event that nobody had before. Of unequal replicas the first quits and stays, the
//! other dies of every event that nobody had before.

use std::error::Error;

use event_engine_client::{Client, Profile};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let profile =
        if arguments.first().is_some_and(|role| role == "basic") { Profile::Basic } else { Profile::Auto };
    let client = Client::options().profile(profile).from_env()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["source", rest @ ..] => {
            let count = rest.first().map(|count| count.parse()).transpose()?.unwrap_or(u64::MAX);
            let mut number = 0;
            while number < count && !client.stopping() {
                client.publish(format!("SA{number}"))?;
                number += 1;
            }
        }
        ["stubborn"] => {
            client.publish("SA0")?;
            loop {
                std::thread::park();
            }
        }
        ["chatty"] => loop {
            println!("{}", "and on ".repeat(10));
        },
        ["relay"] => {
            for event in client.events() {
                let number = event?.get(2..).unwrap_or_default().to_vec();
                client.publish([&b"MI"[..], &number].concat())?;
            }
        }
        ["sink"] => {
            let mut count = 0;
            for event in client.events() {
                event?;
                count += 1;
            }
            println!("counted {count}");
            client.quit()?;
            // Whoever has quit may take its time.
            std::thread::park_timeout(std::time::Duration::from_millis(100));
            println!("ended by itself");
        }
        // Without a session: told by its stop event, or by a signal.
        ["basic"] => {
            while client.next_event()?.as_ref() != b"ZZ" {}
            std::thread::park_timeout(std::time::Duration::from_millis(100));
            println!("heard its stop event");
        }
        ["hang"] => {
            for event in client.events() {
                while !event.as_ref().is_ok_and(|event| event.redelivered()) {
                    std::thread::park();
                }
            }
        }
        ["unequal"] if std::env::var("EVENT_ENGINE_REPLICA")? == "1" => {
            client.quit()?;
            std::fs::write("has-quit", "")?;
            loop {
                std::thread::park();
            }
        }
        ["unequal"] => {
            if !client.next_event()?.redelivered() {
                std::process::abort();
            }
        }
        _ => {
            return Err(
                "worker source [COUNT] | stubborn | chatty | relay | sink | basic | hang | unequal".into()
            )
        }
    }
    client.quit()?;
    Ok(())
}
