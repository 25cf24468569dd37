//! Peers of the control socket that do everything wrong. The engine goes on, and so do others on the same socket.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use event_engine::control::client::ClientError;
use event_engine::control::Client;
use event_engine::Builder;

use crate::support::control::{code, Folder, RawControl};
use crate::support::{end, eventually, start, within, SOON};

/// Somebody else is served as if nothing were.
fn others_are_served(path: &Path) {
    let mut client = Client::connect(path).unwrap();
    let order = client.publish(b"event").unwrap();
    assert_eq!(client.status().unwrap().accepted, order);
}

/// EE-CONTROL-7: lines that are no requests are answered, and the connection goes on.
#[test]
fn garbage_is_answered() {
    let folder = Folder::new();
    let path = folder.path("garbage.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let mut connection = RawControl::connect(&path);
    let lines: [&[u8]; 9] = [
        b"GET / HTTP/1.1",
        b"\x00\x01\xff\xfe",
        b"{",
        b"null",
        b"[1,2,3]",
        b"{\"id\":\"1\",\"op\":\"status\"}",
        b"{\"id\":99999999999999999999,\"op\":\"status\"}",
        b"{\"op\":\"status\"}",
        "{\"id\":1,\"op\":\"tap\",\"filters\":[\"\u{e4}\"]}".as_bytes(),
    ];
    for line in lines {
        connection.say([line, b"\n"].concat());
        let answer = connection.heard().unwrap();
        assert_eq!(code(&answer), "bad-request", "{answer}");
    }
    // As deep as a line can be.
    connection.say([vec![b'['; 60_000], b"\n".to_vec()].concat());
    assert_eq!(code(&connection.heard().unwrap()), "bad-request");
    assert_eq!(connection.ask("{\"id\":5,\"op\":\"status\",\"later\":true}")["id"], 5);
    // A half line is none.
    let mut half = RawControl::connect(&path);
    half.say("{\"id\":1,\"op\":\"stop\"}");
    half.stream.shutdown(Shutdown::Write).unwrap();
    assert!(half.heard().is_none());
    others_are_served(&path);
    drop(source);
    end(handle);
}

/// EE-CONTROL-7: an operation is asked for by its name and by nothing else, and each field is of its kind.
#[test]
fn only_names_are_operations() {
    let folder = Folder::new();
    let path = folder.path("names.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let mut connection = RawControl::connect(&path);
    let others = ["-1", "3.0", "true", "null", "[\"stop\"]", "{\"stop\":null}", "\"Stop\"", "\"3\"", "\"\""];
    for op in ["0", "1", "2", "3", "4", "5"].iter().chain(&others) {
        let answer = connection.ask(&format!("{{\"id\":7,\"op\":{op},\"event\":\"\"}}"));
        assert_eq!((code(&answer), answer["id"].as_u64()), ("bad-request", Some(7)), "{op}");
        let text = answer["error"]["text"].as_str().unwrap();
        assert!(text.contains("operation") && text.contains("`stop`") && !text.contains("variant"), "{text}");
    }
    for fields in [
        "\"stop\",\"now\":1",
        "\"stop\",\"now\":\"true\"",
        "\"stop\",\"now\":null",
        "\"publish\"",
        "\"publish\",\"event\":1",
        "\"publish\",\"event\":null",
        "\"publish\",\"event\":[83]",
        "\"tap\",\"filters\":\"SU0=\"",
        "\"tap\",\"filters\":[1]",
        "\"tap\",\"filters\":null",
        "\"tap\",\"filters\":{}",
        "\"status\",\"op\":\"stop\"",
    ] {
        let answer = connection.ask(&format!("{{\"id\":7,\"op\":{fields}}}"));
        assert_eq!(code(&answer), "bad-request", "{fields}");
    }
    for id in ["\"1\"", "1.5", "-1", "null", "[1]", "{}"] {
        let answer = connection.ask(&format!("{{\"id\":{id},\"op\":\"stop\"}}"));
        assert_eq!((code(&answer), answer["id"].as_u64()), ("bad-request", Some(0)), "{id}");
    }
    // A list is no object, whatever is in it.
    assert_eq!(connection.ask("[7]")["id"], 0);
    // What an operation does not know is ignored.
    assert_eq!(connection.ask("{\"id\":8,\"op\":\"status\",\"now\":1}")["ok"]["phase"], "running");
    others_are_served(&path);
    drop(source);
    end(handle);
}

/// EE-CONTROL-7: no line is kept that is longer than it may be.
#[test]
fn long_lines_end_the_connection() {
    const MAX: usize = 1 << 20;
    let folder = Folder::new();
    let path = folder.path("long.sock");
    let (handle, source) = start(Builder::new().control_socket(&path).max_event_bytes(MAX));
    let publish = "{\"id\":1,\"op\":\"publish\",\"event\":\"";
    for (begin, longest) in
        [("{\"id\":1,\"op\":\"status\",\"x\":\"", 64 << 10), (publish, MAX / 5 * 7), ("", 64 << 10)]
    {
        let mut connection = RawControl::connect(&path);
        let mut writer = connection.stream.try_clone().unwrap();
        let begin = begin.to_string();
        let writing = thread::spawn(move || {
            let mut written = begin.len();
            let mut result = writer.write_all(begin.as_bytes());
            while result.is_ok() {
                assert!(written < 100 << 20, "nobody stops it");
                result = writer.write_all(&[b'A'; 4096]);
                written += 4096;
            }
            (written, result.unwrap_err().kind())
        });
        assert_eq!(code(&connection.heard().unwrap()), "too-large");
        assert!(connection.heard().is_none());
        let (written, kind) = writing.join().unwrap();
        assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind}");
        // The rest is in the buffers of the system.
        assert!(written > longest && written < longest + (2 << 20), "{written}");
    }
    others_are_served(&path);
    drop(source);
    end(handle);
}

/// EE-CONTROL-7: a line is as long as it may be and not a byte longer, its end not counted.
#[test]
fn lines_are_bounded_to_the_byte() {
    let folder = Folder::new();
    let path = folder.path("exact.sock");
    let (handle, source) = start(Builder::new().control_socket(&path).max_event_bytes(100_003));
    for (begin, longest) in [
        // 1.4 times the event limit.
        ("{\"id\":1,\"op\":\"publish\",\"event\":\"\"", 140_004),
        ("{\"id\":1,\"op\":\"status\"", 64 << 10),
    ] {
        for end_of_line in ["\n", "\r\n"] {
            let line = |length| format!("{begin}{}}}{end_of_line}", " ".repeat(length - begin.len() - 1));
            let mut connection = RawControl::connect(&path);
            connection.say(line(longest));
            let answer = connection.heard().unwrap();
            assert!(answer["ok"].is_object(), "{begin}: {answer}");
            connection.say(line(longest + 1));
            assert_eq!(code(&connection.heard().unwrap()), "too-large");
            assert!(connection.heard().is_none());
        }
    }
    drop(source);
    end(handle);
}

/// EE-CONTROL-6
#[test]
fn there_are_so_many_connections_and_no_more() {
    let folder = Folder::new();
    let path = folder.path("many.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let mut connections: Vec<RawControl> = (0..32).map(|_| RawControl::connect(&path)).collect();
    for connection in &mut connections {
        assert_eq!(connection.ask("{\"id\":1,\"op\":\"status\"}")["ok"]["phase"], "running");
    }
    let mut further = RawControl::connect(&path);
    let answer = further.heard().unwrap();
    assert_eq!((code(&answer), answer["id"].as_u64()), ("busy", Some(0)));
    assert!(further.heard().is_none());
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code, .. } if code == "busy"), "{error}");
    // A thousand that come and go.
    for _ in 0..1_000 {
        drop(RawControl::connect(&path));
    }
    connections.truncate(31);
    eventually("a place is free", || Client::connect(&path).is_ok());
    assert_eq!(connections[0].ask("{\"id\":2,\"op\":\"status\"}")["id"], 2);
    drop(source);
    end(handle);
}

