//! The languages: their templates, and how each writes bytes and names.

use std::fmt::Write as _;
use std::path::Path;

use clap::ValueEnum;

/// A language of plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// Go.
    Go,
    /// C.
    C,
}

/// A file of a template: its path in the plugin's folder, its text, and whether it can be run.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    /// Relative to the plugin's folder.
    pub(super) path: &'static str,
    /// With values to be filled in.
    pub(super) text: &'static str,
    /// Whether it is made executable.
    pub(super) executable: bool,
}

const fn file(path: &'static str, text: &'static str) -> File {
    File { path, text, executable: false }
}

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../templates/", $name))
    };
}

impl Lang {
    /// All.
    pub(super) const ALL: [Lang; 4] = [Lang::Rust, Lang::Python, Lang::Go, Lang::C];

    /// Its name, as in `--lang` and as the folder of its client library.
    pub(super) fn name(self) -> &'static str {
        match self {
            Lang::Rust => "rust",
            Lang::Python => "python",
            Lang::Go => "go",
            Lang::C => "c",
        }
    }

    /// The files of a plugin; the first is the one to edit. A source subscribes to nothing.
    pub(super) fn files(self, source: bool) -> Vec<File> {
        let choose = |of_source, of_receiver| if source { of_source } else { of_receiver };
        match self {
            Lang::Rust => vec![
                file("src/main.rs", choose(template!("rust/source.rs.in"), template!("rust/receiver.rs.in"))),
                file("Cargo.toml", template!("rust/Cargo.toml.in")),
                file(".gitignore", template!("rust/gitignore.in")),
            ],
            Lang::Python => vec![
                file("main.py", choose(template!("python/source.py.in"), template!("python/receiver.py.in"))),
                file("requirements.txt", template!("python/requirements.txt.in")),
                File { path: "run.sh", text: template!("python/run.sh.in"), executable: true },
                file(".gitignore", template!("python/gitignore.in")),
            ],
            Lang::Go => vec![
                file("main.go", choose(template!("go/source.go.in"), template!("go/receiver.go.in"))),
                file("go.mod", template!("go/go.mod.in")),
            ],
            Lang::C => vec![
                file("plugin.c", choose(template!("c/source.c.in"), template!("c/receiver.c.in"))),
                file("Makefile", template!("c/Makefile.in")),
                file(".gitignore", template!("c/gitignore.in")),
            ],
        }
    }

    /// The command that builds what has changed and runs the plugin, in its folder.
    pub(super) fn command(self, published: bool) -> &'static [&'static str] {
        match self {
            Lang::Rust => &["cargo", "run", "--release", "--quiet"],
            Lang::Python => &["./run.sh"],
            // The published module is not in go.sum yet.
            Lang::Go if published => &["go", "run", "-mod=mod", "."],
            Lang::Go => &["go", "run", "."],
            Lang::C => &["make", "--silent", "run"],
        }
    }

    /// How the template names its client library: the checkout's `folder`, or the published one.
    pub(super) fn sdk(self, folder: Option<&Path>) -> String {
        let path = folder.map(|folder| folder.to_string_lossy().into_owned());
        match (self, path) {
            (Lang::Rust, Some(path)) => format!("{{ path = {} }}", toml_edit::Value::from(path)),
            (Lang::Rust, None) => "\"0.3\"".to_owned(),
            (Lang::Python, Some(path)) => format!("event-engine @ file://{}", percent_encoded(&path)),
            (Lang::Python, None) => "event-engine>=0.3,<0.4".to_owned(),
            (Lang::Go, Some(path)) => format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"")),
            (Lang::C, Some(path)) => path.replace('$', "$$").replace('#', "\\#"),
            (Lang::Go | Lang::C, None) => String::new(),
        }
    }

    /// The name of the constant that holds the prefix of the type `name`.
    pub(super) fn constant(self, name: &str) -> String {
        let words =
            name.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        match self {
            Lang::Go => {
                let mut constant = String::new();
                for (index, word) in words.enumerate() {
                    let mut letters = word.chars();
                    let first = letters.next().unwrap_or_default();
                    constant.push(if index == 0 {
                        first.to_ascii_lowercase()
                    } else {
                        first.to_ascii_uppercase()
                    });
                    constant.push_str(letters.as_str());
                }
                match constant.starts_with(|first: char| first.is_ascii_alphabetic()) {
                    true => format!("{constant}Prefix"),
                    false => format!("type{constant}Prefix"),
                }
            }
            Lang::Rust | Lang::Python | Lang::C => {
                let constant = words.map(str::to_ascii_uppercase).collect::<Vec<_>>().join("_");
                match constant.starts_with(|first: char| first.is_ascii_alphabetic()) {
                    true => format!("{constant}_PREFIX"),
                    false => format!("TYPE_{constant}_PREFIX"),
                }
            }
        }
    }

    /// A name within a string, without the quotes.
    pub(super) fn text(self, name: &str) -> String {
        name.replace('\\', "\\\\").replace('"', "\\\"")
    }

    /// Bytes as the language writes a constant.
    pub(super) fn literal(self, bytes: &[u8]) -> String {
        let mut text = match self {
            Lang::Rust | Lang::Python => "b\"".to_owned(),
            Lang::Go | Lang::C => "\"".to_owned(),
        };
        for &byte in bytes {
            match byte {
                b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
                // In C a hexadecimal escape would take the digits behind it, and `??` begins a trigraph.
                b'?' if self == Lang::C => text.push_str("\\?"),
                b' '..=b'~' => text.push(char::from(byte)),
                _ if self == Lang::C => drop(write!(text, "\\{byte:03o}")),
                _ => drop(write!(text, "\\x{byte:02x}")),
            }
        }
        text.push('"');
        text
    }
}

/// A path as part of a URL.
fn percent_encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte))
            }
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_named_as_each_language_does() {
        assert_eq!(Lang::Rust.constant("image-scored_2"), "IMAGE_SCORED_2_PREFIX");
        assert_eq!(Lang::Go.constant("image-scored_2"), "imageScored2Prefix");
        assert_eq!(Lang::Python.constant("2nd"), "TYPE_2ND_PREFIX");
        assert_eq!(Lang::Go.constant("2nd"), "type2ndPrefix");
        assert_eq!(Lang::C.constant("é"), "TYPE__PREFIX");
    }

    #[test]
    fn bytes_are_written_as_each_language_does() {
        let bytes = b"A\"\\?\x001";
        assert_eq!(Lang::Rust.literal(bytes), r#"b"A\"\\?\x001""#);
        assert_eq!(Lang::Go.literal(bytes), r#""A\"\\?\x001""#);
        assert_eq!(Lang::C.literal(bytes), r#""A\"\\\?\0001""#);
    }

    #[test]
    fn paths_are_written_as_each_build_file_does() {
        let path = Path::new("/a b/$c#");
        assert_eq!(Lang::Rust.sdk(Some(path)), "{ path = \"/a b/$c#\" }");
        assert_eq!(Lang::Python.sdk(Some(path)), "event-engine @ file:///a%20b/%24c%23");
        assert_eq!(Lang::Go.sdk(Some(path)), "\"/a b/$c#\"");
        assert_eq!(Lang::C.sdk(Some(path)), "/a b/$$c\\#");
    }
}
