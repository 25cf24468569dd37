//! Fault (k): peers that speak something else, or ZMTP wrongly, or nothing at all. The port goes on, and nothing of theirs is published.

use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use event_engine::{zmq, Builder, Handle, PluginSpec};

use crate::support::child::in_child;
use crate::support::client::Client;
use crate::support::listener::Listener;
use crate::support::raw::{announced, greeting, message, message_of_zmtp_1, ready, Raw};
use crate::support::{end, eventually, eventually_within, start, within, Source, SOON};

/// A generator of numbers that only need to look random and be the same each time (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Bytes of all values, or of small ones only, which more often make sense as flags and lengths.
    fn bytes(&mut self) -> Vec<u8> {
        let top = if self.next().is_multiple_of(2) { 256 } else { 16 };
        (0..self.below(200)).map(|_| self.below(top) as u8).collect()
    }

    /// One of five kinds of string, by `number`: bytes; bytes that begin like a greeting; a greeting and bytes; a handshake and bytes; a
    /// session with up to four bytes of its handshake changed. No session asks for something that would be done.
    fn garbage(&mut self, number: usize) -> Vec<u8> {
        match number % 5 {
            0 => self.bytes(),
            1 => [vec![0xff], self.bytes()].concat(),
            2 => [greeting(), self.bytes()].concat(),
            3 => [greeting(), ready("REQ"), self.bytes()].concat(),
            _ => {
                let mut session = [greeting(), ready("REQ")].concat();
                for _ in 0..=self.below(4) {
                    let at = self.below(session.len());
                    session[at] = self.next() as u8;
                }
                session.extend(message(&[&b""[..], b"plugin_command: garbage"]));
                session
            }
        }
    }
}

/// What a scene of this module looks like: all kinds of ports, each watched by a good peer.
struct Scene {
    handle: Handle,
    source: Source,
    publish: u16,
    subscribe: u16,
    plugin: u16,
    client: Client,
    listener: Listener,
    publisher: Client,
    /// Events that good peers published.
    good: u64,
}

impl Scene {
    fn new() -> Scene {
        let (handle, source) =
            start(Builder::new().bus(0, 0).external(PluginSpec::new("x").subscribe("good "), 0));
        let (publish, subscribe) = handle.bus_ports().unwrap();
        let plugin = handle.port("x").unwrap();
        let listener = Listener::new(&source, subscribe, &[b""]);
        let publisher = Client::connect(zmq::PUB, publish);
        let client = Client::req(plugin);
        // A PUB drops what it sends before the engine has subscribed.
        eventually("the publish port hears", || {
            publisher.send("hello");
            handle.ledger().plugin("bus").unwrap().published > 0
        });
        let mut scene =
            Scene { handle, source, publish, subscribe, plugin, client, listener, publisher, good: 0 };
        scene.settle();
        scene.good = scene.handle.ledger().accepted;
        scene
    }

    /// Takes what came before the scene began.
    fn settle(&self) {
        self.publisher.send("good end");
        assert_eq!(self.client.next(), b"good end");
        while self.listener.next() != b"good end" {}
    }

    /// Every good peer is served, and nobody else has published anything.
    fn check(&mut self) {
        self.client.publish("good 1");
        self.publisher.send("good 2");
        let mut read = [self.client.next(), self.client.next()];
        let mut heard = [self.listener.next(), self.listener.next()];
        read.sort();
        heard.sort();
        let expected = [&b"good 1"[..], b"good 2"];
        assert_eq!(read, expected, "at the plugin's port");
        assert_eq!(heard, expected, "at the subscribe port");
        self.good += 2;
        assert_eq!(self.handle.ledger().accepted, self.good, "somebody else has published");
    }

    fn end(mut self) {
        self.check();
        self.client.quit();
        drop(self.source);
        let report = end(self.handle);
        assert!(report.is_success(), "{report}");
        assert!(report.ledger.balances(), "{report}");
    }
}

/// Sends a string on a connection of its own and reads until the engine has closed it, which says that it has read everything.
fn throw(port: u16, bytes: &[u8]) {
    let mut peer = Raw::connect(port);
    // The engine may hang up before it has everything.
    let _ = peer.try_send(bytes);
    peer.finish();
    assert!(
        peer.read_to_close(SOON).is_some(),
        "the engine holds a connection whose peer has finished: {bytes:02x?}"
    );
}

