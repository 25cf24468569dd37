//! Supervision (spec/supervision.md): plugins that are started again, processes of the engine's own, and that nothing is left.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::time::Duration;

use event_engine::{
    BoxError, Builder, Context, Error, LifecycleEvent, Outcome, PluginSpec, ProcessSpec, Report,
    RestartPolicy, Stream,
};

use crate::support::eventually;

/// Longer than anything here takes, on the slowest machine.
const LONG: Duration = Duration::from_secs(60);

/// Starts again at once, at most so often.
fn at_once(times: u32) -> RestartPolicy {
    RestartPolicy { first_delay: Duration::ZERO, give_up_after: times, ..RestartPolicy::default() }
}

/// A process that runs a shell script.
fn script(text: &str) -> ProcessSpec {
    let mut process = ProcessSpec::new("sh");
    process.args = vec!["-c".into(), text.into()];
    process.start_within = LONG;
    process
}

/// A source of these events.
fn events(texts: &'static [&'static str]) -> impl FnOnce(&mut Context) -> Result<(), BoxError> + Send {
    move |context| {
        context.publish_batch(texts.iter().copied())?;
        Ok(())
    }
}

fn lost(report: &Report, plugin: &str) -> (u64, u64, u64) {
    let ledger = report.ledger.plugin(plugin).unwrap();
    (ledger.delivered, ledger.redelivered, ledger.discarded)
}

/// EE-SUPERVISE-1, EE-SUPERVISE-4, EE-SUPERVISE-5
#[test]
fn what_a_failed_run_had_in_its_hands_comes_first_and_again() {
    let (tell, seen) = mpsc::channel();
    let tell = Mutex::new(tell);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let spec = PluginSpec::new("worker").subscribe("n/").restart(at_once(5));
    let report = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("source"), events(&["n/1", "n/2", "n/3", "n/4"]))
        .plugin_factory(spec, move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            let tell = tell.lock().unwrap().clone();
            move |context: &mut Context| -> Result<(), BoxError> {
                loop {
                    let event = match context.next_event() {
                        Ok(event) => event,
                        Err(error) => return Err(error.into()),
                    };
                    tell.send((run, event.to_vec(), event.redelivered())).unwrap();
                    match (run, &event[..]) {
                        (0, b"n/2") => return Err("it failed".into()),
                        (1, b"n/3") => panic!("it panicked"),
                        _ => {}
                    }
                }
            }
        })
        .start()
        .unwrap()
        .wait();
    let seen: Vec<(u32, Vec<u8>, bool)> = seen.try_iter().collect();
    let expected = [
        (0, "n/1", false),
        (0, "n/2", false),
        (1, "n/2", true),
        (1, "n/3", false),
        (2, "n/3", true),
        (2, "n/4", false),
    ];
    assert_eq!(seen, expected.map(|(run, event, again)| (run, event.as_bytes().to_vec(), again)));
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert_eq!(lost(&report, "worker"), (4, 2, 0), "{report}");
}

/// EE-SUPERVISE-3, EE-SUPERVISE-6
#[test]
fn who_fails_too_often_is_given_up_and_the_rest_goes_on() {
    let loser = PluginSpec::new("loser").subscribe("n/").restart(at_once(2)).redelivery_limit(100);
    let poisoned = PluginSpec::new("poisoned")
        .subscribe("n/")
        .restart(at_once(100))
        .redelivery_limit(1)
        .dead_letter("dead/");
    let fails = |on: &'static [u8]| {
        move || {
            move |context: &mut Context| -> Result<(), BoxError> {
                loop {
                    if context.next_event()?.starts_with(on) {
                        return Err("it cannot take this".into());
                    }
                }
            }
        }
    };
    let (tell, letters) = mpsc::channel();
    let report = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("source"), events(&["n/1", "n/2", "n/3"]))
        .plugin_factory(loser, fails(b"n/"))
        .plugin_factory(poisoned, fails(b"n/2"))
        .plugin(PluginSpec::new("letters").subscribe("dead/"), move |context| {
            for event in context.events() {
                tell.send(event.to_vec())?;
            }
            Ok(())
        })
        .start()
        .unwrap()
        .wait();
    assert!(
        matches!(report.outcome("loser"), Some(Outcome::GaveUp(text)) if text.contains("it cannot take this"))
    );
    assert_eq!(lost(&report, "loser"), (0, 3, 3), "{report}");
    assert_eq!(report.outcome("poisoned"), Some(&Outcome::Stopped), "{report}");
    let poisoned = report.ledger.plugin("poisoned").unwrap();
    assert_eq!((poisoned.delivered, poisoned.dead_lettered), (2, 1), "{report}");
    assert_eq!(letters.try_iter().collect::<Vec<_>>(), [b"dead/n/2".to_vec()]);
    assert!(report.ledger.balances() && !report.is_success(), "{report}");
}

