//! Processor time and memory of process groups, read from `/proc` when somebody asks.
//!
//! Two fields of one file are all that is needed, so no crate is: the parser is a function of a text.

use std::collections::BTreeMap;
use std::fs;

/// What a process group uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time so far, in milliseconds, with that of children that have ended and were waited for.
    pub(super) cpu_ms: u64,
    /// Memory, in bytes; pages that processes share count for each of them.
    pub(super) rss_bytes: u64,
}

impl Usage {
    fn add(&mut self, other: Usage) {
        self.cpu_ms = self.cpu_ms.saturating_add(other.cpu_ms);
        self.rss_bytes = self.rss_bytes.saturating_add(other.rss_bytes);
    }
}

/// The sum; none of nothing.
pub(super) fn sum<'a>(usages: impl Iterator<Item = &'a Usage>) -> Option<Usage> {
    usages.fold(None, |sum: Option<Usage>, usage| {
        let mut sum = sum.unwrap_or_default();
        sum.add(*usage);
        Some(sum)
    })
}

/// What each of these process groups uses, by the group's leader. Groups that are gone are left out.
pub(super) fn usage(groups: &[u32]) -> BTreeMap<u32, Usage> {
    let mut found = BTreeMap::new();
    if groups.is_empty() {
        return found;
    }
    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    let page_bytes = rustix::param::page_size() as u64;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let is_process =
            entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
        // It may be gone by now.
        let stat = if is_process { fs::read(entry.path().join("stat")).ok() } else { None };
        let Some(stat) = stat.and_then(|text| parse(&String::from_utf8_lossy(&text))) else { continue };
        if groups.contains(&stat.group) {
            found.entry(stat.group).or_insert_with(Usage::default).add(Usage {
                cpu_ms: stat.ticks.saturating_mul(1_000) / ticks_per_second,
                rss_bytes: stat.pages.saturating_mul(page_bytes),
            });
        }
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    group: u32,
    ticks: u64,
    pages: u64,
}

/// Reads `/proc/<pid>/stat`, whose second field is a name in parentheses with anything in it (proc(5)).
fn parse(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // The first one here is field 3 of the manual.
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = [14, 15, 16, 17].into_iter().map(|number| {
        // Those of children are signed in the manual, but never negative.
        field(number)?.parse::<u64>().ok()
    });
    Some(Stat {
        group: field(5)?.parse().ok()?,
        ticks: ticks.sum::<Option<u64>>()?,
        pages: field(24)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4321 (a) b ) (c) S 1 4300 4300 0 -1 4194560 1234 99 0 0 250 50 7 3 20 0 1 0 \
                        8000 12345678 640 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n";

    #[test]
    fn fields_are_found_behind_any_name() {
        assert_eq!(parse(LINE), Some(Stat { group: 4300, ticks: 310, pages: 640 }));
    }

    #[test]
    fn garbage_is_no_process() {
        for length in 0..LINE.len() {
            let cut = &LINE[..length];
            assert!(parse(cut).is_none_or(|stat| stat.group == 4300), "{cut}");
        }
        for text in ["", ")", "1 (x) S", "1 (x) S a b c d e f g h i j k l m n o p q r s t u v w x y z"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_group_uses_something() {
        let group = parse(&fs::read_to_string("/proc/self/stat").unwrap()).unwrap().group;
        let usage = usage(&[group]);
        assert!(usage[&group].rss_bytes > 100_000, "{usage:?}");
        assert_eq!(sum(usage.values()).as_ref(), usage.get(&group));
        assert_eq!(sum([].into_iter()), None);
    }
}
