//! The table `[application]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event_engine_protocol::constants;
use toml::de::DeValue;

use super::section::{Section, Zero};
use super::values::{self, Wrong};
use super::{Located, Span};
use crate::application::diagnostics::Diagnostics;
use crate::application::file::{Bus, Until, WaitForExternal};
use crate::application::names;
use crate::barrier::Laggards;
use crate::edges::external::net::BindAddress;

/// The keys of the table.
pub(super) const KEYS: [&str; 11] = [
    "name",
    "until",
    "bind",
    "stop-within",
    "max-event-bytes",
    "session-grace",
    "control",
    "metrics",
    "bus",
    "wait-for-external",
    "allow-ambiguous-filters",
];

/// A path of a Unix socket must fit into the system's address, with its end.
const SOCKET_PATH_MAX_BYTES: usize = 107;

/// What the table says.
pub(in crate::application) struct ApplicationDraft {
    pub(super) name: String,
    pub(in crate::application) until: Until,
    /// Where that is said.
    pub(in crate::application) until_span: Span,
    pub(in crate::application) bind: Option<String>,
    pub(super) stop_within: Duration,
    pub(super) max_event_bytes: usize,
    pub(super) session_grace: Duration,
    pub(in crate::application) control: Option<Located<PathBuf>>,
    pub(in crate::application) metrics: Option<Located<SocketAddr>>,
    pub(in crate::application) bus: Option<BusDraft>,
    pub(super) wait_for_external: Option<WaitForExternal>,
    pub(in crate::application) allow_ambiguous_filters: bool,
}

/// The ports of the bus, and where they stand.
pub(in crate::application) struct BusDraft {
    pub(in crate::application) ports: Bus,
    pub(in crate::application) publish: Span,
    pub(in crate::application) subscribe: Span,
}

impl Default for ApplicationDraft {
    fn default() -> Self {
        ApplicationDraft {
            name: String::new(),
            until: Until::Stopped,
            until_span: 0..0,
            bind: None,
            stop_within: Duration::from_millis(constants::STOP_DEADLINE_MS),
            max_event_bytes: constants::EVENT_MAX_BYTES,
            session_grace: Duration::from_millis(constants::GRACE_MS),
            control: None,
            metrics: None,
            bus: None,
            wait_for_external: None,
            allow_ambiguous_filters: false,
        }
    }
}

/// Reads the table. `complete` says that the file was read in full, so that what is missing is not there.
pub(super) fn read(
    top: &mut Section<'_>,
    base: &Path,
    path: &Path,
    complete: bool,
    out: &mut Diagnostics,
) -> ApplicationDraft {
    let mut draft = ApplicationDraft::default();
    let name_help = || {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.filter(|stem| names::problem(stem, "application").is_none());
        format!(
            "write [application] and below it: name = {:?}",
            stem.unwrap_or_else(|| "my-application".to_string())
        )
    };
    let Some(mut section) = top.section("application", "the table [application]", out) else {
        if complete && top.key_span("application").is_none() {
            out.error(&(0..0), "the application has no name").help(name_help());
        }
        return draft;
    };
    section.name = "[application]".to_string();

    match section.text("name", out) {
        Some(name) => {
            if let Some(problem) = names::problem(&name.value, "application") {
                out.error(&name.span, problem).help(names::HELP);
            }
            draft.name = name.value;
        }
        None if complete && section.key_span("name").is_none() => {
            out.error(&section.span, "the application has no name").help(name_help());
        }
        None => {}
    }
    if let Some(until) = section.choice("until", &[("stopped", Until::Stopped), ("done", Until::Done)], out) {
        draft.until = until;
        draft.until_span = section.key_span("until").unwrap_or_default();
    }
    if let Some(bind) = section.take("bind", out, bind) {
        if !bind.value.parse().is_ok_and(BindAddress::is_loopback) {
            out.warning(
                &bind.span,
                format!("with `bind` = \"{}\" whoever reaches this machine takes part", bind.value),
            )
            .help("there is no encryption and no password: do this only in a network that you trust");
        }
        draft.bind = Some(bind.value);
    }
    if let Some(deadline) = section.duration("stop-within", Zero::Refused, out) {
        draft.stop_within = deadline.value;
    }
    if let Some(bytes) = section.size("max-event-bytes", out) {
        draft.max_event_bytes = bytes;
    }
    if let Some(grace) = section.duration("session-grace", Zero::Allowed, out) {
        draft.session_grace = grace.value;
    }
    draft.control = section.take("control", out, |value| control(value, base));
    draft.metrics = section.take("metrics", out, metrics);
    if let Some(metrics) = draft.metrics.as_ref().filter(|metrics| !metrics.value.ip().is_loopback()) {
        out.warning(&metrics.span, "whoever reaches this machine can read the metrics")
            .help("use 127.0.0.1, unless the network is one that you trust");
    }
    draft.bus = read_bus(&mut section, out);
    draft.wait_for_external = read_wait(&mut section, out);
    draft.allow_ambiguous_filters = section.flag("allow-ambiguous-filters", out).unwrap_or(false);
    section.finish(out);
    draft
}

