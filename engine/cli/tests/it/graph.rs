//! `event-engine graph`.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::support::{program, run_in, Folder, GOOD};

#[test]
fn each_format_draws_every_plugin() {
    let folder = Folder::with(GOOD);
    for (format, begins) in
        [("mermaid", "---\ntitle: \"greetings\""), ("dot", "digraph \"greetings\" {"), ("svg", "<svg ")]
    {
        let done = run_in(folder.path(), &["graph", "app.toml", "--format", format]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{format}");
        assert!(done.stdout.starts_with(begins), "{}", done.stdout);
        assert!(done.stdout.contains("greeter") && done.stdout.contains("listener"), "{}", done.stdout);
    }
}

#[test]
fn commands_need_not_be_there() {
    let folder = Folder::with(&GOOD.replace("[\"sh\", \"-c\", \"true\"]", "[\"./not-built-yet\"]"));
    assert_eq!(run_in(folder.path(), &["graph", "app.toml"]).code, Some(0));
}

#[test]
fn a_file_is_written_on_request() {
    let folder = Folder::with(GOOD);
    let done = run_in(folder.path(), &["graph", "app.toml", "-f", "svg", "-o", "app.svg"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
    assert!(fs::read_to_string(folder.path().join("app.svg")).unwrap().ends_with("</svg>\n"));

    let done = run_in(folder.path(), &["graph", "app.toml", "-o", "no-folder/app.mmd"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr.starts_with("event-engine: error: no-folder/app.mmd could not be written: "),
        "{}",
        done.stderr
    );
}

#[test]
fn a_bad_file_is_said_and_not_drawn() {
    let folder = Folder::with("[application]\n");
    let done = run_in(folder.path(), &["graph", "app.toml"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    assert!(done.stderr.contains("error: the application has no name"), "{}", done.stderr);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    // More than a pipe holds, so that the program is still writing when nobody reads any more.
    let plugins: String =
        (0..3000).map(|number| format!("[plugins.p{number}]\ninternal = true\npublish = ['t']\n")).collect();
    let folder = Folder::with(&format!("[application]\nname = 'a'\n[types]\nt = 'T'\n{plugins}"));
    let mut child = program()
        .current_dir(folder.path())
        .args(["graph", "app.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
