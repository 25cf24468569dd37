//! `new`: what is made, and what is refused. That it runs is shown in `languages`.

use std::fs;
use std::path::Path;

use crate::place::Place;

/// This checkout.
fn checkout() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().display().to_string()
}

/// Every file below a folder with its text, by name.
fn files(folder: &Path) -> String {
    let mut text = String::new();
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            text.push_str(&files(&path));
        } else {
            text.push_str(&format!("### {}\n{}", path.display(), fs::read_to_string(&path).unwrap()));
        }
    }
    text
}

/// A text without the places of this machine.
fn anywhere(place: &Place, text: &str) -> String {
    let here = place.path().canonicalize().unwrap();
    text.replace(&here.display().to_string(), "HERE")
        .replace(&place.path().display().to_string(), "HERE")
        .replace(&checkout(), "CHECKOUT")
}

#[test]
fn an_application_in_every_language() {
    for lang in ["python", "rust", "go", "c"] {
        let place = Place::new();
        let said = place.run(&["new", "app", "demo", "--lang", lang]);
        let text = format!("{}\n{}", said.stderr, files(&place.path().join("demo")));
        said.well();
        insta::assert_snapshot!(format!("app_{lang}"), anywhere(&place, &text));
    }
}

#[test]
fn a_plugin_with_several_types() {
    let place = Place::new();
    fs::write(
        place.path().join("app.toml"),
        "[application]\nname = \"x\"\n\n[types]\na = { hex = \"00ff22\" } # odd\n",
    )
    .unwrap();
    for lang in ["python", "rust", "go", "c"] {
        let name = format!("in-{lang}");
        let said = place.run(&[
            "new",
            "plugin",
            "--lang",
            lang,
            &name,
            "--subscribe",
            "a",
            "--subscribe",
            "b-1",
            "--publish",
            "c",
            "--publish",
            "d",
        ]);
        let text = format!("{}\n{}", said.stderr, files(&place.path().join(&name)));
        said.well();
        insta::assert_snapshot!(format!("plugin_{lang}"), anywhere(&place, &text));
    }
    insta::assert_snapshot!(fs::read_to_string(place.path().join("app.toml")).unwrap());
}

#[test]
fn names_that_a_language_uses_itself_will_do() {
    let place = Place::new();
    fs::write(place.path().join("app.toml"), "[application]\nname = \"x\"\n").unwrap();
    let read = |path: String| fs::read_to_string(place.path().join(path)).unwrap();
    for name in ["log", "fmt", "Log", "std", "cmd", "all", "tool", "work", "go", "con", "v1"] {
        place.run(&["new", "plugin", "--lang", "go", name]).well();
        let text = read(format!("{name}/go.mod"));
        assert!(text.contains(&format!("\nmodule example.com/plugin-{name}\n")), "{text}");
    }
    for name in ["build", "deps", "examples", "incremental"] {
        place.run(&["new", "plugin", "--lang", "rust", name]).well();
        let text = read(format!("{name}/Cargo.toml"));
        assert!(text.contains(&format!("[[bin]]\nname = \"plugin-{name}\"\n")), "{text}");
    }
}

#[test]
fn a_type_that_is_named_twice_counts_once() {
    let place = Place::new();
    let app = place.path().join("app.toml");
    fs::write(&app, "[application]\nname = \"x\"\n").unwrap();
    let types = ["--subscribe", "a", "--subscribe", "a", "--publish", "b", "--publish", "b"];
    let mut arguments = vec!["new", "plugin", "--lang", "python", "twice"];
    arguments.extend(types);
    let said = place.run(&arguments).failed(0);
    assert!(said.contains("which gets a and publishes b; new"), "{said}");
    let text = fs::read_to_string(&app).unwrap();
    assert!(text.contains("subscribe = [\"a\"]\npublish = [\"b\"]\n"), "{text}");
    let program = fs::read_to_string(place.path().join("twice/main.py")).unwrap();
    assert_eq!(program.matches("client.publish(").count(), 1, "{program}");
}

#[test]
fn longer_prefixes_are_looked_for_first() {
    let place = Place::new();
    let types = "[types]\nall = \"\"\nshort = \"S\"\nlonger = \"SAB\"\nlong = \"SA\"\n";
    fs::write(place.path().join("app.toml"), format!("[application]\nname = \"x\"\n{types}")).unwrap();
    for (lang, main) in [("python", "main.py"), ("rust", "src/main.rs"), ("go", "main.go"), ("c", "plugin.c")]
    {
        let name = format!("in-{lang}");
        place.run(&["new", "plugin", "--lang", lang, &name]).well();
        let text = fs::read_to_string(place.path().join(&name).join(main)).unwrap();
        let at = ["longer", "long", "short", "all"].map(|kind| text.find(&format!("\"{kind}\"")).unwrap());
        assert!(at.is_sorted(), "{text}");
    }
}

