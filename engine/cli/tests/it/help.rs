//! What `--help` says.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::place::Place;
use crate::support::{run_in, Folder, GOOD};

/// The help of a command; none of the program's own commands is missing here.
fn help(arguments: &[&str]) -> String {
    let done = run_in(Path::new("."), arguments);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    done.stdout
}

#[test]
fn of_check() {
    insta::assert_snapshot!("help_check", help(&["check", "--help"]));
}

#[test]
fn every_key_of_json_stands_in_the_help() {
    let folder = Folder::with(&GOOD.replace("6001", "66001"));
    let done = run_in(folder.path(), &["check", "--json", "app.toml"]);
    knows("check", &done.stdout);
    let ends = GOOD.replace("[types]", "until = \"done\"\n[types]");
    let place = Place::new();
    fs::write(place.path().join("app.toml"), ends.split("[plugins.listener]").next().unwrap()).unwrap();
    knows("run", &place.run(&["run", "--json", "app.toml"]).stdout);
}

/// Whether the help of `command` names the keys of this object.
#[track_caller]
fn knows(command: &str, object: &str) {
    let text = help(&[command, "--help"]);
    let object: Value = serde_json::from_str(object).unwrap();
    keys(&object, &mut |key| assert!(text.contains(&format!("\"{key}\"")), "{key}: {text}"));
}

fn keys(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            see(key);
            keys(value, see);
        }),
        Value::Array(values) => values.iter().for_each(|value| keys(value, see)),
        _ => {}
    }
}

#[test]
fn of_graph() {
    insta::assert_snapshot!("help_graph", help(&["graph", "--help"]));
}

#[test]
fn the_program_names_its_exit_codes() {
    let text = help(&["--help"]);
    for line in [
        "0  all is well",
        "1  the application or a plugin failed",
        "2  the command line",
        "3  no such application is running",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_bad_command_line_ends_with_2() {
    for arguments in [&["no-such-command"][..], &["check"], &["graph", "a", "--format", "png"], &[]] {
        assert_eq!(run_in(Path::new("."), arguments).code, Some(2), "{arguments:?}");
    }
}
