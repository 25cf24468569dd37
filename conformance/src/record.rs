//! What a run leaves behind: one JSON object a line, first a [`Run`], then a [`CaseResult`] for each executed case, at the end a
//! [`Summary`]. All reports are made from these lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Version of this form.
pub(crate) const FORMAT: u32 = 1;

/// One line of a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The first one.
    Run(Run),
    /// One for each case and subject.
    Case(CaseResult),
    /// One for each mutant of a self-test.
    Mutant(MutantResult),
    /// The last one; a record without it was cut short.
    Summary(Summary),
}

/// What was run, where and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// When it began: RFC 3339, UTC, seconds.
    pub(crate) started: String,
    /// Version of this program, and of the specification it holds.
    pub(crate) harness: String,
    /// The command line's arguments.
    pub(crate) arguments: Vec<String>,
    /// Where it ran: the command line may name files from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    /// Seed of everything random.
    pub(crate) seed: u64,
    /// All deadlines are multiplied by it.
    pub(crate) time_scale: f64,
    /// What is under test.
    pub(crate) subjects: Vec<Subject>,
    /// Operating system, processors.
    pub(crate) machine: String,
}

/// One client library or engine under test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// The name by which the run calls it: `go`, `engine`, `adapter`.
    pub(crate) key: String,
    /// `sdk`, `client` or `engine`.
    pub(crate) role: String,
    /// Its own name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its language.
    pub(crate) language: String,
    /// Its profiles.
    pub(crate) profiles: Vec<String>,
    /// Its features.
    pub(crate) features: Vec<String>,
    /// Names and versions of libraries.
    pub(crate) libraries: BTreeMap<String, String>,
    /// Why it could not be started; nothing ran then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) broken: Option<String>,
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Every step went as the specification says.
    Pass,
    /// A step did not.
    Fail,
    /// It failed, as the ledger of known failures says it does.
    KnownFail,
    /// It passed, though the ledger of known failures says that it fails.
    UnexpectedPass,
    /// It failed, and passed when it was tried again.
    Flaky,
    /// The subject lacks an optional part that the case is about.
    NotApplicable,
    /// Something that the case needs beside the subject is missing.
    CouldNotRun,
    /// The harness or a case is wrong.
    HarnessError,
}

/// Between whom a case plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lane {
    /// A client library and an engine.
    ClientEngine,
    /// A client library and a scripted peer that writes raw ZMTP.
    HostileEngine,
    /// Scripted peers that write raw ZMTP, and an engine.
    HostileClient,
    /// Two client libraries through an engine.
    Pair,
    /// A client library and the second, tiny engine.
    MiniEngine,
}

impl Lane {
    /// As the command line and the record call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClientEngine => "client-engine",
            Self::HostileEngine => "hostile-engine",
            Self::HostileClient => "hostile-client",
            Self::Pair => "pair",
            Self::MiniEngine => "mini-engine",
        }
    }
}

/// One case with one subject (two in a pair).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CaseResult {
    /// The case's id, such as `basic/quit/1`; with `@basic` or `@session` behind it where it runs in several profiles.
    pub(crate) case: String,
    /// One sentence.
    pub(crate) title: String,
    /// Between whom.
    pub(crate) lane: Lane,
    /// Keys of the subjects.
    pub(crate) subjects: Vec<String>,
    /// The requirements that it tests.
    pub(crate) requirements: Vec<String>,
    /// What became of it.
    pub(crate) verdict: Verdict,
    /// How long it took.
    pub(crate) ms: u64,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// Why it is not applicable or could not run, or what the ledger of known failures says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
    /// The command line that runs just this again.
    pub(crate) reproduce: String,
    /// What was said, in order.
    pub(crate) transcript: Vec<Entry>,
    /// What the subject printed, at most 4 KiB of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MutantResult {
    /// Its id: `client/…`, `engine/…`, or `fraud/…`.
    pub(crate) mutant: String,
    /// What is wrong with it.
    pub(crate) title: String,
    /// The requirements that it breaks; of a fraud, none.
    pub(crate) breaks: Vec<String>,
    /// Whether every case that it names failed for that reason.
    pub(crate) killed: bool,
    /// The cases, and what became of each.
    pub(crate) cases: Vec<Kill>,
}

/// What a case did to a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kill {
    /// The case.
    pub(crate) case: String,
    /// Its verdict of the mutant.
    pub(crate) verdict: Verdict,
    /// The requirements that the failing step names.
    pub(crate) requirements: Vec<String>,
    /// What was expected and observed.
    pub(crate) why: String,
    /// It failed, and because of what the mutant breaks.
    pub(crate) killed: bool,
}

/// What went wrong in a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The step's line in the case, from 1.
    pub(crate) step: usize,
    /// The step as it stands in the case.
    pub(crate) text: String,
    /// The requirements that are broken.
    pub(crate) requirements: Vec<String>,
    /// Who broke them: `client`, `engine`, or `nobody known`.
    pub(crate) blame: String,
    /// What the specification has there.
    pub(crate) expected: String,
    /// What came.
    pub(crate) observed: String,
}

/// One thing said by somebody to somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Microseconds since the case's begin.
    pub(crate) us: u64,
    /// Who: `harness`, `client`, `engine`, or a raw connection's name.
    pub(crate) from: String,
    /// To whom.
    pub(crate) to: String,
    /// `command` and `answer` of the adapter protocol, `message` of ZMTP, `link` (connected, closed), `bytes`, `step`, `note`.
    pub(crate) kind: String,
    /// Decoded, one line.
    pub(crate) text: String,
}

/// The end of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// `pass`, `fail`, `incomplete` (something could not run), `error` (of the harness), `empty` (nothing ran).
    pub(crate) outcome: String,
    /// How many cases for each verdict.
    pub(crate) verdicts: BTreeMap<Verdict, u64>,
    /// How long the run took.
    pub(crate) seconds: f64,
    /// Problems that belong to no case, such as a stale entry in the ledger of known failures.
    pub(crate) problems: Vec<String>,
}