#[test]
fn the_next_command_can_be_copied() {
    let place = Place::new();
    fs::create_dir(place.path().join("a b")).unwrap();
    let said = place.run(&["new", "app", "demo", "--dir", "a b"]).failed(0);
    assert!(said.contains("next: event-engine run 'a b/demo/app.toml'\n"), "{said}");
    let arguments = ["new", "plugin", "more", "--lang", "c", "--app", "a b/demo/app.toml"];
    let said = place.run(&arguments).failed(0);
    assert!(said.contains("next: event-engine run 'a b/demo/app.toml'    (and edit"), "{said}");
}

#[test]
fn without_types_a_plugin_gets_all_or_publishes_its_own() {
    let place = Place::new();
    fs::write(place.path().join("app.toml"), "[application]\nname = \"x\"\n").unwrap();
    let said = place.run(&["new", "plugin", "--lang", "go", "first"]).failed(0);
    assert!(said.contains("gets nothing and publishes first; new: type first with prefix FI"), "{said}");
    let said = place.run(&["new", "plugin", "--lang", "c", "second"]).failed(0);
    assert!(said.contains("gets first and publishes nothing\n"), "{said}");
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_half() {
    let place = Place::new();
    let app = place.path().join("app.toml");
    let before = "[application]\nname = \"x\"\n[plugins.there]\nport = 1\n";
    fs::write(&app, before).unwrap();
    fs::create_dir(place.path().join("folder")).unwrap();
    let plugin = |name: &str, more: &[&str]| {
        let mut arguments = vec!["new", "plugin", "--lang", "python", name];
        arguments.extend(more);
        place.run(&arguments).failed(2)
    };
    for (name, more, expected) in [
        ("folder", &["--publish", "t"][..], "already there"),
        ("there", &["--publish", "t"], "already a plugin 'there'"),
        ("bus", &[], "the engine itself"),
        ("a/b", &[], "letters, digits"),
        ("fresh", &["--publish", "t", "--subscribe", "t"], "for ever"),
        ("fresh", &["--publish", "t t"], "the type 't t'"),
        ("fresh", &["--app", "nowhere.toml"], "event-engine new app"),
        ("fresh", &["--sdk-dir", "folder"], "no checkout"),
    ] {
        let said = plugin(name, more);
        assert!(said.contains(expected), "{name}: {said}");
    }
    assert_eq!(fs::read_to_string(&app).unwrap(), before);
    assert!(!place.path().join("fresh").exists());
    assert_eq!(fs::read_dir(place.path().join("folder")).unwrap().count(), 0);

    let said = place.run(&["new", "app", "folder"]).failed(2);
    assert!(said.contains("already there"), "{said}");
    let said = place.run(&["new", "app", "x", "--dir", "nowhere"]).failed(2);
    assert!(said.contains("the folder for it is not there"), "{said}");
}

#[test]
fn the_published_libraries_are_used_outside_of_a_checkout() {
    let place = Place::new();
    // The program lies elsewhere then.
    let program = place.path().join("event-engine");
    fs::copy(env!("CARGO_BIN_EXE_event-engine"), &program).unwrap();
    for lang in ["python", "rust", "go", "c"] {
        let output = std::process::Command::new(&program)
            .args(["new", "app", lang, "--lang", lang])
            .current_dir(place.path())
            .env_remove("EVENT_ENGINE_SDKS")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("client library: the published one"), "{said}");
    }
    let holds = |path: &str, expected: &str| {
        let text = fs::read_to_string(place.path().join(path)).unwrap();
        assert!(text.contains(expected), "{path}: {text}");
        assert!(!text.contains(&checkout()), "{path}: {text}");
    };
    holds("python/source/requirements.txt", "event-engine>=0.3,<0.4\n");
    holds("rust/source/Cargo.toml", "event-engine-client = \"0.3\"\n");
    holds("go/source/go.mod", "require github.com/tapis-project/event-engine/sdks/go v0.3.0\n");
    holds("go/app.toml", "command = [\"go\", \"run\", \"-mod=mod\", \".\"]");
    holds("c/source/Makefile", "pkg-config --cflags --libs event-engine");
}
