//! From a file's text to what it says, and to everything that is wrong with it.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use super::checks;
use super::diagnostics::{Diagnostics, Source};
use super::file::ApplicationFile;
use super::suggest;
use plugin::PluginDraft;
use section::Section;
use types::TypeDraft;

mod application;
mod plugin;
mod restart;
mod section;
mod syntax;
mod types;
mod values;
mod words;

/// The largest application file, in bytes.
const FILE_MAX_BYTES: u64 = 4 << 20;

/// A stretch of bytes of the file.
pub(super) type Span = Range<usize>;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// What a file says, with the places that checks point to. Of a value that makes no sense there is a default here, and a diagnostic.
pub(super) struct Draft {
    pub(super) application: application::ApplicationDraft,
    pub(super) types: Vec<TypeDraft>,
    pub(super) plugins: Vec<PluginDraft>,
    /// Whether whole tables may be missing from this, as the file could not be read in full. Then nothing is said about what is
    /// missing.
    pub(super) partial: bool,
}

/// Reads and checks a file.
pub(super) fn file(path: &Path, check_commands: bool) -> Result<ApplicationFile, Diagnostics> {
    let unreadable = |message: String, help: &str| {
        let mut diagnostics = Diagnostics::new(Arc::new(Source::new(path, String::new())));
        diagnostics.whole_file(message, help);
        diagnostics
    };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(unreadable(format!("the file cannot be read: {error}"), &help_to_read(path, &error)));
    }
    if bytes.len() as u64 > FILE_MAX_BYTES {
        let message = format!("the file has more than {} MiB", FILE_MAX_BYTES >> 20);
        return Err(unreadable(message, "is this the right file? an application file is a few KiB of TOML"));
    }
    match String::from_utf8(bytes) {
        Ok(content) => text(&content, path, check_commands),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let content = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let mut diagnostics = Diagnostics::new(Arc::new(Source::new(path, content)));
            diagnostics
                .error(&(at..at + '\u{fffd}'.len_utf8()), "the file is not UTF-8")
                .help("save it as UTF-8; write bytes that are no text as { hex = \"…\" }");
            Err(diagnostics)
        }
    }
}

/// What to do about a file that cannot be read.
fn help_to_read(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "let this user read it (chmod u+r or g+r) and enter its folder, or run this as a user who may"
                .to_string()
        }
        _ if path.is_dir() => match file_within(path) {
            Some(file) => format!("say the file in it: {}", file.display()),
            None => format!("say the file in it, such as {}", path.join("app.toml").display()),
        },
        ErrorKind::NotFound => {
            "correct the path, or write the file; a path is relative to the current folder".to_string()
        }
        _ => "say the path of an application file".to_string(),
    }
}

/// The application file of a folder: `app.toml`, else the only TOML file there.
fn file_within(folder: &Path) -> Option<PathBuf> {
    let usual = folder.join("app.toml");
    if usual.is_file() {
        return Some(usual);
    }
    let files = folder.read_dir().ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut files = files.filter(|path| path.extension().is_some_and(|end| end == "toml") && path.is_file());
    files.next().filter(|_| files.next().is_none())
}

/// Checks a text as the content of the file at `path`.
pub(super) fn text(text: &str, path: &Path, check_commands: bool) -> Result<ApplicationFile, Diagnostics> {
    let source = Arc::new(Source::new(path, text.to_string()));
    let mut diagnostics = Diagnostics::new(Arc::clone(&source));
    let draft = read(source.text(), path, &mut diagnostics);
    checks::types(&draft, &mut diagnostics);
    checks::flow(&draft, &mut diagnostics);
    let ports = checks::ports(&draft, &mut diagnostics);
    if check_commands {
        checks::commands(&draft, &mut diagnostics);
        checks::control(&draft, &mut diagnostics);
    }
    diagnostics.sort();
    if diagnostics.errors() > 0 {
        return Err(diagnostics);
    }
    Ok(draft.into_file(ports, diagnostics))
}

/// Reads every table.
fn read(text: &str, path: &Path, out: &mut Diagnostics) -> Draft {
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    let mut understood = Diagnostics::new(out.source());
    let draft = read_tables(document.get_ref(), path, syntax_errors.is_empty(), &mut understood);
    let lost = syntax::say(&syntax_errors, document.get_ref(), text, out);
    understood.keep_lines(|line| line < lost.from_line && !lost.lines.contains(&line));
    out.append(understood);
    draft
}

fn read_tables(document: &DeTable<'_>, path: &Path, complete: bool, out: &mut Diagnostics) -> Draft {
    let mut top = Section::new("the file", document, 0..0);
    let base = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let application = application::read(&mut top, base, path, complete, out);
    let types = types::read(&mut top, out);
    let plugins = plugin::read_all(&mut top, base, out);
    let unknown = top.unknown();
    for key in &unknown {
        let word = &key.value;
        let help = if application::KEYS.contains(&word.as_str()) {
            Some(format!("`{word}` belongs below [application]"))
        } else {
            suggest::did_you_mean(word, ["application", "types", "plugins"])
        };
        let help = help
            .unwrap_or_else(|| "a file has the tables [application], [types] and [plugins.NAME]".to_string());
        out.error(&key.span, format!("there is no table or key `{word}`")).help(help);
    }
    let all_tables = document.iter().all(|(_, value)| value.get_ref().is_table());
    Draft { application, types, plugins, partial: !complete || !unknown.is_empty() || !all_tables }
}

impl Draft {
    fn into_file(self, ports: Vec<checks::PortUse>, warnings: Diagnostics) -> ApplicationFile {
        let application = self.application;
        ApplicationFile {
            name: application.name,
            until: application.until,
            bind: application.bind,
            stop_within: application.stop_within,
            max_event_bytes: application.max_event_bytes,
            session_grace: application.session_grace,
            control: application.control.map(|control| control.value),
            metrics: application.metrics.map(|metrics| metrics.value),
            bus: application.bus.map(|bus| bus.ports),
            wait_for_external: application.wait_for_external,
            allow_ambiguous_filters: application.allow_ambiguous_filters,
            types: self.types.into_iter().filter_map(TypeDraft::into_type).collect(),
            plugins: self.plugins.into_iter().map(|plugin| plugin.entry).collect(),
            ports,
            warnings,
        }
    }
}
