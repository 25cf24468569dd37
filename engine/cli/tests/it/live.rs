//! The commands that ask a running application.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::thread;

use serde_json::Value;

use crate::place::{until, Place, Running, Said};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn without_an_application_every_command_says_how_to_start_one() {
    let place = Place::new();
    let commands =
        [&["list"][..], &["ledger"], &["top"], &["top", "--json"], &["tap"], &["pub", "x"], &["stop"]];
    for command in commands {
        let said = place.run(command).failed(3);
        assert!(said.contains("event-engine run APP.toml"), "{command:?}: {said}");
    }
    let said = place.run(&["list", "--json"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(3), "[]\n"));
    assert_eq!(place.unread(&["list", "--json"]), Some(3));
}

#[test]
fn an_application_is_chosen_by_name_socket_or_file() {
    let place = Place::new();
    let (_one, _two) = (place.application("one"), place.application("two"));
    let said = place.run(&["ledger"]).failed(2);
    assert!(said.contains("one, two; say which one: --app one"), "{said}");
    let said = place.run(&["ledger", "--app", "three"]).failed(3);
    assert!(said.contains("three is not running") && said.contains("running here: one, two"), "{said}");
    assert!(place.run(&["ledger", "--app", ".."]).failed(2).contains("begins with a dot"));

    fs::write(place.path().join("named.toml"), "[application]\nname = \"two\"\n").unwrap();
    fs::create_dir(place.path().join("below")).unwrap();
    fs::write(
        place.path().join("below/app.toml"),
        "[application]\nname = \"other\"\ncontrol = \"../event-engine/one.sock\"\n",
    )
    .unwrap();
    let socket = place.socket("one").display().to_string();
    for (app, name) in
        [("one", "one"), ("two", "two"), ("named.toml", "two"), ("below/app.toml", "one"), (&socket, "one")]
    {
        let account = json(&place.run(&["ledger", "--json", "--app", app]).well());
        assert_eq!(account["application"], name, "{app}");
    }
    assert!(place.run(&["ledger", "--app", "missing.toml"]).failed(2).contains("missing.toml"));
    fs::write(place.path().join("wrong.toml"), "[application]\n").unwrap();
    assert!(place.run(&["ledger", "--app", "wrong.toml"]).failed(2).contains("has no name"));
}

#[test]
fn applications_are_listed_with_their_plugins() {
    let place = Place::new();
    let (one, _two) = (place.application("one"), place.application("two"));
    let list = json(&place.run(&["list", "--json"]).well());
    assert_eq!((&list[0]["application"], &list[1]["application"]), (&"one".into(), &"two".into()));
    let absent = &list[0]["plugins"][1];
    assert_eq!((&absent["name"], &absent["kind"]), (&"absent".into(), &"external".into()));
    assert_eq!(absent["port"], one.port("absent").unwrap());
    assert_eq!(list[0]["pid"], std::process::id());

    let text = place.run(&["list"]).well();
    assert!(text.starts_with("one: running for "), "{text}");
    assert!(text.contains("\n\ntwo: running for "), "{text}");
    assert!(text.contains("\n  absent  external  "), "{text}");
    let only = place.run(&["list", "--app", "two"]).well();
    assert!(only.starts_with("two: ") && !only.contains("one: "), "{only}");
}

#[test]
fn published_events_are_in_the_ledger() {
    let place = Place::new();
    let _application = place.application("one");
    fs::write(place.path().join("event"), b"RE\xff\0").unwrap();
    assert_eq!(place.run(&["pub", "--type", "reading", "21.5"]).well(), "1\n");
    assert_eq!(place.run(&["pub", "--hex", "52 45 00"]).well(), "2\n");
    assert_eq!(place.run(&["pub", "--file", "event", "--json"]).well(), "{\"order\":3}\n");
    assert_eq!(place.run(&["pub", "nobody's"]).well(), "4\n");
    let mut from_stdin = place.command(&["pub", "--type", "reading", "-"]);
    let mut child = from_stdin.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"from stdin").unwrap();
    assert_eq!(Said::of(child.wait_with_output().unwrap()).well(), "5\n");

    let account = until("the sink", || {
        let account = json(&place.run(&["ledger", "--json"]).well());
        (account["plugins"][0]["delivered"] == 4 || account["plugins"][0]["in-flight"] == 1)
            .then_some(account)
    });
    assert_eq!(
        (&account["accepted"], &account["unmatched"], &account["balances"]),
        (&5.into(), &1.into(), &true.into())
    );
    assert_eq!(account["plugins"][1]["queued"], 4);
    assert_eq!(account["plugins"][2]["name"], "control");
    let text = place.run(&["ledger"]).well();
    assert!(text.starts_with("plugin   published    matched  delivered  handed over   queued"), "{text}");
    assert!(text.ends_with("5 events accepted, 1 of them for nobody; the ledger balances\n"), "{text}");
}

#[test]
fn what_cannot_be_published_says_why() {
    let place = Place::new();
    let _application = place.application("one");
    let said = place.run(&["pub", "--type", "scored", "x"]).failed(2);
    assert!(said.contains("there is no type 'scored'; the application has reading"), "{said}");
    assert!(place.run(&["pub", "--hex", "0"]).failed(2).contains("pairs of digits"));
    assert!(place.run(&["pub", "--file", "nowhere"]).failed(2).contains("nowhere"));

    let said = place.run(&["pub", "--file", "/dev/zero"]).failed(2);
    assert!(said.contains("/dev/zero holds more than the largest event, 134217728 bytes"), "{said}");
    let text = "[application]\nname = \"one\"\nmax-event-bytes = \"1 KiB\"\n[plugins.absent]\nport = 6001\n";
    fs::write(place.path().join("app.toml"), text).unwrap();
    let said = place.run(&["pub", "--app", "app.toml", "--file", "/dev/zero"]).failed(2);
    assert!(said.contains("largest event, 1024 bytes"), "{said}");
    // Nothing is read for nobody.
    place.run(&["pub", "--app", "two", "--file", "/dev/zero"]).failed(3);
}

