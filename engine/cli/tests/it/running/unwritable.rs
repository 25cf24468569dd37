//! `event-engine run` when what it says cannot be written.

use std::fs;

use crate::place::{full, Place};

/// A place with this application file.
fn place(text: &str) -> Place {
    let place = Place::new();
    fs::write(place.path().join("app.toml"), text).unwrap();
    place
}

#[test]
fn what_the_engine_logs_does_not_hold_up_the_end() {
    let critical = r#"
[application]
name = "critical"
[types]
sample = "SA"
[plugins.crash]
command = ["sh", "-c", "exit 3"]
publish = ["sample"]
subscribe = ["sample"]
critical = true
restart = "never"
"#;
    // It fails while the application starts, or a little later.
    for _ in 0..8 {
        assert_eq!(place(critical).written_to(full(), full(), &["run", "app.toml"]), Some(1));
    }
}

#[test]
fn warnings_that_cannot_be_written_do_not_matter() {
    let warned = r#"
[application]
name = "warned"
until = "done"
[types]
sample = "SA"
[plugins.ends]
command = ["touch", "ran"]
publish = ["sample"]
"#;
    for stderr in [full(), fs::File::open("/dev/null").unwrap()] {
        let place = place(warned);
        place.written_to(full(), stderr, &["run", "app.toml"]);
        assert!(place.path().join("ran").exists());
    }
}

#[test]
fn a_bad_end_is_one_when_nobody_reads_of_it() {
    assert_eq!(place("[application]\n").unread(&["run", "app.toml"]), Some(2));
    let failing = r#"
[application]
name = "failing"
[plugins.crash]
command = ["sh", "-c", "exit 3"]
critical = true
restart = "never"
"#;
    assert_eq!(place(failing).unread(&["run", "--json", "app.toml"]), Some(1));
}
