//! What the commands `new` to `completions` say about themselves, and what arguments they refuse.

use std::fs;

use crate::place::{Place, Said};

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
fn a_time_behind_a_space_gets_a_tip() {
    let place = Place::new();
    let said = place.run(&["stop", "--wait", "5s"]).failed(2);
    assert!(said.contains("unexpected argument '5s'") && said.contains("write '--wait=5s'"), "{said}");
    assert!(!place.run(&["stop", "5s"]).failed(2).contains("--wait="));
}

/// What bash proposes for the last word of a command line, with the script that it gets.
fn completed(place: &Place, line: &str) -> Vec<String> {
    const ASK: &str = r#"
source ./script
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
function=$(complete -p event-engine) function=${function##*-F } function=${function%% *}
"$function" event-engine "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
    let mut bash = place.in_environment("bash");
    bash.args(["--norc", "-c", ASK, "bash"]).args(line.split(' '));
    let said = Said::of(bash.output().unwrap());
    assert_eq!(said.stderr, "", "{line}");
    said.well().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_every_word() {
    let place = Place::new();
    fs::write(place.path().join("script"), place.run(&["completions", "bash"]).well()).unwrap();
    for (line, expected) in [
        ("event-engine ", &["run", "check", "tap", "pub"][..]),
        ("event-engine le", &["ledger"]),
        ("event-engine list --", &["--app", "--json"]),
        ("event-engine tap --format ", &["auto", "text", "hex", "json", "raw"]),
        ("event-engine new ", &["app", "plugin"]),
        ("event-engine new plugin --lang ", &["rust", "python", "go", "c"]),
        ("event-engine help ", &["run", "new"]),
        ("event-engine help new ", &["app", "plugin"]),
    ] {
        let proposed = completed(&place, line);
        assert!(expected.iter().all(|word| proposed.iter().any(|of| of == word)), "{line}: {proposed:?}");
    }
    assert_eq!(completed(&place, "event-engine new plugin --lang p"), ["python"]);
}

#[test]
fn shells_get_their_completions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).well();
        assert!(script.contains("ledger") && script.contains("sdk-dir"), "{shell}");
    }
}
