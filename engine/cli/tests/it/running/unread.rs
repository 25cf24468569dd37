//! `event-engine run` when nobody reads what it prints.

use std::process::{Child, Stdio};

use rustix::process::{kill_process, Pid, Signal};

use super::Pipeline;
use crate::place::until;

/// Its output is a full pipe: more than this waits there, in bytes.
const FULL: u64 = 60_000;

/// An application of a source that prints without end, when its first words are waiting to be read.
fn unread(pipeline: &Pipeline, stderr: Stdio) -> Child {
    let mut command = pipeline.place.command(&["run", "app.toml"]);
    let child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
    let stdout = child.stdout.as_ref().unwrap();
    until("a full pipe", || rustix::io::ioctl_fionread(stdout).ok().filter(|waiting| *waiting > FULL));
    child
}

#[test]
fn who_does_not_read_its_output_does_not_hold_up_the_stop() {
    let pipeline = Pipeline::new("stop-within = \"1s\"", r#""chatty""#);
    let stderr = pipeline.place.path().join("stderr");
    let mut child = unread(&pipeline, std::fs::File::create(&stderr).unwrap().into());
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    until("its end", || child.try_wait().unwrap());
    let report = std::fs::read_to_string(&stderr).unwrap();
    assert!(report.contains("the ledger balances"), "{report}");
    until("the end of its processes", || super::marked(&pipeline.mark).is_empty().then_some(()));
    pipeline.nothing_is_left();
}

#[test]
fn a_third_signal_does_not_wait_for_who_does_not_read_the_report() {
    let pipeline = Pipeline::new("stop-within = \"1h\"", r#""chatty""#);
    // stdout and stderr are the same full pipe.
    let stdout_too = "exec \"$0\" run app.toml 2>&1";
    let mut command = pipeline.place.in_environment("sh");
    command.args(["-c", stdout_too, env!("CARGO_BIN_EXE_event-engine")]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    until("a full pipe", || rustix::io::ioctl_fionread(&stdout).ok().filter(|waiting| *waiting > FULL));
    // Signals that come together are one: each is sent until the end.
    until("its end", || {
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        child.try_wait().unwrap()
    });
    until("the end of its processes", || super::marked(&pipeline.mark).is_empty().then_some(()));
    pipeline.nothing_is_left();
}
