//! The tables `[plugins.NAME]`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use event_engine_protocol::constants;
use toml::de::DeValue;

use super::section::{Section, Zero};
use super::values::{self, Wrong};
use super::{restart, words, Located, Span};
use crate::application::diagnostics::Diagnostics;
use crate::application::file::{PluginEntry, PluginKind};
use crate::application::names;
use crate::queue::{Overflow, QueueLimits};
use crate::supervisor::{ProcessSpec, RestartPolicy};

/// A plugin, and the places that checks point to.
pub(in crate::application) struct PluginDraft {
    pub(in crate::application) name: Located<String>,
    pub(in crate::application) entry: PluginEntry,
    pub(in crate::application) subscribe: Vec<Located<String>>,
    pub(in crate::application) publish: Vec<Located<String>>,
    pub(in crate::application) dead_letter: Option<Located<String>>,
    pub(in crate::application) port: Option<Located<u16>>,
    pub(in crate::application) command: Option<Span>,
    pub(in crate::application) dir: Option<Span>,
    /// Whether something in its table made no sense, so that what it takes and publishes may be incomplete here.
    pub(in crate::application) misread: bool,
}

/// Of which kind a plugin is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Process,
    External,
    Internal,
}

/// Keys that make no sense for a plugin of some kind.
const COMMAND_ONLY: [&str; 3] = ["env", "dir", "start-within"];
const NOT_EXTERNAL: [&str; 2] = ["restart", "hang-after"];
const NOT_INTERNAL: [&str; 6] = ["port", "replicas", "env", "dir", "start-within", "stop-event"];

/// Variables that the engine sets.
const OWN_VARIABLES: [&str; 3] = [constants::ENV_ENDPOINT, constants::ENV_PLUGIN, constants::ENV_REPLICA];

/// Reads all of them, in the order of the file.
pub(super) fn read_all(top: &mut Section<'_>, base: &Path, out: &mut Diagnostics) -> Vec<PluginDraft> {
    let Some(section) = top.section("plugins", "a table for each plugin, such as [plugins.scorer]", out)
    else {
        return Vec::new();
    };
    let mut plugins = Vec::new();
    for (name, value) in section.entries() {
        match value.get_ref() {
            DeValue::Table(table) => {
                let section = Section::new(format!("plugin `{}`", name.value), table, name.span.clone());
                plugins.push(read(section, name, base, out));
            }
            other => Wrong::kind(other, "a table for each plugin, such as [plugins.scorer]").say(
                &format!("plugins.{}", name.value),
                &value.span(),
                out,
            ),
        }
    }
    plugins
}

