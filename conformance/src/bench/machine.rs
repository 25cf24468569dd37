//! Where it was measured.

use std::fs;

use serde::Serialize;

/// The machine, as far as it tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: Option<String>,
    /// How many threads may run at once.
    pub(crate) cores: usize,
    pub(crate) system: String,
    /// Processes that ran or wanted to, in the minute before: whoever reads the figures must know whether there were others.
    pub(crate) load: Option<f64>,
}

impl Machine {
    /// This one, now.
    pub(crate) fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        let kernel = read("/proc/sys/kernel/osrelease").map(|release| format!(" {}", release.trim()));
        Self {
            cpu: read("/proc/cpuinfo").as_deref().and_then(cpu),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!(
                "{}{} {}",
                std::env::consts::OS,
                kernel.unwrap_or_default(),
                std::env::consts::ARCH
            ),
            load: read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }

    /// In one line.
    pub(crate) fn text(&self) -> String {
        let cpu = self.cpu.as_deref().map(|cpu| format!("{cpu}, ")).unwrap_or_default();
        let load = self.load.map(|load| format!(", load {load} before")).unwrap_or_default();
        format!("{cpu}{} cores, {}{load}", self.cores, self.system)
    }
}

/// The model's name in Linux's list of processors.
fn cpu(list: &str) -> Option<String> {
    let line = list.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found_where_there_is_one() {
        assert_eq!(
            cpu("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n").as_deref(),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(cpu("processor\t: 0\n"), None);
    }
}
