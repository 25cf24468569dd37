//! Random applications against a model: chains, forks and circles that come to an end, inside and outside. Every event is delivered, and
//! the application ends by itself or runs dry when it is stopped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use event_engine::{Builder, Context, Handle, PluginSpec, QueueLimits};
use event_engine_client::{Client, Profile};

use super::assert_nothing_left;
use crate::support::{end, eventually, logs};

/// How long one application may take on a machine that is busy with other things.
const BOUND: Duration = Duration::from_secs(60);
const STOP_EVENT: &[u8] = b"zz/the end";

/// Pseudo-random numbers; the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// What comes of an event `t<plugin>/<hops left>/<name>`: the events that its reader publishes, always the same.
fn offspring(event: &[u8], plugins: u64) -> Vec<String> {
    let text = std::str::from_utf8(event).unwrap();
    let mut parts = text[1..].split('/');
    let (_, hops, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let hops: u64 = hops.parse().unwrap();
    if hops == 0 {
        return Vec::new();
    }
    let mut dice = Dice(event.iter().fold(7, |hash, byte| hash * 31 % 1_000_003 + u64::from(*byte)));
    dice.roll(2);
    (0..dice.roll(4).min(2))
        .map(|child| format!("t{}/{}/{name}{child}", dice.roll(plugins), hops - 1))
        .collect()
}

/// How often each plugin gets something, when these events are published.
fn expected(events: Vec<String>, plugins: u64) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    let mut open = events;
    while let Some(event) = open.pop() {
        let target: u64 = event[1..].split('/').next().unwrap().parse().unwrap();
        *counts.entry(target).or_default() += 1;
        open.extend(offspring(event.as_bytes(), plugins));
    }
    counts
}

/// What was published by sources and handled by plugins.
#[derive(Default)]
struct Seen {
    published: Vec<String>,
    handled: BTreeMap<u64, u64>,
}

type Shared = Arc<Mutex<Seen>>;

fn handled(seen: &Shared, plugin: u64) {
    *seen.lock().unwrap().handled.entry(plugin).or_default() += 1;
}

/// The events of a source that ends by itself after `count`, or goes on until it is told.
fn nth(source: u64, number: u64, plugins: u64, hops: u64) -> String {
    let mut dice = Dice(source * 1_000_003 + number);
    dice.roll(2);
    format!("t{}/{}/{source}.{number}.", dice.roll(plugins), dice.roll(hops + 1))
}

fn inside(context: &mut Context, plugin: u64, plugins: u64, seen: &Shared) {
    while let Ok(event) = context.next_event() {
        for child in offspring(&event, plugins) {
            context.publish(child).unwrap();
        }
        handled(seen, plugin);
    }
}

/// A client in a session; it dies now and then with an event in its hands, and comes again.
fn in_session(endpoint: &str, plugin: u64, plugins: u64, seen: &Shared, mut dice: Dice) {
    'lives: loop {
        let client = Client::options().profile(Profile::Session).timeout(BOUND).connect(endpoint).unwrap();
        while let Ok(event) = client.next_event() {
            if !event.redelivered() && dice.roll(40) == 0 {
                client.close();
                continue 'lives;
            }
            client.publish_batch(offspring(&event, plugins)).unwrap();
            handled(seen, plugin);
        }
        client.quit().unwrap();
        return;
    }
}

fn by_the_basic_profile(endpoint: &str, plugin: u64, plugins: u64, seen: &Shared) {
    let client = Client::options().profile(Profile::Basic).timeout(BOUND).connect(endpoint).unwrap();
    loop {
        let event = client.next_event().unwrap();
        if &event[..] == STOP_EVENT {
            client.quit().unwrap();
            return;
        }
        for child in offspring(&event, plugins) {
            client.publish(child).unwrap();
        }
        handled(seen, plugin);
    }
}

/// One random application. It ends by itself, or it is stopped while its sources still publish.
fn round(seed: u64) {
    logs::capture();
    let mut dice = Dice(seed);
    let plugins = 1 + dice.roll(5);
    let sources = 1 + dice.roll(2);
    let hops = dice.roll(7);
    let stopped = dice.roll(2) == 0;
    let count = if stopped { u64::MAX } else { dice.roll(300) };
    let room = if dice.roll(3) == 0 { 1 + dice.roll(20) } else { 10_000 };
    let limits = QueueLimits { max_events: usize::try_from(room).unwrap(), ..QueueLimits::default() };
    let seen = Shared::default();

    let mut builder = Builder::new().stop_within(BOUND);
    if !stopped {
        builder = builder.until_done();
    }
    let mut outside = Vec::new();
    for plugin in 0..plugins {
        let spec =
            PluginSpec::new(format!("t{plugin}")).subscribe(format!("t{plugin}/")).queue_limits(limits);
        let seen = Arc::clone(&seen);
        match dice.roll(3) {
            0 => {
                builder = builder.plugin(spec, move |context| {
                    inside(context, plugin, plugins, &seen);
                    Ok(())
                });
            }
            kind => {
                let spec = if kind == 1 { spec } else { spec.stop_event(STOP_EVENT) };
                builder = builder.external(spec, 0);
                outside.push((plugin, kind, dice.roll(u64::MAX)));
            }
        }
    }
    for source in 0..sources {
        let seen = Arc::clone(&seen);
        builder = builder.plugin(PluginSpec::new(format!("source {source}")), move |context| {
            for number in 0..count {
                if context.stopping() {
                    break;
                }
                let event = nth(source, number, plugins, hops);
                context.publish(&event[..])?;
                seen.lock().unwrap().published.push(event);
            }
            Ok(())
        });
    }
    let handle = builder.start().unwrap();
    let clients = connect(&handle, outside, plugins, &seen);
    if stopped {
        eventually("it runs", || seen.lock().unwrap().published.len() > 20);
        handle.stop();
    }
    let over = handle.wait_timeout(BOUND);
    assert!(over, "seed {seed} has not ended\n{}\n{}", handle.ledger(), why());
    let report = end(handle);
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_nothing_left(&report);
    let mut seen = seen.lock().unwrap();
    let published = std::mem::take(&mut seen.published);
    assert_eq!(seen.handled, expected(published, plugins), "seed {seed}\n{report}");
}

/// What the log says that the application waits for.
fn why() -> String {
    let lines = [&["it waits for"][..], &["has waited"]].map(logs::lines_with);
    lines.concat().join("\n")
}

fn connect(
    handle: &Handle,
    outside: Vec<(u64, u64, u64)>,
    plugins: u64,
    seen: &Shared,
) -> Vec<JoinHandle<()>> {
    let connect = |(plugin, kind, seed): (u64, u64, u64)| {
        let endpoint = format!("tcp://127.0.0.1:{}", handle.port(&format!("t{plugin}")).unwrap());
        let seen = Arc::clone(seen);
        thread::spawn(move || match kind {
            1 => in_session(&endpoint, plugin, plugins, &seen, Dice(seed)),
            _ => by_the_basic_profile(&endpoint, plugin, plugins, &seen),
        })
    };
    outside.into_iter().map(connect).collect()
}

/// EE-LIFE-10, EE-LIFE-15, EE-DELIVERY-1
#[test]
fn random_applications_lose_nothing_at_their_end() {
    let rounds = std::env::var("STOP_MODEL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let first = std::env::var("STOP_MODEL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for seed in first..first + rounds {
        round(seed);
    }
}
