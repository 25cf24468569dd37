//! Progress: says how far the application is and, in the late scenario, makes trouble at certain points of it.

use event_engine::{BoxError, Context, InternalPlugin};
use rustix::process::{kill_process, Pid, Signal};

use crate::events::prefix;
use crate::gate::Gate;
use crate::processes;

/// A line is printed after so many pictures.
const EVERY: u64 = 500;
/// The name of the scorer's process.
const SCORER: &str = "scorer";

/// What happens to the scorer.
#[derive(Debug)]
pub struct Trouble {
    /// What it waits at before it starts.
    gate: Option<Gate>,
    /// So many pictures are decoded when the gate opens.
    open_after: u64,
    /// So many `scored` events were seen when it is killed.
    kill_after: [u64; 2],
    /// Those that were killed.
    killed: Vec<i32>,
}

impl Trouble {
    /// Lets the scorer start when `half` of the pictures are decoded, and kills it twice, at moments that follow from `seed`.
    pub fn new(gate: Gate, half: u64, seed: u64) -> Self {
        let draw = |number: u64, below: u64| splitmix64(seed.wrapping_add(number)) % below.max(1);
        // The scorer finds `half` detections waiting. The first kill is among them, the second one may come later.
        let first = 1 + draw(1, half * 3 / 4);
        let second = first + 1 + draw(2, half * 3 / 4);
        Trouble { gate: Some(gate), open_after: half, kill_after: [first, second], killed: Vec::new() }
    }

    /// Does what is due after so many pictures were decoded and so many `scored` events seen.
    fn look(&mut self, decoded: u64, scored: u64) -> Result<(), BoxError> {
        if decoded >= self.open_after && self.gate.take().is_some() {
            println!("progress: {decoded} pictures are decoded, {scored} scored; now the scorer may start");
        }
        let due = self.kill_after.get(self.killed.len()).is_some_and(|after| scored >= *after);
        // Not there means: killed, and not yet started again. The events that it still owes bring us here again.
        if let Some(pid) = due.then(|| self.living_scorer()).flatten() {
            if let Some(process) = Pid::from_raw(pid) {
                kill_process(process, Signal::KILL)?;
            }
            self.killed.push(pid);
            println!("progress: after {scored} scored events the scorer (process {pid}) was killed");
        }
        Ok(())
    }

    fn living_scorer(&self) -> Option<i32> {
        processes::family()
            .into_iter()
            .find(|process| process.name == SCORER && !process.ended && !self.killed.contains(&process.pid))
            .map(|process| process.pid)
    }
}

/// A number that looks like chance and is always the same for the same seed.
fn splitmix64(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The plugin `progress`.
#[derive(Debug, Default)]
pub struct Progress {
    trouble: Option<Trouble>,
}

impl Progress {
    /// One that makes trouble, if there is some to make.
    pub fn new(trouble: Option<Trouble>) -> Self {
        Progress { trouble }
    }
}

impl InternalPlugin for Progress {
    fn run(mut self: Box<Self>, context: &mut Context) -> Result<(), BoxError> {
        let (mut decoded, mut scored) = (0, 0);
        while let Ok(event) = context.next_event() {
            if event.starts_with(prefix::DECODED) {
                decoded += 1;
                if decoded % EVERY == 0 {
                    println!("progress: {decoded} pictures are decoded, {scored} scored");
                }
            } else {
                scored += 1;
            }
            if let Some(trouble) = &mut self.trouble {
                trouble.look(decoded, scored)?;
            }
        }
        match self.trouble {
            Some(trouble) if trouble.killed.len() < trouble.kill_after.len() => {
                Err(format!("the scorer was killed {} times, not twice", trouble.killed.len()).into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moments_follow_from_the_seed_and_leave_work_for_afterwards() {
        let moments = |seed| {
            let path = std::env::temp_dir().join(format!("trail-camera-{}-{seed}", std::process::id()));
            let gate = Gate::shut(&path).expect("a gate");
            std::fs::remove_file(&path).expect("it was there");
            Trouble::new(gate, 1000, seed).kill_after
        };
        for seed in 0..200 {
            let [first, second] = moments(seed);
            assert!((1..=750).contains(&first) && (first + 1..=first + 750).contains(&second));
            assert_eq!(moments(seed), [first, second]);
        }
        assert_ne!(moments(1), moments(2));
    }
}
