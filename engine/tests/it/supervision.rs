//! Plugins that are started again, and processes that the engine starts.

use std::time::Duration;

use event_engine::{Builder, Outcome, PluginSpec, ProcessSpec};

#[test]
fn a_process_that_only_exits_is_named() {
    let mut process = ProcessSpec::new("/bin/sh");
    process.args = vec!["-c".into(), "echo hello; echo $EVENT_ENGINE_PLUGIN >&2".into()];
    let handle = Builder::new().process(PluginSpec::new("echo"), 0, process).start().unwrap();
    let lifecycle = handle.lifecycle();
    let report = handle.wait();
    assert!(matches!(report.outcome("echo"), Some(Outcome::Failed(_))), "{report}");
    assert!(lifecycle.next_timeout(Duration::from_secs(1)).is_some());
}
