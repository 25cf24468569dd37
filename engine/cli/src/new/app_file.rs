//! An application file that gets a plugin more: comments and form of what stands there are kept.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use toml_edit::{value, Array, DocumentMut, Item, Table, TableLike};

use super::names;
use crate::exit::Problem;

/// A type's name and prefix.
pub(super) type Named = (String, Vec<u8>);

/// An application file to be changed.
#[derive(Debug)]
pub(super) struct AppFile {
    path: PathBuf,
    document: DocumentMut,
    form: Form,
}

/// What the document does not keep of the file.
#[derive(Clone, Copy, Debug)]
struct Form {
    /// A mark of UTF-8 at its begin.
    mark: bool,
    /// Its lines end with `\r\n`.
    crlf: bool,
}

/// The mark of UTF-8.
const MARK: char = '\u{feff}';

impl Form {
    fn of(text: &str) -> Form {
        Form {
            mark: text.starts_with(MARK),
            crlf: text.split('\n').next().is_some_and(|line| line.ends_with('\r')),
        }
    }

    /// `text`, whose lines end with `\n`, in this form.
    fn give(self, text: &str) -> String {
        let text = text.trim_start_matches(MARK).replace("\r\n", "\n");
        let text = if self.crlf { text.replace('\n', "\r\n") } else { text };
        if self.mark {
            format!("{MARK}{text}")
        } else {
            text
        }
    }
}

/// A plugin's entry.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    /// The plugin's name, and that of its folder.
    pub(super) name: &'a str,
    /// What the engine runs.
    pub(super) command: &'a [&'a str],
    /// Names of types.
    pub(super) subscribe: &'a [String],
    /// Names of types.
    pub(super) publish: &'a [String],
}

