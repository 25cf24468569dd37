use ratatui::backend::TestBackend;
use ratatui::Terminal;

use super::*;

fn row(name: &str, state: &str) -> Row {
    Row {
        name: name.to_owned(),
        kind: "external".to_owned(),
        state: state.to_owned(),
        in_per_s: Some(0.0),
        out_per_s: Some(0.0),
        ..Row::default()
    }
}

fn sample() -> Sample {
    let generator = Row {
        out_per_s: Some(1234.5),
        cpu_percent: Some(12.4),
        rss_bytes: Some(34 << 20),
        pids: vec![4712],
        port: Some(40_001),
        ..row("generator", "running")
    };
    let detector = Row {
        kind: "internal".to_owned(),
        in_per_s: Some(1230.0),
        out_per_s: Some(615.2),
        in_flight: 4,
        lag: 4,
        ..row("detector", "running")
    };
    let scorer = Row {
        in_per_s: Some(0.4),
        queued: 123_456,
        queued_change: 512,
        queued_bytes: 5 << 30,
        in_flight: 8192,
        lag: 131_648,
        oldest_ms: Some(75_000),
        restarts: 2,
        cpu_percent: Some(187.0),
        rss_bytes: Some(1 << 30),
        detail: "exited with status 1".to_owned(),
        pids: vec![4713, 4714],
        port: Some(40_002),
        ..row("scorer", "restarting")
    };
    let store = Row {
        in_per_s: Some(615.0),
        queued: 3,
        lag: 3,
        queued_change: -10,
        oldest_ms: Some(2_400),
        ..row("store-of-everything", "waiting")
    };
    let monitor = Row {
        detail: "killed by signal 9 again and again; given up after 5 restarts within 60 s".to_owned(),
        restarts: 5,
        ..row("monitor", "given-up")
    };
    let control = Row { kind: "control".to_owned(), ..row("control", "running") };
    Sample {
        application: "trail-camera".to_owned(),
        engine: "0.3.0".to_owned(),
        pid: 4711,
        phase: "running".to_owned(),
        uptime_ms: 192_000,
        accepted: 1_234_567,
        accepted_per_s: Some(1850.0),
        unmatched: 12,
        parked: 0,
        balances: true,
        plugins: vec![generator, detector, scorer, store, monitor, control],
    }
}

fn drawn(screen: &mut Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = (0..height).map(|y| {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        format!("|{line}|")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn press(screen: &mut Screen, keys: &[KeyCode]) {
    for key in keys {
        assert_eq!(screen.key(KeyEvent::from(*key)), Action::Draw, "{key:?}");
    }
}

fn names(screen: &Screen) -> Vec<String> {
    screen.rows().into_iter().map(|row| row.name).collect()
}

#[test]
fn eighty_by_twenty_four() {
    let mut screen = Screen::default();
    screen.show(sample());
    insta::assert_snapshot!(drawn(&mut screen, 80, 24));
}

#[test]
fn a_hundred_and_sixty_by_fifty() {
    let mut screen = Screen::default();
    screen.show(sample());
    press(&mut screen, &[KeyCode::Char('w'), KeyCode::Down]);
    insta::assert_snapshot!(drawn(&mut screen, 160, 50));
}

#[test]
fn trouble_is_said() {
    let mut screen = Screen::default();
    screen.show(Sample { balances: false, parked: 7, phase: "draining".to_owned(), ..sample() });
    screen.silent(5);
    press(&mut screen, &[KeyCode::End, KeyCode::Up]);
    insta::assert_snapshot!(drawn(&mut screen, 100, 14));
}

#[test]
fn small_terminals() {
    let mut screen = Screen::default();
    assert!(drawn(&mut screen, 80, 24).contains("waiting for the application's first answer"));
    screen.show(sample());
    insta::assert_snapshot!(drawn(&mut screen, 44, 9));
    for (width, height) in [(1, 1), (39, 24), (80, 6), (40, 7), (500, 200)] {
        drawn(&mut screen, width, height);
    }
    assert!(drawn(&mut screen, 39, 24).contains("too small"));
}

#[test]
fn a_hundred_plugins_scroll() {
    let mut screen = Screen::default();
    let plugins = (0..100).map(|number| row(&format!("plugin-{number:02}"), "running")).collect();
    screen.show(Sample { plugins, ..sample() });
    let first = drawn(&mut screen, 80, 24);
    assert!(first.contains("plugin-00") && first.contains("plugins 1 to 18 of 100"), "{first}");
    assert!(!first.contains("plugin-18"), "{first}");
    press(&mut screen, &[KeyCode::Down, KeyCode::PageDown]);
    assert!(drawn(&mut screen, 80, 24).contains("plugin-18: external, running"));
    press(&mut screen, &[KeyCode::End]);
    let last = drawn(&mut screen, 80, 24);
    assert!(last.contains("plugin-99: external") && !last.contains("plugin-81 "), "{last}");
    press(&mut screen, &[KeyCode::Home]);
    assert!(drawn(&mut screen, 80, 24).contains("plugin-00: external"));
}

#[test]
fn keys_sort() {
    let mut screen = Screen::default();
    screen.show(sample());
    drawn(&mut screen, 160, 24);
    let registered = ["generator", "detector", "scorer", "store-of-everything", "monitor", "control"];
    assert_eq!(names(&screen), registered);
    for (key, first) in [
        ('n', "control"),
        ('i', "detector"),
        ('o', "generator"),
        ('w', "scorer"),
        ('a', "scorer"),
        ('p', "scorer"),
        ('m', "scorer"),
    ] {
        press(&mut screen, &[KeyCode::Char(key)]);
        assert_eq!(names(&screen)[0], first, "{key}");
    }
    press(&mut screen, &[KeyCode::Char('n'), KeyCode::Char('r')]);
    assert_eq!(names(&screen)[0], "store-of-everything");
    press(&mut screen, &[KeyCode::Char('0')]);
    assert_eq!(names(&screen), registered);
    press(&mut screen, &[KeyCode::Right]);
    assert_eq!((screen.sort, names(&screen)[0].as_str()), (Some(Column::Plugin), "control"));
    press(&mut screen, &[KeyCode::Left]);
    assert_eq!(screen.sort, None);
    press(&mut screen, &[KeyCode::Left]);
    assert_eq!(screen.sort, Some(Column::Detail));
    press(&mut screen, &[KeyCode::Right]);
    assert_eq!(screen.sort, None);
}

#[test]
fn a_marked_plugin_stays_marked_when_the_order_changes() {
    let mut screen = Screen::default();
    screen.show(sample());
    press(&mut screen, &[KeyCode::Down, KeyCode::Down, KeyCode::Char('n')]);
    assert_eq!(screen.marked.as_deref(), Some("detector"));
    let shown = drawn(&mut screen, 160, 24);
    assert!(shown.contains("detector: internal, running"), "{shown}");
}

#[test]
fn keys_quit() {
    let control = |key| KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL);
    for key in [KeyEvent::from(KeyCode::Char('q')), KeyEvent::from(KeyCode::Esc), control('c')] {
        assert_eq!(Screen::default().key(key), Action::Quit);
    }
    assert_eq!(Screen::default().key(KeyEvent::from(KeyCode::Char('x'))), Action::Ignore);
}