/// EE-SUPERVISE-5: with nobody to come after it, it is counted as discarded.
#[test]
fn the_event_in_the_hands_of_one_that_is_not_started_again_is_discarded() {
    let report = Builder::new()
        .plugin(PluginSpec::new("source"), events(&["n/1", "n/2"]))
        .plugin(PluginSpec::new("once").subscribe("n/"), |context| {
            context.next_event()?;
            Err("it failed".into())
        })
        .start()
        .unwrap()
        .wait();
    assert_eq!(lost(&report, "once"), (0, 0, 2), "{report}");
    assert!(report.ledger.balances(), "{report}");
}

/// EE-SUPERVISE-10, EE-SUPERVISE-11
#[test]
fn an_internal_plugin_that_hangs_loses_its_events_to_the_next_run() {
    let (tell, seen) = mpsc::channel();
    let tell = Mutex::new(tell);
    let runs = AtomicU32::new(0);
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let spec =
        PluginSpec::new("worker").subscribe("n/").restart(at_once(5)).hang_after(Duration::from_millis(300));
    let handle = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("source"), events(&["n/1", "n/2"]))
        .plugin_factory(spec, move || {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            let tell = tell.lock().unwrap().clone();
            let wait = Arc::clone(&wait);
            move |context: &mut Context| -> Result<(), BoxError> {
                while let Ok(event) = context.next_event() {
                    tell.send((run, event.to_vec(), event.redelivered())).unwrap();
                    if run == 0 {
                        let _ = wait.lock().unwrap().recv();
                        // What it still says is not heard.
                        assert_eq!(context.publish("n/late"), Err(Error::Closed));
                        assert_eq!(context.next_event().map(drop), Err(Error::Closed));
                        tell.send((9, Vec::new(), false)).unwrap();
                        break;
                    }
                }
                Ok(())
            }
        })
        .start()
        .unwrap();
    let next = || seen.recv_timeout(LONG).unwrap();
    assert_eq!(next(), (0, b"n/1".to_vec(), false));
    assert_eq!(next(), (1, b"n/1".to_vec(), true));
    assert_eq!(next(), (1, b"n/2".to_vec(), false));
    let report = handle.wait();
    assert!(report.is_success() && report.ledger.balances(), "{report}");
    assert_eq!(lost(&report, "worker"), (2, 1, 0), "{report}");
    drop(go_on);
    assert_eq!(next().0, 9);
}

/// EE-SUPERVISE-10, EE-SUPERVISE-11: a plugin that is given as a closure is watched, too.
#[test]
fn a_closure_that_hangs_has_failed() {
    let (go_on, wait) = mpsc::channel::<()>();
    let spec = PluginSpec::new("stuck").subscribe("n/").hang_after(Duration::from_millis(100));
    let handle = Builder::new()
        .until_done()
        .plugin(PluginSpec::new("source"), events(&["n/1", "n/2"]))
        .plugin(spec, move |context| {
            context.next_event()?;
            let _ = wait.recv();
            Ok(())
        })
        .start()
        .unwrap();
    let lifecycle = handle.lifecycle();
    let report = handle.wait();
    drop(go_on);
    assert!(
        matches!(report.outcome("stuck"), Some(Outcome::Failed(text)) if text.contains("hung")),
        "{report}"
    );
    assert_eq!(lost(&report, "stuck"), (0, 1, 2), "{report}");
    assert!(lifecycle.into_iter().any(|event| matches!(event, LifecycleEvent::Hung { .. })));
}

