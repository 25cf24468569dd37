//! The table `[types]`: names and prefixes.

use toml::de::DeValue;

use super::section::Section;
use super::values::{self, Wrong};
use super::{Located, Span};
use crate::application::diagnostics::Diagnostics;
use crate::application::file::DeclaredType;
use crate::application::names;

/// A declared type.
pub(in crate::application) struct TypeDraft {
    pub(in crate::application) name: Located<String>,
    /// None if what is there makes no sense.
    pub(in crate::application) prefix: Option<Located<Vec<u8>>>,
    description: Option<String>,
}

impl TypeDraft {
    pub(super) fn into_type(self) -> Option<DeclaredType> {
        let prefix = self.prefix?.value;
        Some(DeclaredType { name: self.name.value, prefix, description: self.description })
    }
}

/// Reads the table.
pub(super) fn read(top: &mut Section<'_>, out: &mut Diagnostics) -> Vec<TypeDraft> {
    let Some(section) = top.section("types", "the table [types], with lines like image = \"IM\"", out) else {
        return Vec::new();
    };
    let types = section.entries().into_iter().map(|(name, value)| {
        if let Some(problem) = names::problem(&name.value, "type") {
            out.error(&name.span, problem).help(names::HELP);
        }
        let (prefix, description) = match value.get_ref() {
            DeValue::String(prefix) => {
                (Some(Located { value: prefix.as_bytes().to_vec(), span: value.span() }), None)
            }
            DeValue::Table(table) => {
                let section = Section::new(format!("type `{}`", name.value), table, name.span.clone());
                read_table(section, &value.span(), out)
            }
            other => {
                let expected = "its prefix as a text, or { hex = \"494d\" }";
                Wrong::kind(other, expected).say(&name.value, &value.span(), out);
                (None, None)
            }
        };
        TypeDraft { name, prefix, description }
    });
    types.collect()
}

fn read_table(
    mut section: Section<'_>,
    whole: &Span,
    out: &mut Diagnostics,
) -> (Option<Located<Vec<u8>>>, Option<String>) {
    let text =
        section.text("prefix", out).map(|text| Located { value: text.value.into_bytes(), span: text.span });
    let hex = section.take("hex", out, values::hex);
    let said = [section.key_span("prefix"), section.key_span("hex")];
    let description = section.text("description", out).map(|description| description.value);
    let name = section.name.clone();
    match said {
        [Some(first), Some(second)] => {
            let (first, second) = if first.start < second.start { (first, second) } else { (second, first) };
            out.error(&second, format!("{name} has two prefixes"))
                .related(&first, "the other one")
                .help("say `prefix` or `hex`, not both");
        }
        [None, None] => {
            out.error(whole, format!("{name} has no prefix"))
                .help("say { prefix = \"IM\" } or { hex = \"494d\" }");
        }
        _ => {}
    }
    section.finish(out);
    (text.or(hex), description)
}
