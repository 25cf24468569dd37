//! `event-engine check`.

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;

use crate::place::{full, Place};
use crate::support::{run_in, Folder, GOOD};

#[test]
fn nothing_is_wrong_with_a_good_file() {
    let folder = Folder::with(GOOD);
    let done = run_in(folder.path(), &["check", "app.toml"]);
    assert_eq!(
        (done.code, done.stdout.as_str(), done.stderr.as_str()),
        (Some(0), "app.toml: nothing is wrong\n", "")
    );
}

#[test]
fn errors_end_with_2_and_are_said_without_colours() {
    let folder =
        Folder::with(&GOOD.replace("subscribe", "subscribes").replace("sh\"", "no-program-of-this-name\""));
    let done = run_in(folder.path(), &["check", "app.toml"]);
    assert_eq!(done.code, Some(2));
    assert_eq!(done.stdout, "app.toml: 2 errors\n");
    insta::assert_snapshot!("check_errors", done.stderr);
}

#[test]
fn warnings_end_with_0_unless_denied() {
    let folder = Folder::with(&GOOD.replace("subscribe = [\"greeting\"]", "publish = [\"greeting\"]"));
    let done = run_in(folder.path(), &["check", "app.toml"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "app.toml: 1 warning\n"));
    assert!(done.stderr.contains("warning: nobody takes type `greeting`"), "{}", done.stderr);
    assert_eq!(run_in(folder.path(), &["check", "app.toml", "--deny-warnings"]).code, Some(2));
}

#[test]
fn json_is_one_object_on_stdout() {
    let folder = Folder::with(&GOOD.replace("6001", "66001"));
    let done = run_in(folder.path(), &["check", "--json", "app.toml"]);
    assert_eq!((done.code, done.stderr.as_str(), done.stdout.matches('\n').count()), (Some(2), "", 1));
    let said: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&said["file"], &said["errors"]), (&"app.toml".into(), &1.into()));
    assert_eq!((&said["diagnostics"][0]["line"], &said["diagnostics"][0]["column"]), (&12.into(), &8.into()));
}

#[test]
fn ports_in_use_are_looked_at_on_request() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::with(&GOOD.replace("6001", &port));
    assert_eq!(run_in(folder.path(), &["check", "app.toml"]).code, Some(0));
    let done = run_in(folder.path(), &["check", "--ports", "app.toml"]);
    assert_eq!(done.code, Some(2));
    assert!(done
        .stderr
        .contains(&format!("app.toml:12:8: error: port {port} of plugin `listener` is in use")));
}

#[test]
fn what_is_wrong_stays_so_when_nobody_reads_of_it() {
    let place = Place::new();
    fs::write(place.path().join("good.toml"), GOOD).unwrap();
    fs::write(place.path().join("wrong.toml"), "[application]\n").unwrap();
    for arguments in [&["check", "wrong.toml"][..], &["check", "--json", "wrong.toml"]] {
        assert_eq!(place.unread(arguments), Some(2), "{arguments:?}");
        assert_eq!(place.written_to(full(), full(), arguments), Some(2), "{arguments:?}");
        assert_eq!(place.written_to(Stdio::null(), full(), arguments), Some(2), "{arguments:?}");
    }
    assert_eq!(place.unread(&["check", "good.toml"]), Some(0));
    assert_eq!(place.written_to(full(), full(), &["check", "good.toml"]), Some(1));
}

#[test]
fn a_path_does_nothing_to_the_terminal() {
    let folder = Folder::new();
    fs::write(folder.path().join("a\n\x1b[31m.toml"), GOOD).unwrap();
    let done = run_in(folder.path(), &["check", "a\n\x1b[31m.toml"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "a\u{fffd}\u{fffd}[31m.toml: nothing is wrong\n")
    );
}

#[test]
fn a_file_that_is_not_there_is_said() {
    let folder = Folder::new();
    let done = run_in(folder.path(), &["check", "app.toml"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), "app.toml: 1 error\n"));
    assert!(
        done.stderr.starts_with("app.toml: error: the file cannot be read: No such file"),
        "{}",
        done.stderr
    );
}
