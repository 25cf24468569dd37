//! Who is in a process group.

use std::fs;

/// Whether a process other than `group`'s first, which has exited, is alive in it.
pub(super) fn has_others(group: u32) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { return false };
        pid != group
            && fs::read(process.path().join("stat")).is_ok_and(|stat| member_of(&stat) == Some((group, true)))
    })
}

/// The process group in a line of /proc/PID/stat, and whether the process lives.
fn member_of(stat: &[u8]) -> Option<(u32, bool)> {
    // The name stands in parentheses and may hold anything.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some((group, !matches!(state, "Z" | "X")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system() {
        assert_eq!(member_of(b"12 (sh) S 1 7 7 0 -1"), Some((7, true)));
        assert_eq!(member_of(b"12 (a) b ) Z 1 8 7 0 -1"), Some((8, false)));
        assert_eq!(member_of(b"12 (sh"), None);
        assert_eq!(member_of(b"12 (sh) S 1"), None);
        assert_eq!(member_of(b""), None);
    }
}
