//! The trail camera: the engine with the application of `app.toml`. Its external plugins are processes that the engine starts
//! and watches, its internal ones come from this program.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use event_engine::{App, Ledger, Report};
use trail_camera::detector::Detector;
use trail_camera::gate::Gate;
use trail_camera::power::Power;
use trail_camera::progress::{Progress, Trouble};

const USAGE: &str = "usage: TRAIL_CAMERA_OUT=folder-for-results trail-camera APP.toml [--late SEED]";
/// In the late scenario the scorer joins after so many pictures: half of those in `app.toml`.
const HALF: u64 = 1000;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let shortcomings = match run() {
        Ok(shortcomings) => shortcomings,
        Err(error) => vec![error.to_string()],
    };
    for shortcoming in &shortcomings {
        eprintln!("trail-camera: {shortcoming}");
    }
    if shortcomings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the application to its end and returns what should have been otherwise.
fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, late) = match arguments.as_slice() {
        [file] => (file, None),
        [file, flag, seed] if flag == "--late" => (file, Some(seed.parse()?)),
        _ => return Err(USAGE.into()),
    };
    let out = PathBuf::from(std::env::var_os("TRAIL_CAMERA_OUT").ok_or(USAGE)?);
    // Whoever asks first gets it; `progress` is never started again.
    let trouble = Mutex::new(late.map(|seed| trouble(&out, seed)).transpose()?);

    let report = App::from_config(file)?
        .plugin("detector", || Detector)
        .plugin("power", || Power)
        .plugin("progress", move || Progress::new(trouble.lock().ok().and_then(|mut trouble| trouble.take())))
        .start()?
        .wait();
    println!("{report}");
    Ok(shortcomings(&report, late.is_some()))
}

fn trouble(out: &Path, seed: u64) -> std::io::Result<Trouble> {
    Ok(Trouble::new(Gate::shut(&out.join("gate"))?, HALF, seed))
}

/// A plugin that failed, an event that did not come to its end; and kills that nobody noticed.
fn shortcomings(report: &Report, late: bool) -> Vec<String> {
    let Ledger { unmatched, plugins, .. } = &report.ledger;
    let mut shortcomings = Vec::new();
    if !report.is_success() {
        shortcomings.push("not every plugin ended as it should".to_string());
    }
    if !report.ledger.balances() {
        shortcomings.push("the ledger does not balance".to_string());
    }
    if *unmatched > 0 {
        shortcomings.push(format!("{unmatched} events were for nobody"));
    }
    for plugin in plugins {
        let lost = plugin.shed + plugin.discarded + plugin.dead_lettered + plugin.queued + plugin.in_flight;
        if lost > 0 {
            shortcomings.push(format!("{}: {lost} events did not come to their end", plugin.name));
        }
    }
    let redelivered = report.ledger.plugin("scorer").map_or(0, |scorer| scorer.redelivered);
    match (late, redelivered) {
        (true, 0) => shortcomings.push("the scorer was killed, and no event came again".to_string()),
        (true, _) => println!("{redelivered} detections were delivered again"),
        (false, _) => {}
    }
    shortcomings
}
