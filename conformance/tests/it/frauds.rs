//! Testees that hang, crash, flood, answer late or lie: the harness is done in time, calls nothing of it good, and nothing is left.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a run of one case takes at most on a machine that is very busy.
const WITHIN: Duration = Duration::from_secs(90);
/// What is killed is gone so soon.
const GONE: Duration = Duration::from_secs(10);
/// Two lines of the longest kind, and what else the harness needs.
const MEMORY_MAX_KIB: u64 = 512 << 10;

const CASES: &str = r#"
[[case]]
id = "fraud/client/1"
title = "An event goes to the engine and comes back."
requirements = ["EE-BASIC-5", "EE-SDK-23"]
judged = "client"
profiles = ["basic"]
smoke = true
steps = """
engine plugin client external subscribe=""
engine start
client connect profile=basic
client publish "evt.one"
client next -> "evt.one"                    EE-BASIC-5
client quit
engine port client closed                   EE-SDK-23
"""

[[case]]
id = "fraud/engine/1"
title = "An event goes to the engine and comes back."
requirements = ["EE-BASIC-5"]
judged = "engine"
smoke = true
steps = """
engine plugin client external subscribe=""
engine start
a dial client as=REQ
a request "evt.one"
a answer *
a request "plugin_command: next_msg"
a answer "evt.one"                          EE-BASIC-5
"""
"#;

/// A case that proves nothing.
const HOLE: &str = r#"
[[case]]
id = "hole/client/1"
title = "A client says that it connects."
requirements = ["EE-SDK-23"]
judged = "client"
profiles = ["basic"]
smoke = true
steps = """
engine plugin client external subscribe=""
engine start
client connect
client close
"""
"#;

/// What the harness did.
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    memory_kib: u64,
    folder: PathBuf,
}

impl Done {
    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("record")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn verdicts(&self) -> Vec<String> {
        let lines = self.lines();
        lines
            .iter()
            .filter(|line| line["type"] == "case")
            .map(|line| line["verdict"].as_str().unwrap().into())
            .collect()
    }

