//! `conformance bench` measures what it says, and leaves nothing behind.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// It may have to build the client library's testee first.
const WITHIN: Duration = Duration::from_secs(300);

/// What came of it.
struct Ended {
    code: Option<i32>,
    out: String,
    errors: String,
}

/// Runs it in the checkout; `mark` is in the environment of every process that it starts.
fn bench(arguments: &[&str], mark: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_conformance"))
        .arg("bench")
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("BENCH_TEST_MARK", mark)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (send, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut texts = [String::new(), String::new()];
        out.read_to_string(&mut texts[0]).unwrap();
        errors.read_to_string(&mut texts[1]).unwrap();
        send.send(texts)
    });
    let printed = printed.recv_timeout(WITHIN);
    if printed.is_err() {
        let _ = child.kill();
    }
    let code = child.wait().unwrap().code();
    let [out, errors] = printed.expect("the measurement does not end");
    Ended { code, out, errors }
}

/// Processes with the mark in their environment, where the system shows that.
fn processes(mark: &str) -> Vec<PathBuf> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let environments = all.flatten().map(|entry| entry.path().join("environ"));
    let has_mark = |path: &PathBuf| {
        let text = fs::read(path).unwrap_or_default();
        text.split(|byte| *byte == 0).any(|variable| variable == format!("BENCH_TEST_MARK={mark}").as_bytes())
    };
    environments.filter(has_mark).collect()
}

#[test]
fn every_figure_has_what_was_delivered_beside_it() {
    let mark = format!("{}-figures", std::process::id());
    let file = std::env::temp_dir().join(format!("event-engine-bench-{mark}.json"));
    let file_name = file.display().to_string();
    let arguments =
        ["--sdk", "rust", "--quick", "--runs", "1", "--events", "2000", "--size", "64", "--json", &file_name];
    let Ended { code, out: text, errors } = bench(&arguments, &mark);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert_eq!(processes(&mark), Vec::<PathBuf>::new());

    for title in ["publish (ratio to rust/session)", "receive (ratio to", "round trips (ratio to"] {
        assert!(text.contains(title), "{text}");
    }
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.first().is_some_and(|word| word.starts_with("rust/")))
        .collect();
    let columns = |row: &Vec<&str>| (row[0].to_owned(), row[1].to_owned(), row[row.len() - 1].to_owned());
    let wanted = [
        ("rust/session", "2000"),
        ("rust/basic", "200"),
        ("rust/session", "2000"),
        ("rust/basic", "200"),
        ("rust/session", "100"),
        ("rust/basic", "100"),
    ]
    .map(|(row, events)| (row.to_owned(), events.to_owned(), "1".to_owned()));
    assert_eq!(rows.iter().map(columns).collect::<Vec<_>>(), wanted, "{text}");

    let figures: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(figures["size"], 64);
    assert_eq!(figures["failures"], Value::Array(Vec::new()));
    let results = figures["results"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    for result in results {
        assert_eq!(result["delivered_ratio"], 1.0, "{result}");
        assert!(result["per_second"]["median"].as_f64().unwrap() > 0.0, "{result}");
        let timed = result["measure"] == "round trips";
        assert_eq!(result["p50_us"].is_object() && result["p99_us"].is_object(), timed, "{result}");
        assert_eq!(result["runs"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn an_unknown_client_library_is_a_mistake_of_the_command_line() {
    let ended = bench(&["--sdk", "cobol"], &format!("{}-cobol", std::process::id()));
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains("cobol"), "{}", ended.errors);
}

#[test]
fn a_client_library_that_does_not_start_is_told() {
    let ended = bench(&["--adapter", "sh -c 'exit 7'"], &format!("{}-adapter", std::process::id()));
    assert_eq!(ended.code, Some(3));
    assert!(ended.errors.contains("not measured: adapter: client ended"), "{}", ended.errors);
}
