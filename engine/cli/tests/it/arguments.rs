//! What the commands `new` to `completions` say about themselves, and what arguments they refuse.

use crate::place::Place;

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    let mut text = String::new();
    for command in
        ["new", "new app", "new plugin", "list", "ledger", "top", "tap", "pub", "stop", "completions"]
    {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        text.push_str(&format!("### {command}\n{}\n", place.run(&arguments).well()));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    let place = Place::new();
    for arguments in [
        &["pub"][..],
        &["pub", "a", "--hex", "00"],
        &["tap", "--count", "0"],
        &["top", "--interval", "1ms"],
        &["stop", "--wait=soon"],
        &["new", "plugin", "x"],
        &["nothing"],
    ] {
        place.run(arguments).failed(2);
    }
}

#[test]
fn shells_get_their_completions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).well();
        assert!(script.contains("ledger") && script.contains("sdk-dir"), "{shell}");
    }
}
