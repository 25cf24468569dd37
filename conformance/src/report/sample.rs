//! A made-up record with each verdict, each lane, both profiles, a pair, and text that wants to break out.

use std::collections::BTreeMap;

use crate::record::{
    CaseResult, Entry, Failure, Kill, Lane, MutantResult, Run, Subject, Summary, Verdict, FORMAT,
};
use crate::report::reading::Record;
use crate::report::words;

/// Markup, control characters, a turn of the direction of writing.
const WEIRD: &str = "</pre><script>alert(1)</script> ]]> & \"a|b\" `c` *d* \0\x1b[31m\u{202e}é€😀\u{ffff}";

/// The record.
pub(crate) fn record() -> Record {
    let cases = cases();
    let mut verdicts = BTreeMap::new();
    for result in &cases {
        *verdicts.entry(result.verdict).or_default() += 1;
    }
    let problems = vec!["known.toml: nothing is called basic/gone/1 any more".to_owned()];
    let summary = Summary { outcome: "fail".into(), verdicts, seconds: 12.5, problems };
    Record { run: run(), cases, mutants: mutants(), summary: Some(summary) }
}

/// The record as a file has it.
pub(crate) fn lines() -> String {
    record().lines().unwrap()
}

fn mutants() -> Vec<MutantResult> {
    let kill = |case: &str, verdict, rules: &[&str], why: &str, killed| Kill {
        case: case.into(),
        verdict,
        requirements: rules.iter().map(|&rule| rule.into()).collect(),
        why: why.into(),
        killed,
    };
    let mutant = |id: &str, title: &str, breaks: &[&str], cases: Vec<Kill>| MutantResult {
        mutant: id.into(),
        title: title.into(),
        breaks: breaks.iter().map(|&rule| rule.into()).collect(),
        killed: cases.iter().all(|kill| kill.killed),
        cases,
    };
    let quits = "expected the end of the connection, observed a message (line 5: a closed)";
    vec![
        mutant(
            "engine/quit-answered",
            "answers quit",
            &["EE-BASIC-7"],
            vec![kill("basic/letters/2", Verdict::Fail, &["EE-BASIC-7"], quits, true)],
        ),
        mutant(
            "engine/weird",
            WEIRD,
            &["EE-BASIC-2", concat!("EE-", "GONE-1")],
            vec![
                kill("basic/gone/1@basic", Verdict::Pass, &[], "", false),
                kill("basic/letters/2", Verdict::Fail, &["EE-BASIC-12"], WEIRD, false),
            ],
        ),
        mutant(
            "fraud/client/hang",
            "answers nothing",
            &[],
            vec![kill(
                "basic/letters/2",
                Verdict::Fail,
                &["EE-BASIC-12"],
                "expected an answer, observed none",
                true,
            )],
        ),
    ]
}

fn run() -> Run {
    Run {
        format: FORMAT,
        started: "2026-01-02T03:04:05Z".into(),
        harness: "0.3.0".into(),
        arguments: vec!["run".into(), "--sdk".into(), "go".into(), "--sdk".into(), "rust".into()],
        folder: None,
        seed: 42,
        time_scale: 1.0,
        subjects: vec![
            subject("engine", "engine", "rust", None),
            subject("go", "sdk", "go1.26", None),
            subject("rust", "sdk", "rust", None),
            subject("c", "client", "c", Some("it did not connect within 5 s: <no> `such` | file")),
        ],
        machine: "Linux x86_64, 2 processors".into(),
    }
}

fn subject(key: &str, role: &str, language: &str, broken: Option<&str>) -> Subject {
    let is_broken = broken.is_some();
    let list = |words: &[&str]| words.iter().filter(|_| !is_broken).map(|&word| word.to_owned()).collect();
    Subject {
        key: key.into(),
        role: role.into(),
        name: if is_broken { String::new() } else { format!("event-engine-{key}") },
        version: if is_broken { String::new() } else { "0.3.0".into() },
        language: language.into(),
        profiles: list(&["basic", "session"]),
        features: list(&["batch", "iterate"]),
        libraries: if is_broken { BTreeMap::new() } else { [("libzmq".into(), "4.3.5".into())].into() },
        broken: broken.map(str::to_owned),
    }
}

