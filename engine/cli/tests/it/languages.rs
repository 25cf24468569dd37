//! What `new` makes builds and runs, in each language: the commands of the application file, against an engine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use event_engine::{Builder, PluginSpec};

use crate::place::{until, Place, Running};

/// A first build, on the slowest machine.
const BUILD: Duration = Duration::from_secs(900);

/// Whether these programs are there; says so if not.
fn there(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let version = if **program == "go" { "version" } else { "--version" };
        Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    });
    if let Some(missing) = missing {
        eprintln!("SKIPPED: {missing} is not installed");
    }
    missing.is_none()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Runs a new application with one more plugin: `source` -> `printer`, and `source` -> `relay` -> the engine. `relay` is called by
/// a name that the language's tools use themselves.
fn runs(lang: &str, relay: &str) {
    let place = Place::new();
    place.run(&["new", "app", "demo", "--lang", lang]).well();
    let app = place.path().join("demo");
    let file = app.join("app.toml");
    let file_name = file.display().to_string();
    place
        .run(&[
            "new",
            "plugin",
            relay,
            "--lang",
            lang,
            "--app",
            &file_name,
            "--subscribe",
            "hello",
            "--publish",
            "answer",
        ])
        .well();

    let (sender, answers) = mpsc::channel();
    let engine = Builder::new()
        .plugin(PluginSpec::new("sink").subscribe("AN"), move |context| loop {
            let event = context.next_event()?;
            let _ = sender.send(event.to_vec());
        })
        .external(PluginSpec::new("source"), 0)
        .external(PluginSpec::new("printer").subscribe("HE"), 0)
        .external(PluginSpec::new(relay).subscribe("HE"), 0)
        .stop_within(Duration::from_secs(60))
        .start()
        .unwrap();

    let document: toml_edit::DocumentMut = read(&file).parse().unwrap();
    let mut running = Vec::new();
    for name in ["source", "printer", relay] {
        let words: Vec<String> = document["plugins"][name]["command"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect();
        let output = fs::File::create(app.join(format!("{name}.out"))).unwrap();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(app.join(name))
            .env("EVENT_ENGINE_ENDPOINT", format!("tcp://127.0.0.1:{}", engine.port(name).unwrap()))
            // So that a second run of this test builds no more than is new.
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugins"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        running.push((name, Running::start(&mut command)));
    }

    let said = |name: &str| read(&app.join(format!("{name}.out")));
    let deadline = Instant::now() + BUILD;
    let mut got = Vec::new();
    while got.len() < 2 {
        if let Ok(answer) = answers.recv_timeout(Duration::from_millis(200)) {
            got.push(String::from_utf8(answer).unwrap());
        }
        for (name, plugin) in &mut running {
            let ended = plugin.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended with {ended:?}: {}", said(name));
        }
        assert!(Instant::now() < deadline, "source: {}\nrelay: {}", said("source"), said(relay));
    }
    assert_eq!(got, ["ANhello 1", "ANhello 2"]);
    until("the printer's second line", || said("printer").contains("hello: hello 2").then_some(()));

    engine.stop();
    let report = engine.wait();
    assert!(report.is_success(), "{report}");
    for (name, mut plugin) in running {
        let status = plugin.child.wait().unwrap();
        assert!(status.success(), "{name}: {status}: {}", said(name));
    }
    assert!(said("printer").starts_with("hello: hello 1\nhello: hello 2\n"), "{}", said("printer"));
    assert!(said("source").starts_with("published 1\npublished 2\n"), "{}", said("source"));
    assert!(said(relay).starts_with("hello: hello 1\nhello: hello 2\n"), "{}", said(relay));
}

#[test]
fn python() {
    if there(&["python3"]) {
        runs("python", "venv");
    }
}

#[test]
fn rust() {
    if there(&["cargo"]) {
        runs("rust", "build");
    }
}

#[test]
fn go() {
    if there(&["go"]) {
        runs("go", "fmt");
    }
}

#[test]
fn c() {
    if there(&["cc", "make", "cmake", "pkg-config"]) {
        runs("c", "stdio");
    }
}
