//! Ctrl-C and its kin: no case begins any more, everything that this program has started is killed, and what ran so far is reported.
//! A second one ends the program at once.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{kill_process_group, Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::guardian::Guardian;

/// What who starts something hears then.
pub(crate) const ENDED: &str = "the run was ended by a signal";

/// Between two looks of who waits for something else at whether a signal came.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The first signal that came; 0: none.
static CAME: AtomicI32 = AtomicI32::new(0);
static STARTED: Mutex<Started> = Mutex::new(Started { groups: BTreeSet::new(), guardian: None });

/// The process groups that run.
struct Started {
    groups: BTreeSet<i32>,
    guardian: Option<Guardian>,
}

/// Waits for signals from now on. One that who started this program has it ignore stays ignored.
pub(crate) fn watch() -> Result<(), String> {
    let ignored = ignored();
    let wanted = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = Signals::new(wanted).map_err(|error| format!("cannot wait for signals: {error}"))?;
    std::thread::spawn(move || signals.forever().for_each(on_signal));
    Ok(())
}

fn on_signal(signal: i32) {
    let first = CAME.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    kill_all();
    if !first {
        signal_hook::low_level::exit(128 + signal);
    }
    let mut errors = std::io::stderr().lock();
    let clear = if errors.is_terminal() { "\r\x1b[2K" } else { "" };
    let _ = writeln!(errors, "{clear}conformance: ending; once more to end at once");
}

/// The exit code of who is ended by the signal that came.
pub(crate) fn code() -> Option<u8> {
    u8::try_from(128 + came()?).ok()
}

/// The signal that came.
pub(crate) fn came() -> Option<i32> {
    Some(CAME.load(Ordering::SeqCst)).filter(|&signal| signal != 0)
}

/// Receives until a deadline. A signal is taken for it: nobody waits any longer then.
pub(crate) fn receive<T>(from: &Receiver<T>, deadline: Instant) -> Result<T, RecvTimeoutError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match from.recv_timeout(left.min(LOOK_EVERY)) {
            Err(RecvTimeoutError::Timeout) if left > LOOK_EVERY && came().is_none() => {}
            received => return received,
        }
    }
}

/// A process group was started, and ends with this program. `Err`: nothing may start any more, and it is killed.
pub(crate) fn started(group: Pid) -> Result<(), String> {
    let mut started = lock();
    // Who has set this kills all groups thereafter, or has done so already and did not see this one.
    if came().is_some() {
        let _ = kill_process_group(group, Signal::KILL);
        return Err(ENDED.to_owned());
    }
    let group = group.as_raw_nonzero().get();
    started.groups.insert(group);
    started.guardian.get_or_insert_with(Guardian::start).watch(group);
    Ok(())
}

/// A process group is gone; to be called before its id can be another one's.
pub(crate) fn ended(group: Pid) {
    let mut started = lock();
    let group = group.as_raw_nonzero().get();
    if started.groups.remove(&group) {
        if let Some(guardian) = &mut started.guardian {
            guardian.forget(group);
        }
    }
}

fn kill_all() {
    for group in lock().groups.iter().copied().filter_map(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// The signals that this process ignores, a bit each, by Linux's own list.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok()).unwrap_or(0)
}

fn lock() -> MutexGuard<'static, Started> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}
