//! Commands on stdin, answers on stdout.

use std::io::{self, BufRead, Write};
use std::process;
use std::str::FromStr;

/// Writes one line, at once. When nobody reads any more the process ends.
pub(crate) fn answer(line: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        process::exit(1);
    }
}

/// Gives each line of stdin to `command` and writes what it returns; nothing is written for `None`, which is answered later.
/// Returns at `exit` or at the end of stdin.
pub(crate) fn serve(mut command: impl FnMut(&Command<'_>) -> Option<String>) {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let command_line = Command::of(&line);
        if command_line.name == "exit" {
            answer("exiting");
            return;
        }
        if let Some(text) = command(&command_line) {
            answer(&text);
        }
    }
}

/// One line: a name and the rest.
pub(crate) struct Command<'a> {
    pub(crate) name: &'a str,
    /// What follows the first space, to the end of the line; any bytes.
    pub(crate) rest: &'a [u8],
}

impl<'a> Command<'a> {
    fn of(line: &'a [u8]) -> Self {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut parts = line.splitn(2, |byte| *byte == b' ');
        let name = std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
        Command { name, rest: parts.next().unwrap_or_default() }
    }

    /// The arguments, all of them numbers: at least `required`, the others up to `N` are `None` if they are missing.
    pub(crate) fn numbers<const N: usize>(&self, required: usize) -> Result<[Option<u64>; N], String> {
        let text = std::str::from_utf8(self.rest).map_err(|_| "the arguments are no numbers".to_string())?;
        let mut numbers = [None; N];
        let mut given = 0;
        for word in text.split_whitespace() {
            let place = numbers.get_mut(given).ok_or_else(|| format!("at most {N} numbers, please"))?;
            *place = Some(u64::from_str(word).map_err(|_| format!("`{word}` is no number"))?);
            given += 1;
        }
        if given < required {
            return Err(format!("{required} numbers, please"));
        }
        Ok(numbers)
    }
}

/// The answer to a command that could not be done.
pub(crate) fn error(why: impl std::fmt::Display) -> String {
    format!("error {why}").replace('\n', " ")
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that hexadecimal digits say.
pub(crate) fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_and_any_bytes() {
        let command = Command::of(b"text a b\xff \r\n");
        assert_eq!((command.name, command.rest), ("text", &b"a b\xff "[..]));
        assert_eq!(Command::of(b"ledger").rest, b"");
    }

    #[test]
    fn numbers_are_counted() {
        let command = Command::of(b"publish 3 100\n");
        assert_eq!(command.numbers(1), Ok([Some(3), Some(100)]));
        assert_eq!(command.numbers(1), Ok([Some(3), Some(100), None]));
        assert!(command.numbers::<1>(1).is_err());
        assert!(command.numbers::<3>(3).is_err());
        assert!(Command::of(b"publish -1").numbers::<1>(1).is_err());
    }

    #[test]
    fn hexadecimal_goes_there_and_back() {
        assert_eq!(from_hex(b"00fF"), Some(vec![0, 255]));
        assert_eq!(hex(&[0, 255]), "00ff");
        assert_eq!(from_hex(b"0"), None);
        assert_eq!(from_hex(b"zz"), None);
        assert_eq!(from_hex(b""), Some(vec![]));
    }
}