/// EE-CONTROL-7: who asks and never reads is not answered for ever, and keeps nobody from ending.
#[test]
fn who_never_reads_holds_nobody_up() {
    let folder = Folder::new();
    let path = folder.path("slow.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    let flood = RawControl::connect(&path);
    flood.stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let request = "{\"id\":1,\"op\":\"status\"}\n".repeat(1_000);
    let mut requests = 0;
    while (&flood.stream).write_all(request.as_bytes()).is_ok() {
        requests += 1_000;
        assert!(requests < 10_000_000, "everything is read, and answered to nobody");
    }
    let tap = RawControl::connect(&path);
    tap.say("{\"id\":1,\"op\":\"tap\"}\n");
    let half = RawControl::connect(&path);
    half.say("{\"id\":1,");
    let waits = RawControl::connect(&path);
    waits.say("{\"id\":1,\"op\":\"wait\"}\n");
    let idle = RawControl::connect(&path);
    for _ in 0..20_000 {
        source.publish([0; 1_000]);
    }
    others_are_served(&path);
    drop(source);
    handle.stop();
    let started = Instant::now();
    let report = within(SOON, "the end", move || handle.wait());
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    // Each is given a second to read, twice.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    for (mut connection, last) in [(half, None), (waits, Some(1)), (idle, None)] {
        assert_eq!(connection.heard().map(|answer| answer["id"].as_u64().unwrap()), last);
        assert!(connection.heard().is_none());
    }
    // What they had not read is still there for them, up to where it was cut.
    let mut rest = Vec::new();
    let _ = (&flood.stream).read_to_end(&mut rest);
    assert!(rest.starts_with(b"{\"id\":1,\"ok\":"));
}
