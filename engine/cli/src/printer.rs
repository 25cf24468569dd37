//! What plugins print, each line behind its plugin's name.

use std::io::{self, Write};

use event_engine::{Output, Stream};

use crate::output;

/// Colours of names, in turn: those that can be read on light and dark grounds.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 31];

/// Forwards lines to stdout and stderr.
pub(crate) struct Printer {
    /// Names, in the order of the application.
    names: Vec<String>,
    width: usize,
    /// stdout has something else to say.
    all_to_stderr: bool,
    stdout_coloured: bool,
    stderr_coloured: bool,
}

impl Printer {
    /// For plugins with these names.
    pub(crate) fn new(names: Vec<String>, all_to_stderr: bool) -> Self {
        Printer {
            width: names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(24),
            names,
            all_to_stderr,
            stdout_coloured: output::colours(&io::stdout()),
            stderr_coloured: output::colours(&io::stderr()),
        }
    }

    /// Prints one line. One that cannot be written is gone: a closed terminal must not end the application.
    pub(crate) fn line(&self, line: &Output<'_>) {
        let to_stderr = self.all_to_stderr || line.stream == Stream::Stderr;
        let coloured = if to_stderr { self.stderr_coloured } else { self.stdout_coloured };
        let text = self.format(line, coloured);
        if to_stderr {
            let _ = io::stderr().lock().write_all(&text);
        } else {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(&text).and_then(|()| stdout.flush());
        }
    }

    /// `name | text`, or `name.2 | text` for a replica.
    fn format(&self, line: &Output<'_>, coloured: bool) -> Vec<u8> {
        let mut name = line.plugin.to_owned();
        if line.replica > 1 {
            name.push_str(&format!(".{}", line.replica));
        }
        let name = format!("{name:width$} |", width = self.width);
        let mut text = if coloured {
            let at = self.names.iter().position(|known| known == line.plugin).unwrap_or(0);
            let colour = COLOURS.get(at % COLOURS.len()).copied().unwrap_or(0);
            format!("\x1b[{colour}m{name}\x1b[0m ").into_bytes()
        } else {
            format!("{name} ").into_bytes()
        };
        text.extend_from_slice(line.bytes);
        text.push(b'\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_before_lines() {
        let printer = Printer::new(vec!["a".into(), "longer".into()], false);
        let line = |plugin, replica, bytes| Output { plugin, replica, stream: Stream::Stdout, bytes };
        assert_eq!(printer.format(&line("a", 1, b"hello"), false), b"a      | hello\n");
        assert_eq!(printer.format(&line("longer", 2, b"\xff"), false), b"longer.2 | \xff\n");
        assert_eq!(printer.format(&line("longer", 1, b""), true), b"\x1b[33mlonger |\x1b[0m \n");
    }
}
