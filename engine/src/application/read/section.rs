//! One table of a file: its keys are asked for by name, and those that nobody asked for are unknown.

use std::time::Duration;

use toml::de::{DeTable, DeValue};
use toml::Spanned;

use super::values::{self, Wrong};
use super::{Located, Span};
use crate::application::diagnostics::Diagnostics;
use crate::application::suggest;

/// A value as the parser has it.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// A table that is being read.
pub(super) struct Section<'t> {
    /// How it is called in messages.
    pub(super) name: String,
    table: &'t DeTable<'t>,
    /// Where to point when something is missing.
    pub(super) span: Span,
    asked: Vec<&'static str>,
}

/// Whether 0 makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    Allowed,
    Refused,
}

impl<'t> Section<'t> {
    pub(super) fn new(name: impl Into<String>, table: &'t DeTable<'t>, span: Span) -> Self {
        Section { name: name.into(), table, span, asked: Vec::new() }
    }

    /// All keys and values, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(Located<String>, &'t Value<'t>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| (Located { value: key.get_ref().to_string(), span: key.span() }, value))
            .collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        entries
    }

    /// The value of a key.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'t Value<'t>> {
        self.asked.push(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Where the key stands.
    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.table.keys().find(|name| name.get_ref() == key).map(Spanned::span)
    }

    /// Keys that nobody asked for.
    pub(super) fn unknown(&self) -> Vec<Located<String>> {
        let entries = self.entries().into_iter().map(|(key, _)| key);
        entries.filter(|key| !self.asked.contains(&key.value.as_str())).collect()
    }

    /// Says which keys are unknown.
    pub(super) fn finish(self, out: &mut Diagnostics) {
        for key in self.unknown() {
            let help = suggest::did_you_mean(&key.value, self.asked.iter().copied());
            let help = help.unwrap_or_else(|| format!("the keys are {}", values::listed(&self.asked)));
            out.error(&key.span, format!("{} has no key `{}`", self.name, key.value)).help(help);
        }
    }

    /// The value of a key, converted; what is wrong with it is said.
    pub(super) fn take<T>(
        &mut self,
        key: &'static str,
        out: &mut Diagnostics,
        convert: impl FnOnce(&'t DeValue<'t>) -> Result<T, Wrong>,
    ) -> Option<Located<T>> {
        let value = self.value(key)?;
        let span = value.span();
        match convert(value.get_ref()) {
            Ok(value) => Some(Located { value, span }),
            Err(wrong) => {
                wrong.say(key, &span, out);
                None
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str, out: &mut Diagnostics) -> Option<Located<String>> {
        self.take(key, out, values::text)
    }

    pub(super) fn flag(&mut self, key: &'static str, out: &mut Diagnostics) -> Option<bool> {
        self.take(key, out, values::flag).map(|flag| flag.value)
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        zero: Zero,
        out: &mut Diagnostics,
    ) -> Option<Located<Duration>> {
        self.take(key, out, |value| values::duration(value, zero))
    }

    pub(super) fn size(&mut self, key: &'static str, out: &mut Diagnostics) -> Option<usize> {
        self.take(key, out, values::size).map(|size| size.value)
    }

    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        out: &mut Diagnostics,
    ) -> Option<Located<u64>> {
        self.take(key, out, |value| values::number(value, range))
    }

    pub(super) fn port(&mut self, key: &'static str, out: &mut Diagnostics) -> Option<Located<u16>> {
        self.take(key, out, values::port)
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
        out: &mut Diagnostics,
    ) -> Option<T> {
        self.take(key, out, |value| values::choice(value, choices)).map(|choice| choice.value)
    }

    /// A list of texts, each with its place.
    pub(super) fn texts(&mut self, key: &'static str, out: &mut Diagnostics) -> Vec<Located<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            values::Wrong::kind(value.get_ref(), "a list of texts such as [\"a\", \"b\"]").say(
                key,
                &value.span(),
                out,
            );
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in array {
            match values::text(item.get_ref()) {
                Ok(text) => texts.push(Located { value: text, span: item.span() }),
                Err(wrong) => wrong.say(key, &item.span(), out),
            }
        }
        texts
    }

    /// A table within this one.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        example: &str,
        out: &mut Diagnostics,
    ) -> Option<Section<'t>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => {
                let span = self.key_span(key).unwrap_or_else(|| value.span());
                Some(Section::new(format!("`{key}`"), table, span))
            }
            other => {
                Wrong::kind(other, example).say(key, &value.span(), out);
                None
            }
        }
    }
}
