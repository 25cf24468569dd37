//! What happens to an application, as its program hears it.

use std::time::Duration;

use event_engine::{Builder, LifecycleEvent, PluginSpec, ProcessSpec, RestartPolicy};

use super::worker;

/// EE-SUPERVISE-17: every start, readiness, hang, exit, restart and end, in their order, for one who asks late, too.
#[test]
fn everything_that_happened_is_told() {
    let process = |role: &str, count: &str| {
        let mut process = ProcessSpec::new(worker());
        process.args =
            [role, count].iter().filter(|text| !text.is_empty()).map(|text| (*text).into()).collect();
        process
    };
    let hangs = PluginSpec::new("hangs")
        .subscribe("SA")
        .hang_after(Duration::from_millis(300))
        .restart(RestartPolicy { first_delay: Duration::from_millis(1), ..RestartPolicy::default() });
    let handle = Builder::new()
        .until_done()
        .process(PluginSpec::new("source"), 0, process("source", "1"))
        .process(hangs, 0, process("hang", ""))
        .start()
        .unwrap();
    let (control, early) = (handle.control(), handle.lifecycle());
    let report = handle.wait();
    assert!(report.is_success(), "{report}");
    let late: Vec<LifecycleEvent> = control.lifecycle().collect();
    assert_eq!(early.collect::<Vec<_>>(), late);
    let of =
        |plugin: &str| -> Vec<String> { late.iter().filter_map(|event| in_short(event, plugin)).collect() };
    assert_eq!(of("source"), ["process 1 started", "process 1 ready", "process 1 exited: exit status 0"]);
    assert_eq!(
        of("hangs"),
        [
            "process 1 started",
            "process 1 ready",
            "hung",
            "process 1 exited: it hung",
            "process 1 again after 1ms: it hung",
            "process 1 started",
            "process 1 ready",
            "process 1 exited: exit status 0",
        ]
    );
    // A plugin's end and the exit of its last process are two things, and either may be first.
    for plugin in ["source", "hangs"] {
        let ended = |event: &&LifecycleEvent| matches!(event, LifecycleEvent::PluginEnded { plugin: of, .. } if **of == *plugin);
        assert_eq!(late.iter().filter(ended).count(), 1, "{plugin}");
    }
    assert_eq!(late.iter().filter(|event| **event == LifecycleEvent::Running).count(), 1);
    assert_eq!(late.last(), Some(&LifecycleEvent::Ended));
}

/// What happened to the processes of a plugin.
fn in_short(event: &LifecycleEvent, of: &str) -> Option<String> {
    let until_colon = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    let (plugin, text) = match event {
        LifecycleEvent::ProcessStarted { plugin, replica, .. } => {
            (plugin, format!("process {replica} started"))
        }
        LifecycleEvent::ProcessReady { plugin, replica } => (plugin, format!("process {replica} ready")),
        LifecycleEvent::Hung { plugin } => (plugin, "hung".to_owned()),
        LifecycleEvent::ProcessExited { plugin, replica, text } => {
            (plugin, format!("process {replica} exited: {}", until_colon(text)))
        }
        LifecycleEvent::Restarting { plugin, replica, after, because } => {
            (plugin, format!("process {replica} again after {after:?}: {}", until_colon(because)))
        }
        _ => return None,
    };
    (**plugin == *of).then_some(text)
}
