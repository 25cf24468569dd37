//! Application files: what good ones say, and what is said about bad ones.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event_engine::application::{Application, ApplicationFile, Diagnostics, PluginKind, Severity, Until};
use event_engine::{Context, Laggards, Overflow, Restart, StartError};
use proptest::prelude::*;

/// The complete example of spec/application-file.md.
fn example() -> String {
    let prose =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/application-file.md")).unwrap();
    let begin = prose.find("```toml\n").unwrap() + "```toml\n".len();
    prose[begin..].split("```").next().unwrap().to_string()
}

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/application_files")
}

/// What is said about the content of a file of that folder, as if the folder were the current one.
fn said(name: &str) -> Diagnostics {
    let text = fs::read_to_string(files().join(name)).unwrap();
    ApplicationFile::parse(&text, name).map_or_else(|diagnostics| diagnostics, |file| file.warnings().clone())
}

/// Compares what is said about a file with what was said when somebody looked at it.
fn look_at(name: &str) {
    insta::assert_snapshot!(
        format!("application_file_{}", name.trim_end_matches(".toml")),
        said(name).to_string()
    );
}

#[test]
fn syntax() {
    look_at("syntax.toml");
}

#[test]
fn syntax_of_a_list_that_is_open() {
    look_at("open-list.toml");
}

#[test]
fn syntax_of_an_inline_table_that_is_open() {
    look_at("open-table.toml");
}

#[test]
fn syntax_of_a_text_that_is_open() {
    look_at("open-text.toml");
}

#[test]
fn syntax_of_values() {
    look_at("syntax-values.toml");
}

#[test]
fn tables_that_are_there_twice() {
    look_at("twice.toml");
}

#[test]
fn syntax_of_the_first_lines_of_tables() {
    look_at("headers.toml");
}

#[test]
fn files_of_other_languages() {
    let said = |text: &str| {
        let said = ApplicationFile::parse(text, "app.toml").unwrap_err();
        assert_eq!(said.errors(), 1, "{said}");
        said.iter().next().unwrap().message.clone()
    };
    assert_eq!(said("{\"application\": {\n\"name\": \"x\"}}\n"), "this is not TOML: it looks like JSON");
    assert_eq!(said("# here\napplication:\n  name: x\nplugins:\n"), "this is not TOML: it looks like YAML");
    assert_eq!(
        said("[application]\rname = 'x'\r"),
        "this is not TOML: a line ends with a lone carriage return"
    );
}

#[test]
fn what_is_too_deep_is_said_where_it_begins() {
    let place = |value: &str| {
        let said =
            ApplicationFile::parse(&format!("[application]\n{value}\n[types]\n"), "app.toml").unwrap_err();
        assert_eq!(said.errors(), 1, "{said}");
        let first = said.iter().next().unwrap();
        assert!(first.help.is_some() && first.message.contains("more than 80 deep"), "{said}");
        (first.place.unwrap().line, first.place.unwrap().column)
    };
    assert_eq!(place(&format!("x = {}{}", "[".repeat(90), "]".repeat(90))), (2, 5));
    assert_eq!(place(&format!("x = {}", "{ a = ".repeat(90))), (2, 5));
    assert_eq!(place(&format!("{}a = 1", "a.".repeat(90))), (2, 1));
}

#[test]
fn every_error_says_what_to_do() {
    for entry in fs::read_dir(files()).unwrap() {
        let path = entry.unwrap().path();
        for diagnostic in
            &ApplicationFile::read(&path).map_or_else(|said| said, |file| file.warnings().clone())
        {
            assert!(diagnostic.help.is_some(), "{}: {}", path.display(), diagnostic.message);
        }
    }
}

#[test]
fn unknown_keys() {
    look_at("keys.toml");
}

#[test]
fn wrong_kinds() {
    look_at("kinds.toml");
}

#[test]
fn senseless_values() {
    look_at("values.toml");
}

#[test]
fn senseless_types() {
    look_at("types.toml");
}

#[test]
fn types_that_go_nowhere() {
    look_at("flow.toml");
}

#[test]
fn senseless_plugins() {
    look_at("plugins.toml");
}

#[test]
fn port_clashes() {
    look_at("ports.toml");
}

#[test]
fn open_to_the_network() {
    look_at("network.toml");
}

#[test]
fn an_empty_file() {
    look_at("empty.toml");
}

#[test]
fn lists_for_tables() {
    look_at("lists.toml");
}

#[test]
fn every_bad_file_has_a_snapshot() {
    let tests = include_str!("application_files.rs");
    for entry in fs::read_dir(files()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(tests.contains(&format!("\"{name}\"")), "{name} is not looked at by any test");
    }
}

