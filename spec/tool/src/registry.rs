//! `spec/requirements.toml`: every normative statement.

use crate::source::{Problem, Source};
use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

/// Where the file stands.
pub const PATH: &str = "spec/requirements.toml";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Requirements in the order of the file.
    #[serde(rename = "requirement")]
    pub requirements: Vec<Requirement>,
}

/// One normative statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// `EE-<AREA>-<n>`.
    pub id: Spanned<String>,
    /// How binding it is.
    pub level: Level,
    /// Whom it binds.
    pub role: Role,
    /// The statement, one line of Markdown; the prose repeats it word by word.
    pub text: String,
    /// Why it is so.
    pub intent: String,
    /// `vector:<id>` or `test:<path>::<function>`.
    #[serde(default)]
    pub cases: Vec<String>,
    /// `<path>::<function>` of tests that are announced and not written yet.
    #[serde(default)]
    pub pending: Vec<String>,
    /// Why no test can exist.
    pub untestable: Option<String>,
    /// Numbers of decisions that explain it: `"0006"`.
    #[serde(default)]
    pub decisions: Vec<String>,
    /// Errata that changed it: `"E2"`.
    #[serde(default)]
    pub errata: Vec<String>,
}

/// RFC 2119 level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)] // the names say all
pub enum Level {
    Must,
    Should,
    May,
}

impl Level {
    /// The word that the statement has to contain.
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// Whom a requirement binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say all
pub enum Role {
    Engine,
    Client,
    Both,
    /// Whoever runs an application on an engine: starts its processes, answers its control socket.
    Runner,
}

impl Registry {
    /// Reads the file.
    ///
    /// # Errors
    /// The place where it is not what this tool understands.
    pub fn read(root: &Path) -> Result<(Self, Source), Problem> {
        let source = Source::read(root, PATH)?;
        let registry: Self = crate::parse_toml(&source)?;
        Ok((registry, source))
    }

    /// Finds a requirement by its id.
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| requirement.id.as_ref() == id)
    }
}

/// Splits `EE-BASIC-4` into its area and number.
pub fn split_id(id: &str) -> Option<(&str, u32)> {
    let (area, number) = id.strip_prefix("EE-")?.split_once('-')?;
    let good_area = !area.is_empty() && area.bytes().all(|byte| byte.is_ascii_uppercase());
    let good_number = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
    (good_area && good_number).then_some(())?;
    Some((area, number.parse().ok()?))
}

/// Finds everything that looks like a requirement id in `text`: `(offset, id)`.
pub fn find_ids(text: &str) -> Vec<(usize, &str)> {
    text.match_indices("EE-")
        .filter_map(|(start, _)| {
            let tail = text.get(start..)?;
            let area = tail.get(3..)?.bytes().take_while(u8::is_ascii_uppercase).count();
            let number_start = 3 + area + 1;
            let digits = tail.get(number_start..)?.bytes().take_while(u8::is_ascii_digit).count();
            let is_id = area > 0 && digits > 0 && tail.as_bytes().get(number_start - 1) == Some(&b'-');
            is_id.then_some((start, tail.get(..number_start + digits)?))
        })
        .collect()
}
