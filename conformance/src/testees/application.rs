//! A started application, in whatever API its engine has.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{json, Value};

use super::adapter::Failure;
use super::internal::Control;

/// A started application. Dropping it ends it, or leaves it to itself where it has no other end.
pub(super) trait Application {
    /// The answer to `start`.
    fn ports(&self) -> &Ports;

    /// The internal plugin called `plugin`.
    fn plugin(&self, plugin: &str) -> Option<&Control>;

    /// Its end.
    fn end(&self) -> Arc<End>;

    fn ledger(&self) -> Result<Value, Failure> {
        Err(Failure::unsupported("ledger"))
    }

    fn stop(&self) -> Result<Value, Failure> {
        Err(Failure::unsupported("stop"))
    }
}

/// The answer to `start`.
#[derive(Default, Serialize)]
pub(super) struct Ports {
    pub(super) ports: BTreeMap<String, i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) publish_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subscribe_port: Option<i32>,
}

/// The answer to `wait` for an application that has ended.
#[derive(Clone, Default, Serialize)]
pub(super) struct Report {
    pub(super) success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcomes: Option<BTreeMap<String, &'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ledger: Option<Value>,
}

/// The application's end, once it has come.
#[derive(Default)]
pub(super) struct End {
    report: Mutex<Option<Report>>,
    changed: Condvar,
}

impl End {
    fn report(&self) -> MutexGuard<'_, Option<Report>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has come.
    pub(super) fn come(&self, report: Report) {
        *self.report() = Some(report);
        self.changed.notify_all();
    }

    /// The answer to `wait`.
    pub(super) fn wait(&self, timeout: Duration) -> Value {
        #[derive(Serialize)]
        struct Ended<'a> {
            ended: bool,
            #[serde(flatten)]
            report: Option<&'a Report>,
        }
        let (report, _) = self
            .changed
            .wait_timeout_while(self.report(), timeout, |report| report.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        json!(Ended { ended: report.is_some(), report: report.as_ref() })
    }

    /// The report, if it has come.
    pub(super) fn get(&self) -> Option<Report> {
        self.report().clone()
    }
}
