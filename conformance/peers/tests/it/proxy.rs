//! `peers proxy`

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::{Basic, Peer};

const WITHIN: Duration = Duration::from_secs(20);

/// A target that sends back what it gets, and ends its stream when the other side has.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut reader = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut reader, &mut stream);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

fn proxy(target: u16, arguments: &[&str]) -> Peer {
    let target = format!("127.0.0.1:{target}");
    Peer::start(&[&["proxy", "--target", &target], arguments].concat())
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    stream.set_write_timeout(Some(WITHIN)).unwrap();
    stream
}

/// Sends `bytes` through the echo and returns what comes back.
fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    thread::scope(|scope| {
        let mut writer = stream.try_clone().unwrap();
        scope.spawn(move || {
            writer.write_all(bytes).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        back
    })
}

fn some_bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 31 % 251) as u8).collect()
}

#[test]
fn bytes_pass_unchanged() {
    let bytes = some_bytes(3_000_000);
    let mut proxy = proxy(echo(), &[]);
    assert!(round_trip(&mut connect(proxy.port), &bytes) == bytes);
    assert_eq!(proxy.ask("stats"), "connections 1 open 0 cuts 0 unreached 0 up 3000000 down 3000000");
}

#[test]
fn small_and_late_pieces_are_whole_in_the_end() {
    let bytes = some_bytes(300_000);
    let proxy = proxy(echo(), &["--delay-ms", "2", "--seed", "5"]);
    assert!(round_trip(&mut connect(proxy.port), &bytes) == bytes);
}

#[test]
fn it_cuts_when_told_either_way() {
    let mut proxy = proxy(echo(), &[]);
    for (command, end) in [("cut fin", Ok(0)), ("cut reset", Err(ErrorKind::ConnectionReset))] {
        let mut stream = connect(proxy.port);
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        assert_eq!(proxy.ask(command), "cut 1");
        assert_eq!(stream.read(&mut [0]).map_err(|error| error.kind()), end);
    }
    assert_eq!(proxy.ask("cut"), "cut 0");
    assert_eq!(proxy.ask("stats"), "connections 2 open 0 cuts 2 unreached 0 up 2 down 2");
}

#[test]
fn it_cuts_by_itself_unless_faults_are_off() {
    let mut proxy = proxy(echo(), &["--cut-after-bytes", "1000", "--reset", "--seed", "3"]);
    let mut stream = connect(proxy.port);
    let cut = loop {
        if let Err(error) = stream.write_all(&[7; 100]).and_then(|()| stream.read_exact(&mut [0; 100])) {
            break error.kind();
        }
    };
    assert!(matches!(cut, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{cut:?}");
    assert_eq!(proxy.ask("faults off"), "faults off");
    let bytes = some_bytes(200_000);
    assert!(round_trip(&mut connect(proxy.port), &bytes) == bytes);
    assert!(proxy.ask("stats").starts_with("connections 2 open 0 cuts 1 "));
}

#[test]
fn a_pause_holds_everything_and_closes_nothing() {
    let mut proxy = proxy(echo(), &[]);
    let mut stream = connect(proxy.port);
    stream.write_all(b"a").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    assert_eq!(proxy.ask("pause"), "paused");
    stream.write_all(b"b").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(stream.read(&mut [0]).is_err());
    assert_eq!(proxy.ask("resume"), "resumed");
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"b");
}

#[test]
fn it_refuses_and_accepts_at_the_same_port() {
    let mut proxy = proxy(echo(), &[]);
    assert_eq!(proxy.ask("refuse"), "refusing");
    let refused = TcpStream::connect(("127.0.0.1", proxy.port)).map(drop).map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
    assert_eq!(proxy.ask("accept"), "accepting");
    assert_eq!(round_trip(&mut connect(proxy.port), b"again"), b"again");
}

#[test]
fn a_target_that_is_not_there_ends_the_connection() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut proxy = proxy(nobody, &[]);
    assert!(connect(proxy.port).read(&mut [0]).is_err());
    assert_eq!(proxy.ask("stats"), "connections 1 open 0 cuts 0 unreached 1 up 0 down 0");
    assert!(proxy.ask("nonsense").starts_with("error "));
    assert!(proxy.close_stdin());
}

#[test]
fn a_client_reaches_the_engine_through_it() {
    let mut engine = Peer::start(&["engine"]);
    let proxy = proxy(engine.port, &["--delay-ms", "1"]);
    engine.ask("publish 3");
    let client = Basic::connect(proxy.port);
    assert_eq!(
        [client.next(), client.next(), client.next()],
        ["down:00000000", "down:00000001", "down:00000002"]
    );
}