impl AppFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Problem::Wrong`], if it cannot be read or is no TOML.
    pub(super) fn read(path: &Path) -> Result<AppFile, Problem> {
        let text = fs::read_to_string(path).map_err(|error| {
            Problem::Wrong(format!(
                "{}: {error}; say where the application file is with --app, or make one: event-engine new app NAME",
                path.display()
            ))
        })?;
        AppFile::parse(path, &text)
    }

    /// A file for `path` with `text`.
    ///
    /// # Errors
    /// [`Problem::Wrong`], if it is no TOML.
    pub(super) fn parse(path: &Path, text: &str) -> Result<AppFile, Problem> {
        let document =
            text.parse().map_err(|error| Problem::Wrong(format!("{}: {error}", path.display())))?;
        Ok(AppFile { path: path.to_path_buf(), document, form: Form::of(text) })
    }

    /// The types with their prefixes, in the file's order.
    ///
    /// # Errors
    /// [`Problem::Wrong`], if a prefix cannot be read.
    pub(super) fn types(&self) -> Result<Vec<Named>, Problem> {
        let Some(types) = self.document.get("types") else { return Ok(Vec::new()) };
        let types = types.as_table_like().ok_or_else(|| self.fault("'types' is no table"))?;
        types
            .iter()
            .map(|(name, item)| {
                let prefix =
                    prefix(item).ok_or_else(|| self.fault(&format!("the type '{name}' has no prefix")))?;
                Ok((name.to_owned(), prefix))
            })
            .collect()
    }

    /// Adds a type called `name` and returns its prefix.
    ///
    /// # Errors
    /// [`Problem::Wrong`], if the name will not do or no prefix of two letters is left.
    pub(super) fn add_type(&mut self, name: &str) -> Result<[u8; 2], Problem> {
        names::check("the type", name)?;
        let taken: Vec<Vec<u8>> = self.types()?.into_iter().map(|(_, prefix)| prefix).collect();
        let prefix = names::fresh_prefix(name, &taken).ok_or_else(|| {
            self.fault(&format!(
                "no prefix of two letters is left for the type '{name}': add it to [types] yourself"
            ))
        })?;
        let letters = String::from_utf8_lossy(&prefix).into_owned();
        let fault = self.fault("'types' is no table");
        table(self.document.as_table_mut(), "types", false).ok_or(fault)?.insert(name, value(letters));
        Ok(prefix)
    }

    /// Whether there is a plugin called `name`.
    pub(super) fn has_plugin(&self, name: &str) -> bool {
        self.document
            .get("plugins")
            .and_then(Item::as_table_like)
            .is_some_and(|plugins| plugins.contains_key(name))
    }

    /// Adds a plugin.
    ///
    /// # Errors
    /// [`Problem::Wrong`], if there is no room for it.
    pub(super) fn add_plugin(&mut self, entry: &Entry<'_>) -> Result<(), Problem> {
        let mut plugin = Table::new();
        plugin.insert("command", list(entry.command));
        plugin.insert("dir", value(entry.name));
        plugin.insert("start-within", value("5m"));
        if let Some(item) = plugin.get_mut("start-within").and_then(Item::as_value_mut) {
            item.decor_mut().set_suffix("    # the first run fetches and builds what it needs");
        }
        for (key, types) in [("subscribe", entry.subscribe), ("publish", entry.publish)] {
            if !types.is_empty() {
                plugin.insert(key, list(types));
            }
        }
        plugin.decor_mut().set_prefix("\n");
        let fault = self.fault("'plugins' is no table");
        table(self.document.as_table_mut(), "plugins", true)
            .filter(|plugins| !plugins.contains_key(entry.name))
            .ok_or(fault)?
            .insert(entry.name, Item::Table(plugin));
        Ok(())
    }

    /// The text as it is now.
    pub(super) fn text(&self) -> String {
        let mut text = self.document.to_string();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.form.give(&text)
    }

    /// Writes the file: whole or not at all.
    ///
    /// # Errors
    /// [`Problem::Failed`].
    pub(super) fn write(&self) -> Result<(), Problem> {
        let fault = |error: std::io::Error| Problem::Failed(format!("{}: {error}", self.path.display()));
        // What a link leads to, so that the link stays.
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(folder).map_err(fault)?;
        new.write_all(self.text().as_bytes()).map_err(fault)?;
        if let Ok(before) = fs::metadata(&path) {
            new.as_file().set_permissions(before.permissions()).map_err(fault)?;
        }
        new.persist(&path).map(drop).map_err(|error| fault(error.error))
    }

    fn fault(&self, text: &str) -> Problem {
        Problem::Wrong(format!("{}: {text}", self.path.display()))
    }
}

/// The table `name`, made if it is not there; `implicit` writes no header of its own.
fn table<'a>(document: &'a mut Table, name: &str, implicit: bool) -> Option<&'a mut dyn TableLike> {
    let made = || {
        let mut made = Table::new();
        made.set_implicit(implicit);
        made.decor_mut().set_prefix("\n");
        Item::Table(made)
    };
    document.entry(name).or_insert_with(made).as_table_like_mut()
}

/// A list of texts.
fn list<T: AsRef<str>>(texts: &[T]) -> Item {
    value(texts.iter().map(AsRef::as_ref).collect::<Array>())
}

/// The prefix of a type: a text, or a table with `prefix` or `hex`.
fn prefix(item: &Item) -> Option<Vec<u8>> {
    if let Some(text) = item.as_str() {
        return Some(text.as_bytes().to_vec());
    }
    let item = item.as_table_like()?;
    match (item.get("prefix").and_then(Item::as_str), item.get("hex").and_then(Item::as_str)) {
        (Some(text), None) => Some(text.as_bytes().to_vec()),
        (None, Some(hex)) => crate::hex::decode(hex),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::words;

    const FILE: &str = r#"# What it is.
[application]   # here
name = "x"

[types]
image = "IM"            # pictures
scored = { hex = "5343" }

[types.stored]
prefix = "ST"

# The first.
[plugins.camera]
command = "./camera"    # a shell's words
publish = ["image"]

[plugins.store]
port = 6000
subscribe = ["scored"]
# the end
"#;

    fn parsed(text: &str) -> AppFile {
        AppFile::parse(Path::new("app.toml"), text).unwrap()
    }

    fn entry<'a>(subscribe: &'a [String], publish: &'a [String]) -> Entry<'a> {
        Entry { name: "new", command: &["./run.sh"], subscribe, publish }
    }

    #[test]
    fn what_stands_in_the_file_is_kept() {
        let mut file = parsed(FILE);
        assert_eq!(file.add_type("image-2").unwrap(), *b"IA");
        file.add_plugin(&entry(&["image".to_owned()], &["image-2".to_owned()])).unwrap();
        insta::assert_snapshot!(file.text());
        assert!(file.has_plugin("new"));
        let types = parsed(&file.text()).types().unwrap();
        let expected = [("image", "IM"), ("scored", "SC"), ("stored", "ST"), ("image-2", "IA")];
        for (name, prefix) in expected {
            assert!(types.contains(&(name.to_owned(), prefix.as_bytes().to_vec())), "{name}: {types:?}");
        }
    }

    #[test]
    fn line_ends_and_a_mark_are_kept() {
        for (mark, end) in [("", "\n"), ("", "\r\n"), ("\u{feff}", "\n"), ("\u{feff}", "\r\n")] {
            let text = format!("{mark}{}", FILE.replace('\n', end));
            let mut file = parsed(&text);
            assert_eq!(file.text(), text);
            file.add_type("fresh").unwrap();
            file.add_plugin(&entry(&["fresh".to_owned()], &[])).unwrap();
            let plain = file.text().replace(end, "\n");
            assert!(!plain.contains('\r') && plain.replace('\n', end) == file.text(), "{:?}", file.text());
            assert!(file.text().starts_with(&format!("{mark}# What")), "{:?}", file.text());
            assert!(parsed(&file.text()).has_plugin("new"), "{:?}", file.text());
        }
    }

    #[test]
    fn tables_of_any_form_take_more() {
        for text in ["", "types.a = \"AA\"\n", "types = { a = \"AA\" }\nplugins = { p = { port = 1 } }\n"] {
            let mut file = parsed(text);
            file.add_type("fresh").unwrap();
            file.add_plugin(&entry(&["fresh".to_owned()], &[])).unwrap();
            let again = parsed(&file.text());
            assert!(again.has_plugin("new"), "{}", file.text());
            assert!(again.types().unwrap().iter().any(|(name, _)| name == "fresh"), "{}", file.text());
        }
    }

    #[test]
    fn faults_name_the_file() {
        let cases = [
            ("types = 1", "'types' is no table"),
            ("[types]\na = 1", "the type 'a' has no prefix"),
            ("[types]\na = { hex = \"x\" }", "the type 'a' has no prefix"),
        ];
        for (text, expected) in cases {
            assert_eq!(words(&parsed(text).types().unwrap_err()), format!("app.toml: {expected}"));
        }
        let failure = AppFile::parse(Path::new("app.toml"), "[").unwrap_err();
        assert!(words(&failure).starts_with("app.toml: TOML parse error at line 1"), "{failure:?}");
        let failure = parsed("plugins = 1").add_plugin(&entry(&[], &[])).unwrap_err();
        assert_eq!(words(&failure), "app.toml: 'plugins' is no table");
    }
}