#[test]
fn the_example_of_the_specification_says_what_it_says() {
    let file = ApplicationFile::parse(&example(), "/apps/trail-camera/app.toml").unwrap();
    assert!(file.warnings().is_empty(), "{}", file.warnings());

    assert_eq!(file.name, "trail-camera");
    assert_eq!(file.until, Until::Done);
    assert_eq!(file.bind.as_deref(), Some("127.0.0.1"));
    assert_eq!((file.stop_within, file.session_grace), (Duration::from_secs(10), Duration::from_secs(60)));
    assert_eq!(file.max_event_bytes, 128 << 20);
    assert_eq!(file.control.as_deref(), Some(Path::new("/apps/trail-camera/run/camera.sock")));
    assert_eq!(file.metrics, Some("127.0.0.1:9100".parse().unwrap()));
    let bus = file.bus.unwrap();
    assert_eq!((bus.publish, bus.subscribe), (5559, 5560));
    let wait = file.wait_for_external.unwrap();
    assert_eq!((wait.within, wait.laggards), (Duration::from_secs(30), Laggards::Fail));
    assert!(!file.allow_ambiguous_filters);

    assert_eq!(file.prefix("image"), Some(&b"IM"[..]));
    assert_eq!(file.prefix("scored"), Some(&b"SC"[..]));
    assert_eq!(file.prefix("nothing"), None);
    let described = file.types.iter().find(|declared| declared.name == "scored").unwrap();
    assert_eq!(described.description.as_deref(), Some("an image's animals, and how sure we are"));

    let names: Vec<&str> = file.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(names, ["generator", "scorer", "monitor", "viewer"]);
    let [generator, scorer, monitor, viewer] = &file.plugins[..] else { panic!() };
    assert!(generator.source && !scorer.source && !viewer.source);
    let PluginKind::Process { process, port, replicas } = &scorer.kind else { panic!() };
    assert_eq!((process.program.as_os_str(), *port, *replicas), ("./scorer".as_ref(), 0, 2));
    assert_eq!(process.args, ["--fast"]);
    assert_eq!(process.env, [("MODEL".into(), "small".into())]);
    assert_eq!(process.dir.as_deref(), Some(Path::new("/apps/trail-camera/scorer")));
    assert_eq!(process.start_within, Duration::from_secs(20));
    assert_eq!(scorer.restart.when, Restart::Always);
    assert_eq!(
        (scorer.restart.first_delay, scorer.restart.max_delay),
        (Duration::from_millis(200), Duration::from_secs(5))
    );
    assert_eq!((scorer.restart.give_up_after, scorer.restart.give_up_within), (3, Duration::from_secs(120)));
    assert_eq!(scorer.hang_after, Some(Duration::from_secs(30)));
    assert!(scorer.critical && !generator.critical);
    assert_eq!((scorer.queue.max_events, scorer.queue.max_bytes), (1000, 64 << 20));
    assert_eq!(scorer.redelivery_limit, 3);
    assert_eq!(scorer.dead_letter.as_deref(), Some("dead"));
    assert_eq!(generator.restart.when, Restart::Never);
    let PluginKind::Process { process, .. } = &generator.kind else { panic!() };
    assert_eq!(process.program, "python3");
    assert_eq!(process.args, ["generator.py", "--title", "two words"]);
    assert_eq!(process.dir.as_deref(), Some(Path::new("/apps/trail-camera")));
    assert_eq!(monitor.kind, PluginKind::Internal);
    assert_eq!(viewer.kind, PluginKind::External { port: 6001, replicas: 1 });
    assert_eq!(viewer.restart.when, Restart::Never);
    assert_eq!(viewer.queue.overflow, Overflow::DropOldest);
    assert_eq!(viewer.stop_event.as_deref(), Some(&b"ZZbye"[..]));
}

#[test]
fn what_a_file_leaves_out_has_a_default() {
    let text = "[application]\nname = 'a'\n[types]\nt = 'T'\n[plugins.p]\ncommand = 'p'\npublish = ['t']\n\
                [plugins.q]\nport = 6001\nsubscribe = ['t']\n";
    let file = ApplicationFile::parse(text, "app.toml").unwrap();
    assert!(file.warnings().is_empty(), "{}", file.warnings());
    assert_eq!((file.until, &file.bind, &file.control, file.metrics), (Until::Stopped, &None, &None, None));
    assert_eq!((file.bus, file.wait_for_external), (None, None));
    assert_eq!((file.stop_within, file.session_grace), (Duration::from_secs(10), Duration::from_secs(60)));
    let plugin = &file.plugins[0];
    let PluginKind::Process { process, port: 0, replicas: 1 } = &plugin.kind else {
        panic!("{:?}", plugin.kind)
    };
    assert_eq!(
        (process.dir.as_deref(), process.start_within),
        (Some(Path::new(".")), Duration::from_secs(10))
    );
    assert_eq!((plugin.restart.when, plugin.hang_after, plugin.critical), (Restart::OnFailure, None, false));
    assert_eq!((plugin.queue.max_events, plugin.queue.max_bytes), (262_144, 256 << 20));
    assert_eq!((plugin.redelivery_limit, &plugin.stop_event, &plugin.dead_letter), (5, &None, &None));
}