    fn told(&self) -> String {
        format!("{:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Runs the harness with these cases; `RECORD` among the arguments is a file of its own.
fn conformance(name: &str, cases: &str, arguments: &[&str]) -> Done {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("cases")).unwrap();
    fs::write(folder.join("cases/all.toml"), cases).unwrap();
    let file = |name: &str| folder.join(name);
    let mut child = Command::new(env!("CARGO_BIN_EXE_conformance"))
        .args(arguments)
        .arg("--record")
        .arg(file("record"))
        .env("CONFORMANCE_DATA", &folder)
        .stdin(Stdio::null())
        .stdout(File::create(file("stdout")).unwrap())
        .stderr(File::create(file("stderr")).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + WITHIN;
    let mut memory_kib = 0;
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        memory_kib = memory_kib.max(highest(child.id()));
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{arguments:?} hangs");
        }
        thread::park_timeout(Duration::from_millis(10));
    };
    let read = |name: &str| fs::read_to_string(file(name)).unwrap();
    Done { code, stdout: read("stdout"), stderr: read("stderr"), memory_kib, folder }
}

/// The most memory that a process has had.
fn highest(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Waits until no process has that word among its arguments.
fn all_are_gone(mark: &str) {
    let deadline = Instant::now() + GONE;
    loop {
        let left: Vec<String> = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
            .filter(|line| line.split('\0').any(|word| word == mark))
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{left:?}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// One case with one fraud.
fn one_case(role: &str, kind: &str) -> Done {
    let mark = format!("it-{}-{role}-{kind}", std::process::id());
    let program = env!("CARGO_BIN_EXE_conformance");
    let testee = format!("'{program}' testee fraud --role {role} --kind {kind} --mark {mark}");
    let subject = if role == "client" { "--adapter" } else { "--engine" };
    let common = ["--case", "fraud/", "--no-retry", "--time-scale", "0.2", "--jobs", "1", "--lane"];
    let lane = if role == "client" { "client-engine" } else { "hostile-client" };
    let arguments = [&["run", subject, &testee], common.as_slice(), &[lane]].concat();
    let done = conformance(&format!("{role}-{kind}"), CASES, &arguments);
    all_are_gone(&mark);
    assert!(done.memory_kib < MEMORY_MAX_KIB, "{} KiB", done.memory_kib);
    done
}

/// It fails, and the reason is this.
fn fails(role: &str, kind: &str, reason: &str) {
    let done = one_case(role, kind);
    assert_eq!(done.code, Some(1), "{}", done.told());
    assert_eq!(done.verdicts(), ["fail"], "{}", done.told());
    assert!(done.stdout.contains(reason), "{}", done.told());
}

#[test]
fn a_client_that_hangs_fails_in_time() {
    fails("client", "hang", "there is none");
}

#[test]
fn a_client_that_crashes_fails_by_its_signal() {
    fails("client", "crash", "SIGABRT");
}

#[test]
fn a_client_that_just_ends_fails() {
    fails("client", "exit", "exit status: 0");
}

#[test]
fn a_client_that_floods_fails_and_fills_no_memory() {
    fails("client", "flood", "observed");
    fails("client", "flood-answers", "broke the adapter protocol");
}

#[test]
fn a_client_that_answers_late_fails() {
    fails("client", "late", "there is none");
}

#[test]
fn a_client_that_claims_what_it_does_not_support_fails() {
    fails("client", "liar", "unsupported");
}

#[test]
fn a_client_that_answers_and_does_nothing_fails() {
    for kind in ["null", "always-ok", "wrong-reason", "garbage"] {
        fails("client", kind, "observed");
    }
}

#[test]
fn an_engine_that_cheats_fails() {
    fails("engine", "hang", "there is none");
    fails("engine", "crash", "SIGABRT");
    fails("engine", "exit", "exit status: 0");
    fails("engine", "flood", "observed");
    fails("engine", "late", "there is none");
    fails("engine", "liar", "unsupported");
    fails("engine", "null", "told no port");
    fails("engine", "always-ok", "handshake");
    fails("engine", "garbage", "observed");
    fails("engine", "wrong-reason", "observed");
}

#[test]
fn a_testee_that_says_yes_to_everything_is_not_even_tried() {
    for role in ["client", "engine"] {
        let done = one_case(role, "yes-man");
        assert_eq!(done.code, Some(3), "{}", done.told());
        assert!(done.stderr.contains("`juggle`") && done.stderr.contains("`unsupported`"), "{}", done.told());
    }
}

#[test]
fn the_selftest_lets_frauds_try_and_reports_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("selftest");
    let files: Vec<String> =
        ["html", "junit", "markdown"].map(|it| folder.join(it).display().to_string()).into();
    let arguments = [
        "selftest",
        "--mutant",
        "fraud/client/hang",
        "--mutant",
        "fraud/client/null",
        "--mutant",
        "fraud/client/yes-man",
        "--mutant",
        "fraud/engine/crash",
        "--html",
        &files[0],
        "--junit",
        &files[1],
        "--markdown",
        &files[2],
    ];
    let done = conformance("selftest", CASES, &arguments);
    assert_eq!(done.code, Some(0), "{}", done.told());
    assert!(done.stdout.contains("4 of 4 frauds pass nothing"), "{}", done.told());
    let lines = done.lines();
    let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["run", "mutant", "mutant", "mutant", "mutant", "summary"]);
    for file in files {
        assert!(fs::read_to_string(&file).unwrap().contains("fraud/client/hang"), "{file}");
    }
    let record = done.folder.join("record");
    let report = Command::new(env!("CARGO_BIN_EXE_conformance")).arg("report").arg(record).output().unwrap();
    assert!(report.status.success());
    assert!(String::from_utf8_lossy(&report.stdout).contains("4 of 4 frauds pass nothing"));
}

#[test]
fn the_selftest_finds_a_case_that_a_fraud_passes() {
    let done = conformance("hole", HOLE, &["selftest", "--mutant", "fraud/client/null"]);
    assert_eq!(done.code, Some(1), "{}", done.told());
    assert!(done.stdout.contains("GETS THROUGH") && done.stdout.contains("hole/client/1"), "{}", done.told());
}

#[test]
fn no_case_is_no_proof() {
    let done = conformance("nothing", HOLE, &["selftest", "--mutant", "fraud/engine/null"]);
    assert_eq!(done.code, Some(1), "{}", done.told());
}
