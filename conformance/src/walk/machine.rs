//! `spec/machine.toml`, as this program was built with it: what walks follow.

use std::sync::OnceLock;

use serde::Deserialize;

const FILE: &str = include_str!("../../../spec/machine.toml");

/// Both machines.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Machines {
    pub(crate) client: Machine,
    pub(crate) engine: Machine,
}

/// One side's.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Machine {
    initial: String,
    transition: Vec<Written>,
    #[serde(skip)]
    atoms: Vec<Atom>,
}

/// A transition as it stands in the file: of several states on several events.
#[derive(Debug, Deserialize)]
struct Written {
    from: Vec<String>,
    on: Vec<String>,
    when: Option<String>,
    to: String,
    #[serde(default)]
    sends: Vec<String>,
    #[serde(default)]
    fault: bool,
}

/// A transition of one state on one event.
#[derive(Clone, Debug)]
pub(crate) struct Atom {
    /// Its place in the file, from 1.
    pub(crate) number: usize,
    pub(crate) from: String,
    pub(crate) on: String,
    /// One of several outcomes.
    pub(crate) when: Option<String>,
    pub(crate) to: String,
    /// What may be said, in order.
    pub(crate) sends: Vec<String>,
    /// The other side broke the protocol.
    pub(crate) fault: bool,
}

impl Machine {
    /// Where it begins.
    pub(crate) fn initial(&self) -> &str {
        &self.initial
    }

    /// All transitions.
    pub(crate) fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// What comes of an event in a state; `when` says which outcome. A walk that the machine does not know is a mistake in its model.
    pub(crate) fn find(&self, from: &str, on: &str, when: Option<&str>) -> Result<&Atom, String> {
        let fits = |atom: &&Atom| atom.from == from && atom.on == on && atom.when.as_deref() == when;
        self.atoms
            .iter()
            .find(fits)
            .ok_or_else(|| format!("machine.toml has no `{on}` in `{from}` when {when:?}"))
    }

    fn split(&mut self) {
        for written in &self.transition {
            for from in &written.from {
                for on in &written.on {
                    self.atoms.push(Atom {
                        number: self.atoms.len() + 1,
                        from: from.clone(),
                        on: on.clone(),
                        when: written.when.clone(),
                        to: written.to.clone(),
                        sends: written.sends.clone(),
                        fault: written.fault,
                    });
                }
            }
        }
    }
}

impl Atom {
    /// In words.
    pub(crate) fn title(&self) -> String {
        let when = self.when.as_ref().map(|when| format!(" ({when})")).unwrap_or_default();
        let to = if self.from == self.to { "stays".to_owned() } else { format!("to `{}`", self.to) };
        let sends = match (self.sends.is_empty(), self.fault) {
            (false, _) => format!(", sends {}", self.sends.join(", ")),
            (true, true) => ", for it is a fault".to_owned(),
            (true, false) => String::new(),
        };
        format!("In `{}`, on `{}`{when}: {to}{sends}.", self.from, self.on)
    }
}

/// Both, read once.
pub(crate) fn machines() -> &'static Machines {
    static MACHINES: OnceLock<Machines> = OnceLock::new();
    MACHINES.get_or_init(|| {
        // The file is part of this program, so a test proves that it can be read.
        let mut machines: Machines = toml::from_str(FILE).unwrap_or_default();
        machines.client.split();
        machines.engine.split();
        machines
    })
}
