//! The examples do what they say. `cargo test` builds them beside this binary.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::peer::Peer;

fn example(name: &str, arguments: &[&str]) -> Child {
    let tests = std::env::current_exe().unwrap();
    let path: PathBuf = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    Command::new(&path).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(
        |error| panic!("{}: {error}; cargo build -p event-engine-client --examples", path.display()),
    )
}

fn output(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn receive() {
    let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
    engine.expect("publish 3", "published 3");
    let child = example("receive", &[&engine.endpoint()]);
    engine.expect("stop", "stopping");
    assert_eq!(output(child), "1 down:00000000\n2 down:00000001\n3 down:00000002\n");
}

#[test]
fn publish() {
    let mut engine = Peer::engine(&[]);
    let mut child = example("publish", &[&engine.endpoint()]);
    child.stdin.take().unwrap().write_all(b"up:00000000\nup:00000001\n").unwrap();
    assert_eq!(output(child), "published 2 lines, the last one as number 2\n");
    engine.expect_collected(2);
}

#[test]
fn pipeline() {
    let mut engine = Peer::engine(&["--stop-within-ms", "30000"]);
    let child = example("pipeline", &[&engine.endpoint(), "made-of "]);
    engine.expect("publish 2", "published 2");
    assert_eq!(
        engine.ask("other-wait 2 30000"),
        "other 2 6d6164652d6f6620444f574e3a3030303030303030 6d6164652d6f6620444f574e3a3030303030303031"
    );
    engine.expect("stop", "stopping");
    output(child);
}
