//! Templates: text with values to be filled in, and lines that are repeated or left out.
//!
//! `{{name}}` is replaced by a value. The lines between `@each LIST` and `@end` are repeated for every entry of a list, whose
//! values come first; those between `@if LIST` and `@end` stay when the list, or the value of that name, is not empty. Blocks are
//! not nested.

use std::collections::BTreeMap;

/// Values by their names.
pub(super) type Values = BTreeMap<&'static str, String>;

/// What a template is filled with.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    /// Single values.
    pub(super) values: Values,
    /// Lists of entries.
    pub(super) lists: BTreeMap<&'static str, Vec<Values>>,
}

impl Data {
    /// Adds a value.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.values.insert(name, value.into());
    }
}

/// Fills `template` with `data`. What has no value stays as it is.
pub(super) fn render(template: &str, data: &Data) -> String {
    let mut result = String::with_capacity(template.len());
    let mut lines = template.lines();
    while let Some(line) = lines.next() {
        let each = line.strip_prefix("@each ");
        let Some(list) = each.or_else(|| line.strip_prefix("@if ")) else {
            fill(line, &[&data.values], &mut result);
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "@end").collect();
        let entries = data.lists.get(list).map(Vec::as_slice).unwrap_or_default();
        if each.is_some() {
            for entry in entries {
                block.iter().for_each(|line| fill(line, &[entry, &data.values], &mut result));
            }
        } else if !entries.is_empty() || data.values.get(list).is_some_and(|value| !value.is_empty()) {
            block.iter().for_each(|line| fill(line, &[&data.values], &mut result));
        }
    }
    result
}

/// Appends `line` with its values.
fn fill(line: &str, scopes: &[&Values], result: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        result.push_str(before);
        let value = after.split_once("}}").and_then(|(name, tail)| {
            scopes.iter().find_map(|scope| scope.get(name)).map(|value| (value, tail))
        });
        match value {
            Some((value, tail)) => {
                result.push_str(value);
                rest = tail;
            }
            None => {
                result.push_str("{{");
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Data {
        let mut data = Data::default();
        data.set("name", "outer");
        data.set("empty", "");
        let entry = |name: &str| Values::from([("name", name.to_owned())]);
        data.lists.insert("all", vec![entry("a"), entry("b")]);
        data.lists.insert("none", vec![]);
        data
    }

    #[test]
    fn values_are_filled_in_and_the_rest_stays() {
        assert_eq!(render("{{name}}-{{name}} {{other}} {{", &data()), "outer-outer {{other}} {{\n");
    }

    #[test]
    fn a_list_repeats_its_block() {
        assert_eq!(render("x\n@each all\n{{name}}\n@end\ny\n@each none\nz\n@end", &data()), "x\na\nb\ny\n");
    }

    #[test]
    fn a_condition_keeps_its_block_or_drops_it() {
        let template = "@if all\nA\n@end\n@if none\nB\n@end\n@if name\nC\n@end\n@if empty\nD\n@end\n@if unknown\nE\n@end";
        assert_eq!(render(template, &data()), "A\nC\n");
    }
}
