//! Metrics and health over HTTP (spec/control.md).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use event_engine::{Builder, Handle, Laggards, PluginSpec, StartError};
use serde_json::{json, Value};

use crate::support::{end, eventually, ports, start, told, within, SOON};

/// What a server says to these bytes, after which nothing more comes.
fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let _ = stream.write_all(request);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Status and body.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = exchange(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = format!("Content-Length: {}", body.len());
    assert!(head.lines().any(|line| line == length), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

fn address(handle: &Handle) -> SocketAddr {
    handle.metrics_address().unwrap()
}

/// Samples by their name and labels, as written; every line is what Prometheus reads.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let is_name = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && name.starts_with("event_engine_")
    };
    let mut samples = BTreeMap::new();
    let (mut helped, mut typed) = (BTreeSet::new(), BTreeMap::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(is_name(name) && help.ends_with('.') && helped.insert(name), "{line}");
            // Each says by itself what it is about.
            let subject = if name.starts_with("event_engine_plugin_") { "plugin" } else { "application" };
            assert!(help.contains(subject), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge"].contains(&kind) && typed.insert(name, kind).is_none(), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert!(helped.contains(name) && typed.contains_key(name), "{line}");
            if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                let labels = labels.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
                assert!(labels.ends_with('"') && labels.contains("=\""), "{line}");
            }
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(samples.insert(series.to_string(), value).is_none(), "twice: {line}");
        }
    }
    samples
}

/// EE-CONTROL-18
#[test]
fn metrics_are_the_status() {
    let (go, gate) = mpsc::channel::<()>();
    let (tell, reading) = mpsc::channel();
    let (handle, source) = start(Builder::new().name("camera \"1\"\n\\").metrics("127.0.0.1:0").plugin(
        PluginSpec::new("reads \"all\"").subscribe("x"),
        move |context| {
            let first = context.next_event()?;
            tell.send(first.len())?;
            let _ = gate.recv();
            context.events().for_each(drop);
            Ok(())
        },
    ));
    let address = address(&handle);
    source.publish("x123");
    assert_eq!(told(&reading), 4);
    source.publish("x1234567");
    source.publish("nobody");
    let scraped = |series: &str| {
        let samples = parse(&get(address, "/metrics").1);
        *samples.get(series).unwrap_or_else(|| panic!("no {series} in {samples:#?}"))
    };
    let of = |what: &str| scraped(&format!("event_engine_plugin_{what}{{plugin=\"reads \\\"all\\\"\"}}"));
    assert_eq!(scraped("event_engine_events_accepted_total"), 3.0);
    assert_eq!(scraped("event_engine_events_unmatched_total"), 1.0);
    assert_eq!(scraped("event_engine_ledger_balances"), 1.0);
    assert_eq!(scraped("event_engine_phase{phase=\"running\"}"), 1.0);
    assert_eq!(scraped("event_engine_plugin_published_events_total{plugin=\"source\"}"), 3.0);
    let version = env!("CARGO_PKG_VERSION");
    let info = format!("event_engine_info{{application=\"camera \\\"1\\\"\\n\\\\\",version=\"{version}\"}}");
    assert_eq!(scraped(&info), 1.0);
    assert_eq!((of("matched_events_total"), of("queued_events"), of("queued_bytes")), (2.0, 1.0, 8.0));
    assert_eq!((of("in_flight_events"), of("delivered_events_total")), (1.0, 0.0));
    eventually("the oldest event ages", || of("oldest_event_seconds") >= 0.02);
    let uptime = scraped("event_engine_uptime_seconds");
    eventually("time goes on", || scraped("event_engine_uptime_seconds") > uptime);
    drop(go);
    eventually("it is read", || of("delivered_events_total") == 2.0);
    assert_eq!(of("oldest_event_seconds"), 0.0);
    drop(source);
    handle.stop();
    end(handle);
    assert!(ports::refuses(address.port()), "it ends with the application");
}