/// Strings to one port from four threads, while good peers are served.
fn throw_garbage(port: fn(&Scene) -> u16, numbers: Range<usize>) {
    const THREADS: usize = 4;
    let mut scene = Scene::new();
    let target = port(&scene);
    let thrown = Arc::new(AtomicU64::new(0));
    let throwers: Vec<_> = (0..THREADS)
        .map(|lane| {
            let (numbers, thrown) = (numbers.clone(), Arc::clone(&thrown));
            thread::spawn(move || {
                for number in numbers.skip(lane).step_by(THREADS) {
                    throw(target, &Random(number as u64).garbage(number));
                    thrown.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    scene.check();
    let mut rounds = 0;
    while !throwers.iter().all(thread::JoinHandle::is_finished) {
        // A round now and then: the machine is for the garbage.
        let next = thrown.load(Ordering::Relaxed) + 50;
        eventually_within(SOON, "garbage goes on", || {
            thrown.load(Ordering::Relaxed) >= next || throwers.iter().any(thread::JoinHandle::is_finished)
        });
        scene.check();
        rounds += 1;
    }
    throwers.into_iter().for_each(|thrower| thrower.join().unwrap());
    assert!(rounds > 10, "only {rounds} rounds of good peers meanwhile");
    scene.end();
}

/// 20,000 strings to a plugin's port.
///
/// EE-BASIC-4, EE-LIMIT-8
#[test]
fn k_garbage_publishes_nothing_and_leaves_the_port_serving() {
    throw_garbage(|scene| scene.plugin, 0..20_000);
}

/// 20,000 others to the two ports of the bus.
///
/// EE-BUS-7, EE-LIMIT-8
#[test]
fn k_garbage_at_the_bus_publishes_nothing() {
    throw_garbage(|scene| scene.publish, 20_000..30_000);
    throw_garbage(|scene| scene.subscribe, 30_000..40_000);
}

/// The openings of other protocols, and the strings that version 0.2.0 took for ZMTP 1.0, which published or ended the port.
///
/// EE-BASIC-4, EE-BUS-7, EE-LIMIT-8
#[test]
fn k_other_protocols_publish_nothing() {
    let tls = [&b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03"[..], &[0x5a; 32], b"\0\0\x02\x13\x01\x01\0"]
        .concat();
    let strings: [Vec<u8>; 8] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        tls,
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"\x01\0\x01\x01\x02\0a".to_vec(),
        b"\x01\0\x01\x01\x02\x01a\x02\0b".to_vec(),
        [message_of_zmtp_1(&[b""]), message_of_zmtp_1(&[b"event"])].concat(),
        [message_of_zmtp_1(&[b""]), message_of_zmtp_1(&[&b""[..], b"plugin_command: quit"])].concat(),
        b"".to_vec(),
    ];
    let mut scene = Scene::new();
    for string in strings {
        for port in [scene.plugin, scene.publish, scene.subscribe] {
            throw(port, &string);
        }
        scene.check();
    }
    scene.end();
}

/// Sockets of every type at every port: only the right ones are heard.
///
/// EE-BASIC-4, EE-BUS-7
#[test]
fn k_wrong_socket_types_are_not_heard() {
    const TYPES: [&str; 12] =
        ["REQ", "REP", "DEALER", "ROUTER", "PUB", "SUB", "XPUB", "XSUB", "PUSH", "PULL", "PAIR", "nonsense"];
    let mut scene = Scene::new();
    let right = [
        (scene.plugin, &["REQ", "DEALER"]),
        (scene.publish, &["PUB", "XPUB"]),
        (scene.subscribe, &["SUB", "XSUB"]),
    ];
    for (port, right) in right {
        for wrong in TYPES.iter().filter(|kind| !right.contains(kind)) {
            let request = message(&[&b""[..], b"an event"]);
            throw(port, &[greeting(), ready(wrong), request, message(&[b"an event"])].concat());
        }
        scene.check();
    }
    scene.end();
}

/// Frames larger than the transport limit cut the connection, and memory is not reserved for what is only announced.
///
/// EE-LIMIT-2
#[test]
fn k_huge_announced_frame_cuts_the_connection() {
    const MIB: u64 = 1 << 20;
    if !in_child("garbage::k_huge_announced_frame_cuts_the_connection", &[]) {
        return;
    }
    let mut scene = Scene::new();
    let before = resident_bytes();
    let announcements = [1 << 62, 1 << 63, u64::MAX, 8 << 30, 256 * MIB + 1];
    for bytes in announcements {
        for (port, kind) in [(scene.plugin, "REQ"), (scene.publish, "PUB")] {
            let mut peer = Raw::handshake(port, kind);
            peer.send(&announced(bytes));
            assert!(
                peer.read_to_close(SOON).is_some(),
                "{bytes} bytes announced, and the connection is still open"
            );
        }
        scene.check();
    }
    // Announced within the limit but never sent.
    let patient: Vec<Raw> = (0..20)
        .map(|_| {
            let mut peer = Raw::handshake(scene.plugin, "REQ");
            peer.send(&[announced(256 * MIB), vec![7; 100]].concat());
            peer
        })
        .collect();
    scene.check();
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 * MIB, "memory grew by {grown} bytes");
    drop(patient);
    scene.end();
}

/// What this process has in memory.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Connections that never finish their handshake cost the others nothing, and are closed after a while.
///
/// EE-LIMIT-5
#[test]
fn k_half_open_connections_are_closed() {
    const CONNECTIONS: usize = 1_000;
    const HANDSHAKE: Duration = Duration::from_secs(10);
    if !in_child("garbage::k_half_open_connections_are_closed", &[]) {
        return;
    }
    let mut scene = Scene::new();
    let starts: [Vec<u8>; 4] = [Vec::new(), vec![0xff], greeting()[..20].to_vec(), greeting()];
    let begun = Instant::now();
    let half_open: Vec<Raw> = (0..CONNECTIONS)
        .map(|number| {
            let port = [scene.plugin, scene.publish, scene.subscribe][number % 3];
            let mut peer =
                Raw::try_connect(port).expect("1,000 connections take 2,000 descriptors (ulimit -Hn)");
            peer.send(&starts[number % starts.len()]);
            peer
        })
        .collect();
    let closing = thread::spawn(move || {
        for mut peer in half_open {
            let left = (HANDSHAKE + SOON).saturating_sub(begun.elapsed());
            assert!(peer.read_to_close(left).is_some(), "a half-open connection is not closed");
        }
    });
    let mut rounds = 0;
    while rounds < 200 && !closing.is_finished() {
        scene.check();
        rounds += 1;
    }
    assert!(rounds >= 20, "only {rounds} rounds of good peers in {:?}", begun.elapsed());
    within(HANDSHAKE + SOON, "all were closed", move || closing.join().unwrap());
    scene.end();
}
