//! `event-engine run` on a terminal: Ctrl-C.

use super::Pipeline;
use crate::place::until;
use crate::terminal::Terminal;

const CTRL_C: &str = "\x03";

#[test]
fn ctrl_c_stops_and_everything_drains() {
    let pipeline = Pipeline::new("", r#""source""#);
    let mut terminal = Terminal::run(&pipeline.place, &["run", "app.toml"]);
    until("events at the sink", || pipeline.delivered("sink").filter(|delivered| *delivered > 0));
    terminal.type_in(CTRL_C);
    terminal.shows("stopping; once more to end at once");
    assert_eq!(terminal.ends().code(), Some(0), "{}", terminal.text());
    // The plugins are in groups of their own: nobody but the engine has heard the key.
    terminal.shows("ended by itself");
    terminal.shows("the ledger balances");
    assert!(!terminal.text().contains("failed"), "{}", terminal.text());
    pipeline.nothing_is_left();
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let pipeline = Pipeline::new("stop-within = \"1h\"", r#""stubborn""#);
    let mut terminal = Terminal::run(&pipeline.place, &["run", "app.toml"]);
    until("events at the sink", || pipeline.delivered("sink").filter(|delivered| *delivered > 0));
    terminal.type_in(CTRL_C);
    terminal.shows("stopping; once more to end at once");
    terminal.type_in(CTRL_C);
    assert!(terminal.ends().code().is_some(), "{}", terminal.text());
    terminal.shows("the ledger balances");
    pipeline.nothing_is_left();
}