#[test]
fn a_running_application_is_drawn() {
    let place = Place::new();
    let _application = place.application("one");
    for arguments in [&["graph", "--live"][..], &["graph", "--app", "one"]] {
        let text = place.run(arguments).well();
        assert!(text.contains("flowchart") && text.contains("absent") && text.contains("reading"), "{text}");
    }
    assert!(place.run(&["graph", "--live", "--format", "svg"]).well().contains("<svg"));
    place.run(&["graph", "app.toml", "--live"]).failed(2);
    place.run(&["graph"]).failed(2);
}

#[test]
fn tapped_events_are_taken_from_nobody() {
    let place = Place::new();
    let application = place.application("one");
    let mut tap = place.command(&["tap", "type:reading", "hex:5858", "-n", "2", "--format", "json"]);
    let mut tap = Running::start(tap.stdout(Stdio::piped()));
    // It is listening when it shows something.
    let ended = until("the tap's end", || {
        place.run(&["pub", "RE21.5"]).well();
        place.run(&["pub", "other"]).well();
        tap.child.try_wait().unwrap()
    });
    assert!(ended.success());
    let lines: Vec<Value> =
        BufReader::new(tap.child.stdout.take().unwrap()).lines().map(|line| json(&line.unwrap())).collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_eq!(
            (&line["from"], &line["type"], &line["text"]),
            (&"control".into(), &"reading".into(), &"RE21.5".into())
        );
    }
    let ledger = application.ledger();
    let absent = ledger.plugin("absent").unwrap();
    assert_eq!((absent.matched, absent.queued), (absent.matched, absent.matched));
    assert!(place.run(&["tap", "type:scored"]).failed(2).contains("the application has reading"));
}

#[test]
fn a_tap_ends_with_the_application() {
    let place = Place::new();
    let application = place.application("one");
    let mut tap = place.command(&["tap"]);
    let mut tap = Running::start(tap.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = BufReader::new(tap.child.stdout.take().unwrap());
    let (first, lines) = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            // As long as somebody may read on, it goes on.
            (line, lines)
        });
        until("a line", || {
            place.run(&["pub", "event"]).well();
            reader.is_finished().then_some(())
        });
        reader.join().unwrap()
    });
    assert!(first.ends_with(" control 5B \"event\"\n"), "{first}");
    application.stop();
    application.wait();
    let status = tap.child.wait().unwrap();
    let said = std::io::read_to_string(tap.child.stderr.take().unwrap()).unwrap();
    drop(lines);
    assert_eq!((status.code(), said.as_str()), (Some(0), "one has ended\n"));
}

#[test]
fn stopping_waits_and_tells_how_it_ended() {
    let place = Place::new();
    let well = event_engine::Builder::new()
        .name("well")
        .control_socket(place.socket("well"))
        .plugin(event_engine::PluginSpec::new("sink").subscribe("RE"), |context| loop {
            context.next_event()?;
        })
        .start()
        .unwrap();
    let waiting = thread::spawn(move || well.wait());
    let report = place.run(&["stop", "--wait"]).well();
    assert!(report.contains("sink: ") && report.contains("the ledger balances"), "{report}");
    assert!(waiting.join().unwrap().is_success());

    let start_ill = || {
        event_engine::Builder::new()
            .name("ill")
            .control_socket(place.socket("ill"))
            .plugin(event_engine::PluginSpec::new("sink").subscribe("RE"), |context| loop {
                context.next_event().map_err(|_| "the disk is full")?;
            })
            .start()
            .unwrap()
    };
    let ill = start_ill();
    let waiting = thread::spawn(move || ill.wait());
    let said = place.run(&["stop", "--wait=100s"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("the disk is full"), "{said:?}");
    assert!(!waiting.join().unwrap().is_success());

    let ill = start_ill();
    let waiting = thread::spawn(move || ill.wait());
    assert_eq!(place.unread(&["stop", "--wait"]), Some(1));
    assert!(!waiting.join().unwrap().is_success());

    let quick = place.application("quick");
    let waiting = thread::spawn(move || quick.wait());
    let said = place.run(&["stop", "--now"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), "quick is stopping\n"));
    waiting.join().unwrap();
    place.run(&["stop"]).failed(3);
}

#[test]
fn stop_says_when_the_time_is_up() {
    let place = Place::new();
    // It answers `status` and `stop`, and then nothing more.
    fs::create_dir(place.path().join("event-engine")).unwrap();
    let listener = UnixListener::bind(place.socket("stuck")).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
                    let request = json(&line);
                    let answer = match request["op"].as_str() {
                        Some("status") => serde_json::json!({"application": "stuck", "phase": "running"}),
                        Some("stop") => serde_json::json!({}),
                        _ => continue,
                    };
                    let answer = serde_json::json!({"id": request["id"], "ok": answer});
                    if writeln!(stream, "{answer}").is_err() {
                        return;
                    }
                }
            });
        }
    });
    let said = place.run(&["stop", "--wait=200ms"]).failed(1);
    assert!(said.contains("stuck has not ended within 200ms"), "{said}");
}

#[test]
fn what_answers_nonsense_is_no_engine() {
    let place = Place::new();
    fs::create_dir(place.path().join("event-engine")).unwrap();
    let listener = UnixListener::bind(place.socket("odd")).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        }
    });
    assert!(place.run(&["ledger"]).failed(1).contains("no event engine"));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let place = Place::new();
    let _application = place.application("one");
    let mut child = place.command(&["list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = Said::of(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
}
