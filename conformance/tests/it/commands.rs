//! What the command line says back: mistakes, testees that do not begin, output that nobody can take.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Far less than a testee has to introduce itself.
const AT_ONCE: Duration = Duration::from_secs(20);

fn conformance(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// It ends with this code, and says all of these words.
fn says(arguments: &[&str], code: i32, words: &[&str]) {
    let output = conformance(arguments);
    let told =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{arguments:?} does not say {word}: {told}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for factor in ["nan", "inf", "1e300", "0", "0.001"] {
        for command in
            [["run", "--engine", "mini"], ["walk", "--engine", "mini"], ["selftest", "--mutant", "x"]]
        {
            let scale = ["--time-scale", factor];
            says(&[command.as_slice(), &scale].concat(), 2, &["a factor is a number from 0.01 to 1000"]);
        }
    }
    says(&["run", "--engine", "mini", "--jobs", "0"], 2, &["1 at least"]);
    says(&["run", "--engine", "mini", "--repeat", "0"], 2, &["1 at least"]);
    says(&["run", "--pair", "rust"], 2, &["A+B"]);
    says(&["run", "--pair", "rust+go+c"], 2, &["A+B"]);
    says(&["run", "--engine", ""], 2, &["it is empty"]);
    says(&["run", "--adapter", " "], 2, &["it is empty"]);
}

#[test]
fn a_testee_that_does_not_begin_is_told_in_words_at_once() {
    let testee = |says: &str| {
        let address = "${CONFORMANCE_ADDRESS%:*}/${CONFORMANCE_ADDRESS#*:}";
        format!("bash -c 'exec 3<>/dev/tcp/{address}; read -r line <&3; {says} >&3; cat <&3'")
    };
    let error = r#"echo "{\"id\":1,\"error\":{\"kind\":\"other\",\"text\":\"not today\"}}""#;
    let empty = r#"echo "{\"id\":1,\"ok\":{}}""#;
    let latin = r#"printf "{\"id\":1,\"ok\":{\"name\":\"\\xff\"}}\n""#;
    for (testee, words) in [
        (testee("echo hi"), ["it wrote hi", "no JSON"]),
        (testee(latin), ["it wrote", "UTF-8"]),
        (testee(error), ["a failure of the kind other", "not today"]),
        (testee(empty), ["there is no `name`", "there is no `features`"]),
        ("sh -c 'echo oh no; exit 7'".to_owned(), ["exit status: 7", "it printed: oh no"]),
        ("/nowhere/at/all".to_owned(), ["ended", "before it connected"]),
    ] {
        for option in ["--engine", "--adapter"] {
            let begun = Instant::now();
            says(&["run", option, &testee], 3, &words);
            assert!(begun.elapsed() < AT_ONCE, "{testee} is waited for");
        }
    }
}

#[test]
fn an_engine_is_not_called_a_client() {
    let output = conformance(&["run", "--engine", "sh -c 'exit 7'"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("engine ended") && !told.contains("client"), "{told}");
}

#[test]
fn files_that_cannot_be_written_are_told_before_anything_runs() {
    for option in ["--record", "--html", "--junit", "--markdown", "--badge"] {
        let nowhere = "/nowhere/at/all";
        says(&["run", "--engine", "sh -c 'exit 7'", option, nowhere], 2, &["cannot write /nowhere/at/all"]);
    }
    says(&["bench", "--sdk", "cobol", "--json", "/nowhere/at/all"], 2, &["cannot write /nowhere/at/all"]);
}

#[test]
fn a_run_that_does_not_begin_leaves_files_as_they_were() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("as-they-were");
    fs::create_dir_all(&folder).unwrap();
    let (old, new) = (folder.join("old"), folder.join("new"));
    fs::write(&old, "old").unwrap();
    let files = [old.display().to_string(), new.display().to_string()];
    says(
        &["run", "--engine", "sh -c 'exit 7'", "--record", &files[0], "--html", &files[1]],
        3,
        &["engine ended"],
    );
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    assert!(!new.exists());
}

#[test]
fn a_summary_is_there_even_if_the_files_cannot_be_written() {
    let arguments = ["run", "--engine", "event-engine", "--case", "basic/quit/1", "--record", "/dev/full"];
    says(&arguments, 4, &["1 passed, 0 failed", "cannot write /dev/full"]);
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let commands: [&[&str]; 5] = [
        &["list", "--json"],
        &["explain", "EE-BASIC-4"],
        &["coverage"],
        &["completions", "bash"],
        &["run", "--engine", "event-engine", "--case", "basic/quit/1", "--quiet"],
    ];
    for arguments in commands {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.args(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {told}");
        assert!(told.contains("cannot write to stdout"), "{arguments:?}: {told}");
    }
}

#[test]
fn who_closes_the_pipe_is_not_told_but_a_failure_stays_one() {
    let closed = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        child.wait().unwrap().code()
    };
    assert_eq!(closed(&["list"]), Some(0));
    assert_eq!(closed(&["list", "no/such/case"]), Some(5));
    assert_eq!(closed(&["run", "--engine", "sh -c 'exit 7'"]), Some(3));
}

#[test]
fn explain_understands_what_is_nearly_right() {
    says(&["explain", "ee-basic-4"], 0, &["EE-BASIC-4 (", "Why: "]);
    says(&["explain", "Basic/Quit/1"], 0, &["basic/quit/1: ", "lane hostile-client"]);
    says(&["explain", "EE-BASIC"], 0, &["EE-BASIC-1 ", "EE-BASIC-4 "]);
    says(&["explain", "basic/quit"], 0, &["basic/quit/1 "]);
    says(&["explain", "ee-basci-4"], 2, &["did you mean EE-BASIC-4"]);
    says(&["explain", "basic/qiut/1"], 2, &["did you mean basic/quit/1"]);
    says(&["explain", ""], 2, &["there is no requirement"]);
}

#[test]
fn a_profile_that_a_case_does_not_have_is_a_mistake() {
    says(
        &["run", "--engine", "sh -c 'exit 7'", "--case", "pairs/4@other"],
        2,
        &["there is no case pairs/4@other"],
    );
}

#[test]
fn replay_runs_where_the_run_was() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("testee.sh"),
        format!("exec '{}' testee engine", env!("CARGO_BIN_EXE_conformance")),
    )
    .unwrap();
    let record = folder.join("record").display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    let arguments = ["run", "--engine", "sh testee.sh", "--case", "basic/quit/1", "--record", &record];
    assert_eq!(command.args(arguments).current_dir(&folder).output().unwrap().status.code(), Some(0));
    says(&["replay", &record, "--case", "basic/quit/1"], 0, &["where the run was", "1 passed"]);
}
