//! Stops at random moments: each ends within its deadline, leaves nothing behind, and accounts for every event.

use std::fs;
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use rustix::process::{kill_process, Pid, Signal};

use super::{of, Pipeline};

/// The deadline of the applications here, and what EE-LIFE-11 adds to it at most.
const WITHIN: Duration = Duration::from_secs(10 + 10);

/// A number in `0..below`, the next of a sequence (xorshift).
fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// Whether SIGINT is ignored, as by what a shell runs in the background. Programs inherit that, and hear none before they listen.
fn ignores_interrupts() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() & (1 << (Signal::INT.as_raw() - 1)) != 0
}

/// What it said, once it has ended.
#[track_caller]
fn ended(mut child: Child, what: &str) -> Output {
    let deadline = Instant::now() + WITHIN;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{what}: it has not ended within {WITHIN:?}: {:?}", child.wait_with_output());
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    child.wait_with_output().unwrap()
}

/// EE_STOPS says how many, EE_SEED with which random numbers.
#[test]
fn a_stop_at_any_moment_ends_and_accounts_for_everything() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().map_or(otherwise, |value| value.parse().expect("a number"))
    };
    let stops = number("EE_STOPS", 50);
    let seed = number("EE_SEED", 1 + u64::from(std::process::id()));
    let mut state = seed.max(1);
    let pipeline = Pipeline::new("", r#""source""#);
    let mut longest = Duration::ZERO;
    let only_term = ignores_interrupts();
    for stop in 0..stops {
        let child = pipeline.start();
        let moment = Duration::from_micros(random(&mut state, 300_000));
        let signal = if random(&mut state, 2) == 0 || only_term { Signal::TERM } else { Signal::INT };
        let until = Instant::now() + moment;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
        let began = Instant::now();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let what = format!("stop {stop} of seed {seed}, by {signal:?} after {moment:?}");
        let output = ended(child, &what);
        longest = longest.max(began.elapsed());
        pipeline.nothing_is_left();
        // Before the program has begun to listen for signals it simply ends, and nothing has run.
        if output.status.code().is_none() {
            assert!(output.stdout.is_empty() && moment < WITHIN, "{what}: {output:?}");
            continue;
        }
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{what}: {error}: {output:?}"));
        assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
        assert_eq!(report["ledger"]["balances"], true, "{what}: {report}");
        let [source, relay, sink] = ["source", "relay", "sink"].map(|name| of(&report, name));
        // Nothing was taken that did not come to its end.
        assert_eq!(source["published"], relay["delivered"], "{what}: {report}");
        assert_eq!(relay["published"], sink["delivered"], "{what}: {report}");
        assert_eq!(source["published"], sink["delivered"], "{what}: {report}");
    }
    eprintln!("{stops} stops of seed {seed}: the longest took {longest:?}");
}