#[test]
fn commands_that_cannot_start_are_said_when_a_file_is_read() {
    let path = files().join("commands.toml");
    let of_text = ApplicationFile::read_text(&path).unwrap_err();
    assert_eq!(of_text.errors(), 1, "but for a quote that is not closed, the text alone is right");
    let diagnostics = ApplicationFile::read(&path).unwrap_err();
    let folder = format!("{}/", files().display());
    insta::assert_snapshot!(
        "application_file_commands",
        diagnostics.to_string().replace(&folder, "").replace(folder.trim_end_matches('/'), "FOLDER")
    );
}

#[test]
fn files_that_cannot_be_read_are_said() {
    let message =
        |path: PathBuf| ApplicationFile::read(path).unwrap_err().iter().next().unwrap().message.clone();
    assert!(message(files().join("no-such-file")).starts_with("the file cannot be read: No such file"));
    assert!(message(files()).starts_with("the file cannot be read: Is a directory"));
    assert_eq!(message(PathBuf::from("/dev/zero")), "the file has more than 4 MiB");
    let diagnostics = ApplicationFile::read(files().join("not-utf8.toml")).unwrap_err();
    let first = diagnostics.iter().next().unwrap();
    assert_eq!((first.message.as_str(), first.place.unwrap().line), ("the file is not UTF-8", 2));
    assert_eq!(first.place.unwrap().column, 13);
}

