//! What the engine logs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};
use serde_json::{json, Value};

static LINES: Mutex<Vec<Value>> = Mutex::new(Vec::new());

/// The engine's crates, not this one.
const TARGET: &str = "event_engine";

fn lines() -> MutexGuard<'static, Vec<Value>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Collects from now on.
pub(super) fn collect() {
    if log::set_logger(&Collector).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

/// Forgets what was collected.
pub(super) fn forget() {
    lines().clear();
}

/// What was collected.
pub(super) fn collected() -> Value {
    json!({ "lines": *lines() })
}

struct Collector;

impl Log for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(TARGET)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_lowercase();
            let line = json!({ "level": level, "text": record.args().to_string() });
            lines().push(line);
        }
    }

    fn flush(&self) {}
}