/// EE-CONTROL-20
#[test]
fn health_says_whether_it_runs() {
    let health = |address| {
        let (status, body) = get(address, "/health");
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let (fail, failing) = mpsc::channel::<()>();
    let handle = Builder::new()
        .metrics("127.0.0.1:0")
        .wait_for_external(SOON, Laggards::Fail)
        .external(PluginSpec::new("late").subscribe("x"), 0)
        .plugin(PluginSpec::new("fails"), move |_| {
            let _ = failing.recv();
            Err("of the test".into())
        })
        .start()
        .unwrap();
    let address = address(&handle);
    assert_eq!(health(address), (503, json!({"phase": "starting", "failed": []})));
    let session = crate::support::session::Session::open(handle.port("late").unwrap(), 9, 10);
    assert_eq!(health(address), (200, json!({"phase": "running", "failed": []})));
    drop(fail);
    eventually("it has failed", || {
        health(address) == (200, json!({"phase": "running", "failed": ["fails"]}))
    });
    handle.stop();
    // Nothing is left to drain, or not yet.
    let (code, answer) = health(address);
    assert_eq!((code, &answer["failed"]), (503, &json!(["fails"])));
    assert!(["draining", "stopping"].contains(&answer["phase"].as_str().unwrap()), "{answer}");
    session.say("quit");
    assert!(!end(handle).is_success());
}

/// EE-CONTROL-19: whatever comes, others are answered.
#[test]
fn peers_that_do_everything_wrong_hurt_nobody() {
    let (handle, source) = start(Builder::new().metrics("127.0.0.1:0"));
    let address = address(&handle);
    let status = |request: &[u8]| exchange(address, request).split(' ').nth(1).unwrap_or("none").to_string();
    assert_eq!(status(b"GET /metrics HTTP/1.0\r\n\r\n"), "200");
    assert_eq!(status(b"GET /health?verbose=1 HTTP/1.1\r\n\r\n"), "200");
    assert_eq!(status(b"GET / HTTP/1.1\r\n\r\n"), "404");
    assert_eq!(status(b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345"), "405");
    assert_eq!(status(b"\x16\x03\x01\x02\x00\x01\x00"), "400");
    assert_eq!(status(b"GET /metrics FTP/9\r\n\r\n"), "400");
    assert_eq!(
        status(
            &b"GET /metrics HTTP/1.1\r\n"
                .iter()
                .copied()
                .chain(*b"a: b\r\n".repeat(100).first_chunk::<600>().unwrap())
                .collect::<Vec<_>>()
        ),
        "431"
    );
    let long = [b"GET /".as_slice(), &[b'a'; 20_000]].concat();
    assert_eq!(status(&long), "431");
    let head = exchange(address, b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    // Half a request and nothing more, on as many connections as there may be, is over after 5 s; until then others are turned away.
    let slow: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
            stream
        })
        .collect();
    eventually("others are answered again", || {
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.write_all(b"GET /health HTTP/1.1\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 200")
    });
    for mut stream in slow {
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        // One that found no place was cut at once.
        assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
        assert_eq!(rest, b"");
    }
    // One that drips, and one that never reads its answer.
    let dripping = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut written = 0;
        while stream.write_all(b"G").is_ok() {
            written += 1;
            thread::park_timeout(Duration::from_millis(5));
            assert!(written < 20_000, "it is cut");
        }
    });
    let mut deaf = TcpStream::connect(address).unwrap();
    deaf.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    deaf.shutdown(Shutdown::Write).unwrap();
    assert_eq!(get(address, "/health").0, 200);
    within(SOON, "the end of one that drips", move || dripping.join().unwrap());
    // The end waits for nobody.
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"GET").unwrap();
    drop(source);
    assert!(end(handle).is_success());
}

/// EE-CONTROL-19: a head is as long as it may be and not a byte longer, however it comes; what is wrong is told as it is.
#[test]
fn heads_are_bounded_to_the_byte() {
    const MAX: usize = 8_192;
    let (handle, source) = start(Builder::new().metrics("127.0.0.1:0"));
    let address = address(&handle);
    let (begin, end_of_head) = ("GET /health HTTP/1.1\r\nx: ", "\r\n\r\n");
    for (bytes, status) in
        [(MAX - 1, "200"), (MAX, "200"), (MAX + 1, "431"), (10_240, "431"), (10_241, "431")]
    {
        let filling = "a".repeat(bytes - begin.len() - end_of_head.len());
        let head = format!("{begin}{filling}{end_of_head}");
        for piece in [bytes, 1_000] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in head.as_bytes().chunks(piece) {
                stream.write_all(piece).unwrap();
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer.split(' ').nth(1), Some(status), "{bytes} in pieces of {piece}: {answer}");
        }
    }
    let headers = |count| {
        exchange(address, format!("GET /health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count)).as_bytes())
    };
    assert!(headers(64).starts_with("HTTP/1.1 200"), "{}", headers(64));
    let answer = headers(65);
    assert!(answer.starts_with("HTTP/1.1 431") && answer.contains("more than 64 headers"), "{answer}");
    let answer = exchange(address, b"DELETE /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("\r\nAllow: GET, HEAD\r\n"), "{answer}");
    assert!(!headers(1).contains("Allow"));
    drop(source);
    end(handle);
}

/// EE-CONTROL-21: nobody opens it to others by mistake.
#[test]
fn addresses_are_checked_before_anything_runs() {
    let refused = |builder: Builder| match builder.start() {
        Err(error @ StartError::Metrics { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9100"] {
        let error = refused(Builder::new().metrics(open));
        assert!(error.contains(open) && error.contains("metrics_exposed()"), "{error}");
    }
    for bad in ["", "9100", "localhost:9100", "127.0.0.1", "127.0.0.1:99999"] {
        let error = refused(Builder::new().metrics(bad));
        assert!(error.contains("no address"), "{error}");
    }
    let (_listener, port) = ports::taken();
    let error = refused(Builder::new().metrics(format!("127.0.0.1:{port}")));
    assert!(error.contains("another process uses it"), "{error}");
    let (handle, source) = start(Builder::new().metrics_exposed("0.0.0.0:0"));
    assert_eq!(get(([127, 0, 0, 1], address(&handle).port()).into(), "/health").0, 200);
    drop(source);
    end(handle);
    let (handle, source) = start(Builder::new());
    assert_eq!(handle.metrics_address(), None);
    drop(source);
    end(handle);
}
