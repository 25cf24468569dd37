//! This process and those that it started, as Linux tells in `/proc`.

use std::fs;

/// A process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its program's name, at most 15 bytes of it.
    pub name: String,
    /// The process that started it.
    pub parent: i32,
    /// Whether it has ended and only waits to be noticed.
    pub ended: bool,
    /// Processor time of it and of those of its children that have ended, in milliseconds. So a child that dies takes nothing
    /// away from the family's sum.
    pub cpu_ms: u64,
    /// Memory that it holds, in bytes.
    pub rss_bytes: u64,
}

/// This process and its children, as far as they can be read: one that ends meanwhile is left out.
pub fn family() -> Vec<Process> {
    let own = std::process::id().cast_signed();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| parse(&stat))
        .filter(|process| process.pid == own || process.parent == own)
        .collect()
}

/// Reads a line of `/proc/PID/stat`. The name is in parentheses and may hold any character.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // From the third field on, as proc(5) counts them.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
    Some(Process {
        pid: pid.parse().ok()?,
        name: name.to_string(),
        parent: fields.get(1)?.parse().ok()?,
        ended: matches!(*fields.first()?, "Z" | "X"),
        cpu_ms: ticks * 1000 / rustix::param::clock_ticks_per_second().max(1),
        rss_bytes: number(24)? * rustix::param::page_size() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_rest() {
        let stat = "42 (a) S (b) Z 7 42 42 0 -1 4194560 1 0 0 0 150 50 30 20 20 0 1 0 9 1000 3 184 1 1 0";
        let process = parse(stat).expect("a process");
        assert_eq!((process.pid, process.name.as_str(), process.parent), (42, "a) S (b", 7));
        assert!(process.ended);
        assert_eq!(process.cpu_ms, 250 * 1000 / rustix::param::clock_ticks_per_second());
        assert_eq!(process.rss_bytes, 3 * rustix::param::page_size() as u64);
        assert_eq!(parse("42 (cut) S 1"), None);
    }

    #[test]
    fn the_family_has_this_process() {
        let own = std::process::id().cast_signed();
        assert!(family().iter().any(|process| process.pid == own && process.rss_bytes > 0));
    }
}
