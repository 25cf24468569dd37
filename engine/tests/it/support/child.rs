//! Tests that want a process of their own: its memory, its descriptors, its environment.

use std::env;
use std::process::Command;

use super::{within, Duration};

const MARK: &str = "EE_TEST_CHILD";

/// Whether this process was started for this one test. In the other case the test is run again in a process of its own, with `environment`
/// set and as many descriptors as the system allows, and has passed when this returns false.
///
/// `test` is the test's full name. Begin the test with `if !in_child(…) { return; }`.
pub(crate) fn in_child(test: &str, environment: &[(&str, &str)]) -> bool {
    if env::var_os(MARK).is_some() {
        return true;
    }
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n $(ulimit -H -n); exec \"$@\"", "sh"]);
    command.arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(MARK, "1").envs(environment.iter().copied());
    let name = test.to_string();
    let output = within(Duration::from_secs(120), test, move || command.output().unwrap());
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} in a process of its own:\n{text}\n{errors}");
    assert!(text.contains("1 passed"), "{name} is no test's name:\n{text}");
    false
}