fn bind(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = values::text(value)?;
    match text.parse::<BindAddress>() {
        Ok(_) => Ok(text),
        Err(_) => Err(Wrong::new(
            format!("is \"{text}\" here, which is no address to bind"),
            "say an IP address of this machine, or \"*\" for all of them",
        )),
    }
}

fn control(value: &DeValue<'_>, base: &Path) -> Result<PathBuf, Wrong> {
    let text = values::text(value)?;
    if text.is_empty() || text.contains('\0') || text.ends_with('/') {
        return Err(Wrong::new("is no path of a socket", "say a file's path, such as \"run/app.sock\""));
    }
    let path = base.join(text);
    let bytes = path.as_os_str().len();
    if bytes > SOCKET_PATH_MAX_BYTES {
        let message =
            format!("is a path of {bytes} bytes; a Unix socket's has at most {SOCKET_PATH_MAX_BYTES}");
        return Err(Wrong::new(message, "choose a shorter path"));
    }
    Ok(path)
}

fn metrics(value: &DeValue<'_>) -> Result<SocketAddr, Wrong> {
    let text = values::text(value)?;
    let address = text.replacen("localhost:", "127.0.0.1:", 1).parse();
    address.map_err(|_| {
        Wrong::new(
            format!("is \"{text}\" here, which is no address with a port"),
            "say \"127.0.0.1:9100\", or port 0 for a free one",
        )
    })
}

fn read_bus(section: &mut Section<'_>, out: &mut Diagnostics) -> Option<BusDraft> {
    const EXAMPLE: &str = "{ publish = 5559, subscribe = 5560 }";
    let mut bus = section.section("bus", EXAMPLE, out)?;
    let [publish, subscribe] = ["publish", "subscribe"].map(|key| {
        if bus.key_span(key).is_none() {
            out.error(&bus.span, format!("`bus` has no `{key}` port")).help(format!("say bus = {EXAMPLE}"));
        }
        bus.port(key, out)
    });
    bus.finish(out);
    let (publish, subscribe) = (publish?, subscribe?);
    Some(BusDraft {
        ports: Bus { publish: publish.value, subscribe: subscribe.value },
        publish: publish.span,
        subscribe: subscribe.span,
    })
}

fn read_wait(section: &mut Section<'_>, out: &mut Diagnostics) -> Option<WaitForExternal> {
    const EXAMPLE: &str = "{ within = \"30s\", laggards = \"fail\" }";
    const LAGGARDS: [(&str, Laggards); 3] = [
        ("keep-waiting", Laggards::KeepWaiting),
        ("start-without", Laggards::StartWithout),
        ("fail", Laggards::Fail),
    ];
    let mut wait = section.section("wait-for-external", EXAMPLE, out)?;
    if wait.key_span("within").is_none() {
        out.error(&wait.span, "`wait-for-external` does not say how long").help(format!("say {EXAMPLE}"));
    }
    let within = wait.duration("within", Zero::Refused, out);
    let laggards = wait.choice("laggards", &LAGGARDS, out).unwrap_or_default();
    wait.finish(out);
    Some(WaitForExternal { within: within?.value, laggards })
}