/// EE-SUPERVISE-10: what cannot be watched is said before anything runs; so is what else a plugin cannot have.
#[test]
fn what_cannot_be_is_refused() {
    let hangs = PluginSpec::new("outside").hang_after(LONG);
    let many = PluginSpec::new("many").replicas(1025);
    let reserved = || PluginSpec::new("control");
    for (builder, what) in [
        (Builder::new().external(hangs, 0), "watched"),
        (Builder::new().process(many, 0, script("exit 0")), "at most 1024"),
        (Builder::new().external(reserved(), 0), "another name"),
        (Builder::new().plugin(reserved(), |_| Ok(())), "another name"),
    ] {
        let error = builder.start().unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

/// EE-SUPERVISE-17: nobody's end is missing, and everything is told in the order in which it happens.
#[test]
fn lifecycles_are_complete_and_in_order() {
    for _ in 0..200 {
        let handle = Builder::new()
            .until_done()
            .plugin(PluginSpec::new("one"), |_| Ok(()))
            .plugin(PluginSpec::new("other"), |_| Err("it failed".into()))
            .start()
            .unwrap();
        let lifecycle = handle.lifecycle();
        handle.wait();
        let told: Vec<LifecycleEvent> = lifecycle.collect();
        assert_eq!(told.first(), Some(&LifecycleEvent::Running), "{told:?}");
        assert_eq!(told.last(), Some(&LifecycleEvent::Ended), "{told:?}");
        let ends = told.iter().filter(|event| matches!(event, LifecycleEvent::PluginEnded { .. })).count();
        let stops = told.iter().filter(|event| **event == LifecycleEvent::Stopping).count();
        assert_eq!((ends, stops, told.len()), (2, 1, 5), "{told:?}");
    }
}

/// EE-SUPERVISE-12: also when the others end at the same moment.
#[test]
fn a_critical_failure_is_never_missing_from_the_report() {
    for _ in 0..200 {
        let report = Builder::new()
            .plugin(PluginSpec::new("heart").critical(true), |_| Err("it stopped".into()))
            .plugin(PluginSpec::new("other"), |_| Ok(()))
            .start()
            .unwrap()
            .wait();
        assert!(report.failure.is_some(), "{report}");
    }
}

/// What an error does when it is dropped is no reason not to start its plugin again.
#[test]
fn an_error_that_panics_when_it_is_dropped_is_a_failure_like_others() {
    #[derive(Debug)]
    struct Evil;
    impl std::fmt::Display for Evil {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("evil")
        }
    }
    impl std::error::Error for Evil {}
    impl Drop for Evil {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let report = Builder::new()
        .plugin_factory(PluginSpec::new("evil").restart(at_once(5)), move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            move |_: &mut Context| -> Result<(), BoxError> {
                if run < 2 {
                    return Err(Box::new(Evil));
                }
                Ok(())
            }
        })
        .start()
        .unwrap()
        .wait();
    assert_eq!((runs.load(Ordering::SeqCst), report.outcome("evil")), (3, Some(&Outcome::Completed)));
}

/// A stop waits for nobody who is not there and has nothing to do: long before its deadline everybody is told.
#[test]
fn a_stop_does_not_wait_for_the_absent() {
    let hour = Duration::from_secs(3600);
    let pause = RestartPolicy { first_delay: hour, max_delay: hour, ..RestartPolicy::default() };
    let handle = Builder::new()
        .stop_within(hour)
        .external(PluginSpec::new("nobody").subscribe("x"), 0)
        .process(PluginSpec::new("paused").subscribe("x").restart(pause), 0, script("exit 3"))
        .start()
        .unwrap();
    let lifecycle = handle.lifecycle();
    let paused = |event| matches!(event, Some(LifecycleEvent::Restarting { .. }));
    eventually("the pause", || paused(lifecycle.next_timeout(Duration::from_millis(10))));
    handle.stop();
    assert!(handle.wait_timeout(LONG));
    let report = handle.wait();
    assert_eq!(report.outcome("nobody"), Some(&Outcome::Stopped), "{report}");
    // EE-SUPERVISE-15: its last run failed.
    assert_eq!(report.outcome("paused"), Some(&Outcome::Failed("exit status 3".into())), "{report}");
}

/// EE-SUPERVISE-12
#[test]
fn without_a_critical_plugin_the_application_fails() {
    let spec = PluginSpec::new("heart").critical(true).restart(RestartPolicy::never());
    let handle = Builder::new()
        .plugin_factory(spec, || |_: &mut Context| -> Result<(), BoxError> { Err("it stopped".into()) })
        .plugin(PluginSpec::new("other").subscribe("x"), |context| {
            while context.next_event().is_ok() {}
            Ok(())
        })
        .start()
        .unwrap();
    let report = handle.wait();
    assert!(report.failure.as_deref().is_some_and(|text| text.contains("heart")), "{report}");
    assert_eq!(report.outcome("other"), Some(&Outcome::Completed), "{report}");
}

/// EE-SUPERVISE-13, EE-SUPERVISE-14
#[test]
fn what_a_process_prints_is_passed_on() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&lines);
    let text = r#"echo "$EVENT_ENGINE_PLUGIN $EVENT_ENGINE_REPLICA"; printf 'no end'; read -r x || echo empty >&2
        case $EVENT_ENGINE_ENDPOINT in tcp://127.0.0.1:*) echo endpoint >&2 ;; esac; printf '\377\n' >&2"#;
    let report = Builder::new()
        .output(move |line| {
            let Stream::Stdout = line.stream else {
                heard.lock().unwrap().push(("stderr", line.bytes.to_vec()));
                return;
            };
            assert_eq!((line.plugin, line.replica), ("printer", 1));
            heard.lock().unwrap().push(("stdout", line.bytes.to_vec()));
        })
        .process(PluginSpec::new("printer").restart(RestartPolicy::never()), 0, script(text))
        .start()
        .unwrap()
        .wait();
    let mut lines = lines.lock().unwrap().clone();
    lines.sort();
    let expected: [(&str, &[u8]); 5] = [
        ("stderr", b"empty"),
        ("stderr", b"endpoint"),
        ("stderr", b"\xff"),
        ("stdout", b"no end"),
        ("stdout", b"printer 1"),
    ];
    assert_eq!(lines, expected.map(|(stream, bytes)| (stream, bytes.to_vec())));
    // EE-SUPERVISE-7
    assert!(
        matches!(report.outcome("printer"), Some(Outcome::Failed(text)) if text.contains("without quit"))
    );
}

