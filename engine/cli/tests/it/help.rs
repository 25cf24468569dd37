//! What `--help` says.

use std::path::Path;

use crate::support::run_in;

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