fn read(mut section: Section<'_>, name: Located<String>, base: &Path, out: &mut Diagnostics) -> PluginDraft {
    let errors_before = out.errors();
    if let Some(problem) = names::problem(&name.value, "plugin") {
        out.error(&name.span, problem).help(names::HELP);
    }
    let command = section.take("command", out, command);
    if let Some((command, shell)) =
        command.as_ref().and_then(|command| Some((command, command.value.shell.as_ref()?)))
    {
        out.warning(
            &command.span,
            format!("no shell runs the command: `{shell}` is an argument like any other"),
        )
        .help("for a shell's work say [\"sh\", \"-c\", \"…\"]; to mean it so, write a list");
    }
    let internal = section.flag("internal", out).unwrap_or(false);
    let command_span = section.key_span("command");
    let kind = match (&command_span, internal) {
        (Some(command), true) => {
            let internal = section.key_span("internal").unwrap_or_default();
            out.error(&internal, format!("plugin `{}` has a command and is internal", name.value))
                .related(command, "the command")
                .help("an internal plugin is a thread of the program that runs the application: remove one of the two");
            Kind::Process
        }
        (Some(_), false) => Kind::Process,
        (None, true) => Kind::Internal,
        (None, false) => Kind::External,
    };
    let port = section.port("port", out);
    let has_port = section.key_span("port").is_some();
    if kind == Kind::External {
        if !has_port {
            out.error(&name.span, format!("plugin `{}` has no command, no port, and is not internal", name.value))
                .help("say its `command`, or the `port` to which a process connects that somebody else starts, or internal = true");
        } else if let Some(port) = port.as_ref().filter(|port| port.value == 0) {
            out.error(&port.span, format!("nobody could know the port of plugin `{}`", name.value))
                .help("say a port: its process is started by somebody else, who has to know it");
        }
    }
    refuse_senseless(&section, kind, out);

    let subscribe = section.texts("subscribe", out);
    let publish = section.texts("publish", out);
    let source = section
        .flag("source", out)
        .unwrap_or(section.key_span("subscribe").is_none() || subscribe.is_empty());
    let replicas = section.number("replicas", 1..=constants::SESSIONS_MAX as u64, out);
    let replicas = replicas.and_then(|number| usize::try_from(number.value).ok()).unwrap_or(1);
    let env = read_env(&mut section, out);
    let dir = section.take("dir", out, |value| folder(value, base));
    let restart = restart::read(&mut section, out);
    let start_within = section.duration("start-within", Zero::Refused, out);
    let hang_after = section.duration("hang-after", Zero::Refused, out).map(|time| time.value);
    let critical = section.flag("critical", out).unwrap_or(false);
    let queue = read_queue(&mut section, out);
    let stop_event = section.take("stop-event", out, values::bytes);
    if let Some(event) = stop_event.as_ref().filter(|event| event.value.is_empty()) {
        out.error(&event.span, "`stop-event` is empty")
            .help("say an event that the plugin knows as the last one");
    }
    let redelivery_limit = section.number("redelivery-limit", 0..=u64::from(u32::MAX), out);
    let dead_letter = section.text("dead-letter", out);
    section.finish(out);

    let command_span = command.as_ref().map(|command| command.span.clone());
    let dir_span = dir.as_ref().map(|dir| dir.span.clone());
    let port_number = port.as_ref().map_or(0, |port| port.value);
    let kind = match kind {
        Kind::Process => {
            let mut process = ProcessSpec::new(OsString::new());
            if let Some(command) = command {
                process.program = command.value.program;
                process.args = command.value.args;
            }
            process.env = env;
            process.dir = Some(dir.map_or_else(|| base.to_path_buf(), |dir| dir.value));
            if let Some(deadline) = start_within {
                process.start_within = deadline.value;
            }
            PluginKind::Process { process, port: port_number, replicas }
        }
        Kind::External => PluginKind::External { port: port_number, replicas },
        Kind::Internal => PluginKind::Internal,
    };
    let default_restart = match kind {
        PluginKind::External { .. } => RestartPolicy::never(),
        PluginKind::Process { .. } | PluginKind::Internal => RestartPolicy::default(),
    };
    let texts = |list: &[Located<String>]| list.iter().map(|text| text.value.clone()).collect();
    let entry = PluginEntry {
        name: name.value.clone(),
        kind,
        subscribe: texts(&subscribe),
        publish: texts(&publish),
        source,
        critical,
        restart: restart.unwrap_or(default_restart),
        hang_after,
        queue,
        stop_event: stop_event.map(|event| event.value),
        redelivery_limit: redelivery_limit
            .and_then(|limit| u32::try_from(limit.value).ok())
            .unwrap_or(constants::REDELIVERY_LIMIT as u32),
        dead_letter: dead_letter.as_ref().map(|name| name.value.clone()),
    };
    PluginDraft {
        name,
        entry,
        subscribe,
        publish,
        dead_letter,
        port,
        command: command_span,
        dir: dir_span,
        misread: out.errors() > errors_before,
    }
}

/// Says which keys make no sense for a plugin of this kind.
fn refuse_senseless(section: &Section<'_>, kind: Kind, out: &mut Diagnostics) {
    if kind == Kind::Internal {
        for key in NOT_INTERNAL {
            if let Some(span) = section.key_span(key) {
                out.error(&span, format!("`{key}` makes no sense for an internal plugin")).help(
                    "remove it: an internal plugin is a thread of the program that runs the application",
                );
            }
        }
    }
    if kind != Kind::External {
        return;
    }
    for key in COMMAND_ONLY {
        if let Some(span) = section.key_span(key) {
            out.error(&span, format!("`{key}` makes no sense without a command"))
                .help("say the `command` that the engine is to start, or remove it");
        }
    }
    for key in NOT_EXTERNAL {
        if let Some(span) = section.key_span(key) {
            out.error(&span, format!("`{key}` makes no sense here: {} cannot be restarted", section.name))
                .help("its process is started by somebody else; say its `command`, so that the engine starts it, or remove it");
        }
    }
}

