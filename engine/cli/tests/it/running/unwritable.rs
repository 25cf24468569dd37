//! `event-engine run` when what it says cannot be written.

use std::fs::{self, File};

use crate::place::{until, Place, Running};

/// Runs the application with this file until it ends, with nowhere to write to, and returns its exit code.
fn unwritten(text: &str) -> Option<i32> {
    let place = Place::new();
    fs::write(place.path().join("app.toml"), text).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = place.command(&["run", "app.toml"]);
    let mut running = Running::start(command.stdout(full.try_clone().unwrap()).stderr(full));
    until("its end", || running.child.try_wait().unwrap()).code()
}

#[test]
fn what_the_engine_logs_does_not_hold_up_the_end() {
    let critical = r#"
[application]
name = "critical"
[plugins.crash]
command = ["sh", "-c", "exit 3"]
critical = true
restart = "never"
"#;
    assert_eq!(unwritten(critical), Some(1));
}
