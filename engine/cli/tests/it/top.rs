//! `top`: as data, as a table, and on a terminal.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;
use serde_json::Value;

use crate::place::Place;
use crate::terminal::Terminal;

/// The screen is left.
const LEFT: &str = "\x1b[?1049l";
/// The cursor is shown.
const CURSOR: &str = "\x1b[?25h";

#[test]
fn an_object_for_each_interval() {
    let place = Place::new();
    let _application = place.application("one");
    place.run(&["pub", "RE1"]).well();
    let text = place.run(&["top", "--json", "-n", "2", "--interval", "100ms"]).well();
    let samples: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(samples.len(), 2);
    for sample in samples {
        assert_eq!((&sample["application"], &sample["accepted"]), (&"one".into(), &1.into()));
        assert_eq!(sample["accepted-per-s"], 0.0);
        assert_eq!(
            (&sample["plugins"][1]["name"], &sample["plugins"][1]["queued"]),
            (&"absent".into(), &1.into())
        );
    }
}

#[test]
fn a_table_when_nobody_looks() {
    let place = Place::new();
    let _application = place.application("one");
    for arguments in [&["top", "--once", "--interval", "100ms"][..], &["top", "--interval", "100ms"]] {
        let text = place.run(arguments).well();
        assert!(text.starts_with("one: running for "), "{text}");
        assert!(text.contains("\nPLUGIN  STATE") && text.contains("\nabsent  "), "{text}");
    }
}

#[test]
fn q_quits_and_gives_the_terminal_back() {
    let place = Place::new();
    let _application = place.application("one");
    let mut terminal = Terminal::run(&place, &["top", "--interval", "100ms"]);
    terminal.shows("absent");
    terminal.shows("balances");
    terminal.type_in("q");
    assert!(terminal.ends().success());
    terminal.shows(LEFT);
}

#[test]
fn it_ends_with_the_application() {
    let place = Place::new();
    let application = place.application("one");
    let mut terminal = Terminal::run(&place, &["top", "--interval", "100ms"]);
    terminal.shows("absent");
    application.stop();
    application.wait();
    assert!(terminal.ends().success());
    terminal.shows("one has ended");
    terminal.shows(LEFT);
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_given_back() {
    let place = Place::new();
    let _application = place.application("one");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut terminal = Terminal::run(&place, &["top", "--interval", "100ms"]);
        terminal.shows("absent");
        terminal.program.signal(signal);
        assert_eq!(terminal.ends().signal(), Some(signal.as_raw()));
        terminal.shows(LEFT);
        terminal.shows(CURSOR);
    }
}