/// A command.
struct Command {
    program: OsString,
    args: Vec<OsString>,
    /// A word that only a shell would have understood.
    shell: Option<String>,
}

fn command(value: &DeValue<'_>) -> Result<Command, Wrong> {
    const HELP: &str = "say a program and its arguments, such as [\"./scorer\", \"--fast\"]";
    let (words, shell) = match value {
        DeValue::String(text) => {
            let split = words::split(text).map_err(|unsplit| {
                Wrong::new(
                    format!("cannot be split into words: {}", unsplit.0),
                    "close it, or write a list of words",
                )
            })?;
            (split.words, split.for_a_shell)
        }
        DeValue::Array(array) => {
            let words: Result<Vec<String>, Wrong> =
                array.iter().map(|word| values::text(word.get_ref())).collect();
            (words.map_err(|_| Wrong::new("holds something that is no text", HELP))?, None)
        }
        other => return Err(Wrong::kind(other, HELP.trim_start_matches("say "))),
    };
    if words.iter().any(|word| word.contains('\0')) {
        return Err(Wrong::new("contains a NUL character, which no argument can", "remove it"));
    }
    let mut words = words.into_iter().map(OsString::from);
    match words.next().filter(|program| !program.is_empty()) {
        Some(program) => Ok(Command { program, args: words.collect(), shell }),
        None => Err(Wrong::new("is empty", HELP)),
    }
}

fn folder(value: &DeValue<'_>, base: &Path) -> Result<PathBuf, Wrong> {
    let text = values::text(value)?;
    if text.is_empty() || text.contains('\0') {
        return Err(Wrong::new(
            "is no folder's path",
            "say a path, relative to the file's folder; \".\" is that folder itself",
        ));
    }
    Ok(base.join(text))
}

fn read_env(section: &mut Section<'_>, out: &mut Diagnostics) -> Vec<(OsString, OsString)> {
    let Some(section) = section.section("env", "a table such as { MODEL = \"small\" }", out) else {
        return Vec::new();
    };
    let mut env = Vec::new();
    for (name, value) in section.entries() {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            out.error(&name.span, "this is no name of a variable").help("use letters, digits and `_`");
        } else if OWN_VARIABLES.contains(&name.value.as_str()) {
            out.error(&name.span, format!("`{}` is set by the engine", name.value))
                .help("remove it: the plugin's process finds there what it needs to connect");
        }
        match values::text(value.get_ref()) {
            Ok(text) if text.contains('\0') => {
                out.error(&value.span(), format!("the value of `{}` contains a NUL character", name.value))
                    .help("remove it: no variable can hold it");
            }
            Ok(text) => env.push((OsString::from(name.value), OsString::from(text))),
            Err(wrong) => wrong.say(&name.value, &value.span(), out),
        }
    }
    env
}

fn read_queue(section: &mut Section<'_>, out: &mut Diagnostics) -> QueueLimits {
    const OVERFLOW: [(&str, Overflow); 3] = [
        ("wait", Overflow::Wait),
        ("drop-oldest", Overflow::DropOldest),
        ("drop-newest", Overflow::DropNewest),
    ];
    let mut limits = QueueLimits::default();
    let example = "a table such as { max-events = 1000, max-bytes = \"64 MiB\", overflow = \"wait\" }";
    let Some(mut queue) = section.section("queue", example, out) else { return limits };
    let events = queue.number("max-events", 1..=usize::MAX as u64, out);
    if let Some(events) = events.and_then(|events| usize::try_from(events.value).ok()) {
        limits.max_events = events;
    }
    if let Some(bytes) = queue.size("max-bytes", out) {
        limits.max_bytes = bytes;
    }
    if let Some(overflow) = queue.choice("overflow", &OVERFLOW, out) {
        limits.overflow = overflow;
    }
    queue.finish(out);
    limits
}