fn cases() -> Vec<CaseResult> {
    let passed = |case: &str, subject: &str, rules: &[&str]| result(case, &[subject], rules, Verdict::Pass);
    let failed = CaseResult {
        failure: Some(Failure {
            step: 7,
            text: "engine answers \"Event-Engine: 200 OK\"".into(),
            requirements: vec!["EE-BASIC-12".into()],
            blame: "client".into(),
            expected: "one message, 16 bytes: `plugin_command: quit`".into(),
            observed: format!("2 messages:\n{WEIRD}"),
        }),
        ms: 5_250,
        transcript: {
            let mut transcript = transcript(90);
            transcript.push(entry(90, "engine", "client", "message", WEIRD));
            transcript
        },
        output: Some(format!("warning: {WEIRD}\n```\nsecond line\n")),
        ..result("basic/letters/10@basic", &["go"], &["EE-BASIC-2", "EE-BASIC-12"], Verdict::Fail)
    };
    vec![
        passed("basic/letters/2", "engine", &["EE-BASIC-12"]),
        CaseResult { lane: Lane::HostileClient, ..passed("session/hello/1", "engine", &["EE-SESSION-9"]) },
        passed("basic/letters/2", "go", &["EE-BASIC-12"]),
        passed("basic/letters/2", "rust", &["EE-BASIC-12"]),
        failed,
        CaseResult { ms: 71, ..passed("basic/letters/10@basic", "rust", &["EE-BASIC-2", "EE-BASIC-12"]) },
        CaseResult {
            reason: Some("until the next version: issue in its | parser".into()),
            failure: Some(Failure {
                step: 3,
                text: "client has event \"a:1\"".into(),
                requirements: Vec::new(),
                blame: "engine".into(),
                expected: "event a:1".into(),
                observed: "no event within 200 ms".into(),
            }),
            ..result("session/credit/1@session", &["go"], &["EE-SESSION-21"], Verdict::KnownFail)
        },
        CaseResult {
            reason: Some("the ledger says: it crashes".into()),
            ..result("session/credit/1@session", &["rust"], &["EE-SESSION-21"], Verdict::UnexpectedPass)
        },
        CaseResult {
            lane: Lane::HostileEngine,
            attempts: 2,
            failure: Some(Failure {
                step: 2,
                text: "client connects".into(),
                requirements: vec!["EE-SDK-2".into()],
                blame: "nobody known".into(),
                expected: "a connection".into(),
                observed: "none within 5000 ms".into(),
            }),
            ..result("sdk/endpoint/1", &["rust"], &["EE-SDK-2"], Verdict::Flaky)
        },
        CaseResult {
            reason: Some("it has no feature `cancel`".into()),
            transcript: Vec::new(),
            ms: 0,
            ..result("sdk/cancel/1", &["go"], &["EE-SDK-9"], Verdict::NotApplicable)
        },
        CaseResult {
            reason: Some("no second network: <lo> only".into()),
            lane: Lane::MiniEngine,
            transcript: Vec::new(),
            ms: 0,
            ..result("sdk/route/1", &["go"], &["EE-SDK-3"], Verdict::CouldNotRun)
        },
        CaseResult {
            reason: Some("the case sends what no letter stands for".into()),
            ..result("sdk/route/2", &["rust"], &["EE-SDK-3"], Verdict::HarnessError)
        },
        CaseResult {
            lane: Lane::Pair,
            ..result("pair/exchange/1@session", &["go", "rust"], &["EE-ENVELOPE-1"], Verdict::Pass)
        },
        CaseResult {
            lane: Lane::Pair,
            ..result("pair/exchange/1@session", &["rust", "go"], &["EE-ENVELOPE-1"], Verdict::Pass)
        },
    ]
}

fn result(case: &str, subjects: &[&str], requirements: &[&str], verdict: Verdict) -> CaseResult {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    CaseResult {
        case: case.into(),
        title: format!("The case {} keeps what it says", words::area(case)),
        lane: Lane::ClientEngine,
        subjects: owned(subjects),
        requirements: owned(requirements),
        verdict,
        ms: 12,
        attempts: 1,
        reason: None,
        failure: None,
        reproduce: format!("conformance run --case '{case}' --subject {}", subjects.join("+")),
        transcript: transcript(3),
        output: None,
    }
}

fn transcript(count: u64) -> Vec<Entry> {
    let one = |number| match number % 3 {
        0 => entry(number, "harness", "", "step", "client publishes \"a:1\""),
        1 => entry(number, "harness", "client", "command", "publish client=c data=\"a:1\""),
        _ => entry(number, "client", "engine", "message", &format!("[\"\" \"a:{number}\"]")),
    };
    (0..count).map(one).collect()
}

fn entry(number: u64, from: &str, to: &str, kind: &str, text: &str) -> Entry {
    Entry { us: number * 1_234, from: from.into(), to: to.into(), kind: kind.into(), text: text.into() }
}
