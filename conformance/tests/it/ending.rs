//! However a run is ended, nothing that it started is left, and what ran so far is told.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(60);

/// The first says its verdict before the other hangs.
const CASES: &str = r#"
[[case]]
id = "end/first/1"
title = "An engine flies."
requirements = ["EE-SDK-23"]
judged = "client"
engine-needs = ["wings"]
steps = """
engine plugin client external subscribe=""
engine start
client connect
"""

[[case]]
id = "end/second/1"
title = "A client connects."
requirements = ["EE-SDK-23"]
judged = "client"
steps = """
engine plugin client external subscribe=""
engine start
client connect within=3600000
"""
"#;

/// The testee is gone, and nobody comes any more.
const FOR_NOBODY: &str = r#"
[[case]]
id = "end/third/1"
title = "A client comes."
requirements = ["EE-SDK-23"]
judged = "client"
steps = """
listener open
client &c connect within=3600000
a accept within=3600000
"""
"#;

/// The harness in the midst of a case with a testee that hangs, and has a child.
struct Running {
    harness: Child,
    mark: String,
    folder: PathBuf,
}

impl Running {
    fn new(name: &str, cases: &str, lane: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("cases")).unwrap();
        fs::write(folder.join("cases/all.toml"), cases).unwrap();
        let program = env!("CARGO_BIN_EXE_conformance");
        let mark = format!("it-{}-{name}", std::process::id());
        let testee = format!("'{program}' testee fraud --role client --kind hang --mark {mark}");
        // Whoever runs the tests in the background may have SIGINT ignored, which is inherited.
        let harness = Command::new("env")
            .args(["--default-signal=INT,TERM", program])
            .args(["run", "--adapter", &testee, "--case", "end/", "--jobs", "1"])
            .args(["--lane", lane, "--time-scale", "100"])
            .arg("--record")
            .arg(folder.join("record"))
            .env("CONFORMANCE_DATA", &folder)
            .env("ENDING_TEST_MARK", &mark)
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("stdout")).unwrap())
            .stderr(File::create(folder.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let running = Self { harness, mark, folder };
        // It has its child when the case asks it for something.
        running.wait_for(|marked| marked > 1);
        running
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.harness), signal).unwrap();
    }

    /// The exit code, once it and all that it started are gone.
    fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + WITHIN;
        let code = loop {
            if let Some(status) = self.harness.try_wait().unwrap() {
                break status.code();
            }
            assert!(Instant::now() < deadline, "{}", self.told());
            thread::park_timeout(Duration::from_millis(10));
        };
        self.wait_for(|marked| marked == 0);
        code
    }

    /// Waits until so many testees are there; none: no engine, either.
    fn wait_for(&self, enough: impl Fn(usize) -> bool) {
        let variable = format!("ENDING_TEST_MARK={}", self.mark);
        let has = |file: PathBuf, word: &str| {
            let text = fs::read(file).unwrap_or_default();
            text.split(|&byte| byte == 0).any(|other| other == word.as_bytes())
        };
        let deadline = Instant::now() + WITHIN;
        loop {
            let processes: Vec<PathBuf> =
                fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).collect();
            let marked = processes.iter().filter(|path| has(path.join("cmdline"), &self.mark)).count();
            let others = processes.iter().filter(|path| has(path.join("environ"), &variable)).count();
            if enough(marked) && (marked > 0 || others == 0) {
                return;
            }
            assert!(Instant::now() < deadline, "{marked} testees, {others} processes: {}", self.told());
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn told(&self) -> String {
        ["stdout", "stderr"].map(|file| fs::read_to_string(self.folder.join(file)).unwrap()).concat()
    }

    fn types_of_lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("record")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["type"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.harness.kill();
        let _ = self.harness.wait();
    }
}

#[test]
fn a_run_that_is_ended_leaves_a_record_that_is_cut_short_and_no_process() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut running = Running::new(&format!("ended-{code}"), CASES, "client-engine");
        running.send(signal);
        assert_eq!(running.ended(), Some(code), "{}", running.told());
        assert_eq!(running.types_of_lines(), ["run", "case"], "{}", running.told());
        let told = running.told();
        assert!(told.contains("cut short") && told.contains("could not run"), "{told}");
    }
}

#[test]
fn a_run_that_waits_for_nobody_ends_too() {
    let mut running = Running::new("nobody", FOR_NOBODY, "hostile-engine");
    running.send(Signal::TERM);
    assert_eq!(running.ended(), Some(143), "{}", running.told());
    assert_eq!(running.types_of_lines(), ["run"], "{}", running.told());
}

#[test]
fn a_run_that_is_killed_leaves_no_process() {
    let mut running = Running::new("killed", CASES, "client-engine");
    running.send(Signal::KILL);
    assert_eq!(running.ended(), None);
}