/// EE-SUPERVISE-8
#[test]
fn a_process_that_cannot_be_started_says_why() {
    let folder = std::env::temp_dir();
    for (program, dir, why) in [
        ("surely-no-such-program", None, "is in no folder of PATH"),
        ("./surely-no-such-program", Some(folder.clone()), "does not exist"),
        ("sh", Some(folder.join("surely-no-such-folder")), "working folder"),
    ] {
        let process = ProcessSpec { dir, ..ProcessSpec::new(program) };
        let spec = PluginSpec::new("lost").restart(at_once(1));
        let report = Builder::new().process(spec, 0, process).start().unwrap().wait();
        assert!(
            matches!(report.outcome("lost"), Some(Outcome::GaveUp(text)) if text.contains(why)),
            "{program}: {report}"
        );
    }
}

/// EE-SUPERVISE-9, EE-SUPERVISE-16: the process does not speak, and has another one in its group that would go on for ever.
#[test]
fn a_process_that_is_not_ready_in_time_is_ended_with_its_group() {
    let (tell, pids) = mpsc::channel();
    let tell = Mutex::new(tell);
    let mut process = script(
        "trap '' TERM; sh -c 'trap \"\" TERM; while :; do read -r x; done' </dev/zero & echo $!; wait",
    );
    process.start_within = Duration::from_millis(300);
    let handle = Builder::new()
        .output(move |line| {
            tell.lock().unwrap().send(String::from_utf8_lossy(line.bytes).into_owned()).unwrap()
        })
        .process(PluginSpec::new("silent").restart(RestartPolicy::never()), 0, process)
        .start()
        .unwrap();
    let lifecycle = handle.lifecycle();
    let other: u32 = pids.recv_timeout(LONG).unwrap().parse().unwrap();
    let report = handle.wait();
    assert!(
        matches!(report.outcome("silent"), Some(Outcome::Failed(text)) if text.contains("not ready within"))
    );
    assert!(lifecycle.into_iter().any(|event| matches!(event, LifecycleEvent::ProcessExited { .. })));
    eventually("the end of the whole group", || {
        let stat = std::fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}

/// EE-SUPERVISE-15: nothing hears the stop in a shell, so it is told by a signal; a pause before a restart ends.
#[test]
fn a_stop_ends_processes_and_pauses() {
    let hour = Duration::from_secs(3600);
    let pause = RestartPolicy { first_delay: hour, max_delay: hour, ..RestartPolicy::default() };
    let handle = Builder::new()
        .process(PluginSpec::new("shell").subscribe("x"), 0, script("while :; do sleep 1; done"))
        .process(PluginSpec::new("paused").subscribe("x").restart(pause.clone()), 0, script("exit 1"))
        .plugin_factory(PluginSpec::new("thread").subscribe("x").restart(pause), || {
            |_: &mut Context| -> Result<(), BoxError> { Err("it failed".into()) }
        })
        .start()
        .unwrap();
    let lifecycle = handle.lifecycle();
    let mut pauses = 0;
    let status = handle.control();
    eventually("two pauses", || {
        while let Some(event) = lifecycle.next_timeout(Duration::from_millis(10)) {
            pauses += u32::from(matches!(event, LifecycleEvent::Restarting { .. }));
        }
        status.status().plugins.iter().filter(|plugin| plugin.state == "restarting").count() == 2
    });
    let began = std::time::Instant::now();
    handle.stop_now();
    let report = handle.wait();
    assert!(began.elapsed() < LONG, "{report}");
    assert_eq!(report.plugins.len(), 3);
}