#[test]
fn what_to_do_about_a_file_that_cannot_be_read_depends_on_why() {
    let help = |path: &Path| {
        let said = ApplicationFile::read(path).unwrap_err();
        said.iter().next().unwrap().help.clone().unwrap()
    };
    let folder = std::env::temp_dir().join(format!("event-engine-files-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let said = |name: &str| format!("say the file in it: {}", folder.join(name).display());
    assert!(help(&folder).starts_with("say the file in it, such as"), "{}", help(&folder));
    fs::write(folder.join("camera.toml"), "").unwrap();
    assert_eq!(help(&folder), said("camera.toml"));
    fs::write(folder.join("app.toml"), "").unwrap();
    assert_eq!(help(&folder), said("app.toml"));
    assert!(help(&folder.join("gone")).starts_with("correct the path, or write the file"));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_control_socket_for_which_there_is_no_room_is_said_when_a_file_is_read() {
    let folder = std::env::temp_dir().join(format!("event-engine-control-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("text"), "").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    let path = folder.join("app.toml");
    let said = |control: &str| {
        let text = format!(
            "[application]\nname = 'a'\ncontrol = '{control}'\n[types]\nt = 'T'\n\
             [plugins.p]\nport = 6001\npublish = ['t']\nsubscribe = ['t']\n"
        );
        fs::write(&path, text).unwrap();
        let said = ApplicationFile::read(&path).err()?;
        let first = said.iter().next().unwrap();
        assert_eq!((said.errors(), first.place.unwrap().line), (1, 3), "{said}");
        Some(first.message.clone())
    };
    let at = |name: &str| folder.join(name).display().to_string();
    let other = |name: &str| Some(format!("`control` cannot be a socket: something else is at {}", at(name)));
    assert_eq!(said("."), other("."));
    assert_eq!(said("text"), other("text"));
    let no_folder = format!("`control` cannot be a socket: {} is no folder", at("text"));
    assert_eq!(said("text/run/a.sock"), Some(no_folder));
    assert_eq!(said("socket"), None);
    assert_eq!(said("new/run/a.sock"), None);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn names_of_registered_plugins_are_those_of_the_file() {
    let refused = |names: &[&str]| {
        let text = "[application]\nname = 'a'\n[types]\nt = 'T'\n[plugins.scorer]\ninternal = true\npublish = ['t']\n\
                    [plugins.viewer]\ninternal = true\nsubscribe = ['t']\n";
        let file = ApplicationFile::parse(text, "app.toml").unwrap();
        let mut application = Application::new(file).without_control_socket();
        for name in names {
            application = application.plugin(*name, || |_: &mut Context| Ok(()));
        }
        application.builder().err()
    };
    assert!(refused(&["scorer", "viewer"]).is_none());
    assert!(
        matches!(refused(&["viewer"]), Some(StartError::NotRegistered { plugins }) if plugins == ["scorer"])
    );
    let more = refused(&["viewer", "scorer", "other"]);
    assert!(matches!(more, Some(StartError::NotInFile { plugins }) if plugins == ["other"]));
    let misspelt = refused(&["viewer", "scorre"]).unwrap().to_string();
    assert!(misspelt.contains("for scorer, and scorre is registered"), "{misspelt}");
    let twice = refused(&["viewer", "scorer", "viewer"]);
    assert!(matches!(twice, Some(StartError::RegisteredTwice { plugins }) if plugins == ["viewer"]));
}

#[test]
fn ports_that_are_in_use_are_said_on_request() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = format!(
        "[application]\nname = 'a'\n[types]\nt = 'T'\n[plugins.p]\nport = {port}\npublish = ['t']\nsubscribe = ['t']\n"
    );
    let file = ApplicationFile::parse(&text, "app.toml").unwrap();
    assert!(file.warnings().is_empty());
    let diagnostics = file.ports_in_use();
    let said = diagnostics.iter().next().unwrap();
    assert_eq!(said.message, format!("port {port} of plugin `p` is in use"));
    assert_eq!((said.severity, said.place.unwrap().line), (Severity::Error, 6));
    drop(taken);
    assert!(file.ports_in_use().is_empty());
}

#[test]
fn diagnostics_are_data_too() {
    let text = "[application]\nname = 'a'\n[types]\nt = 'T'\nu = 'T'\n[bus]\n";
    let diagnostics = ApplicationFile::parse(text, "app.toml").unwrap_err();
    insta::assert_json_snapshot!("application_file_as_json", serde_json::to_value(&diagnostics).unwrap());
}

#[test]
fn long_lines_and_control_characters_do_not_spoil_the_terminal() {
    let list = "'nothing', ".repeat(100);
    let text = format!(
        "[application]\nname = 'a'\n[types]\nt = 'T'\n[plugins.p]\nport = 1\n\tpublish = ['t', {list} 'sz\u{9b}31m']\n"
    );
    let shown = ApplicationFile::parse(&text, "app.toml").unwrap_err().to_string();
    assert!(!shown.contains('\u{9b}') && !shown.contains('\t'), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 180), "{shown}");
}

/// Whatever the text is, the answer is a file, or at least one error within the text; and the same each time.
fn is_judged(text: &str) -> Result<(), TestCaseError> {
    match ApplicationFile::parse(text, "app.toml") {
        Ok(file) => {
            prop_assert_eq!(file.warnings().errors(), 0);
            prop_assert!(!file.name.is_empty());
        }
        Err(diagnostics) => {
            prop_assert!(diagnostics.errors() > 0);
            let lines = text.matches('\n').count() + 1;
            for diagnostic in &diagnostics {
                let place = diagnostic.place.unwrap();
                prop_assert!((1..=lines).contains(&place.line), "{:?}", place);
                prop_assert!(diagnostic.help.is_some(), "{}", diagnostic.message);
                prop_assert!((place.line, place.column) <= (place.end_line, place.end_column), "{:?}", place);
            }
            let again = ApplicationFile::parse(text, "app.toml").unwrap_err();
            prop_assert_eq!(diagnostics.to_string(), again.to_string());
            let coloured = format!("{diagnostics:#}");
            prop_assert!(coloured.len() > diagnostics.to_string().len());
        }
    }
    Ok(())
}

/// Pieces of which files are made.
const PIECES: [&str; 30] = [
    "[application]\n",
    "name = ",
    "[types]\n",
    "[plugins.a]\n",
    "[[plugins]]\n",
    "image",
    " = ",
    "\"IM\"",
    "{ hex = ",
    " }",
    "[",
    "]",
    "\n",
    ",",
    "port",
    "6001",
    "-1",
    "99999999999999999999",
    "\"\"\"",
    "'",
    "\"",
    "\\",
    "subscribe = [\"image\"]\n",
    "restart = { when = ",
    "command = \"",
    "\u{0}",
    "\u{feff}",
    "ü",
    "#",
    "1979-05-27",
];

proptest! {
    #[test]
    fn any_text_is_judged(text in "\\PC*") {
        is_judged(&text)?;
    }

    #[test]
    fn any_pieces_are_judged(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        is_judged(&pieces.concat())?;
    }

    #[test]
    fn every_mutation_of_a_good_file_is_judged(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..8, prop::option::of(prop::sample::select(&PIECES[..]))), 1..4)
    ) {
        let mut text: Vec<char> = example().chars().collect();
        for (at, removed, inserted) in cuts {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.unwrap_or_default().chars());
        }
        is_judged(&text.into_iter().collect::<String>())?;
    }
}
