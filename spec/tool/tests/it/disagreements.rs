//! Disagreements among prose, registry, vectors and generated files.

use crate::copy::{Copy, BASIC, GENERATED_IN_SDKS, REGISTRY};
use event_engine_spec_tool::{check, generate, Options};
use std::fs;

#[test]
fn the_specification_agrees() {
    assert_eq!(Copy::new().problems(), Vec::<String>::new());
}

#[test]
fn generating_changes_nothing_that_is_up_to_date() {
    let copy = Copy::new();
    assert_eq!(generate(&copy.root).unwrap(), Vec::<String>::new());
}

#[test]
fn a_pending_test_is_an_error_unless_allowed() {
    let copy = Copy::new();
    copy.add_requirement("pending = [\"engine/tests/nowhere.rs::later\"]");
    assert_eq!(copy.problems(), Vec::<String>::new());
    let strict = check(&copy.root, Options::default()).problems;
    assert!(strict.iter().any(|problem| problem.text.contains("nowhere.rs::later is pending")), "{strict:?}");
}

#[test]
fn a_pending_test_that_exists_is_to_be_cited() {
    let copy = Copy::new();
    copy.add_requirement("pending = [\"engine/protocol/src/basic.rs::commands_are_exact\"]");
    copy.reports(REGISTRY, "move it to cases");
}

#[test]
fn stale_generated_files_are_reported() {
    let paths = ["engine/protocol/src/constants.rs", "pyevents/pyevents/_constants.py", "spec/grammar.abnf"];
    for path in paths.iter().chain(&GENERATED_IN_SDKS) {
        let copy = Copy::new();
        copy.edit(
            "spec/protocol.toml",
            "value = \"plugin_command: quit\"",
            "value = \"plugin_command: leave\"",
        );
        copy.reports(path, "not up to date");
    }
    Copy::new()
        .edit("engine/protocol/src/constants.rs", "134_217_728", "1")
        .reports("engine/protocol/src/constants.rs", "not up to date");
    Copy::new().remove("spec/grammar.abnf").reports("spec/grammar.abnf", "cannot be read");
    let short = Copy::new();
    short.write("spec/grammar.abnf", "").reports("spec/grammar.abnf", "its end is missing");
}

#[test]
fn a_stale_table_in_the_prose_is_reported() {
    Copy::new()
        .edit("spec/limits.md", "| 128 MiB |", "| 64 MiB |")
        .reports("spec/limits.md", "not up to date");
    Copy::new().edit("spec/limits.md", "<!-- end of limits -->", "").reports("spec/limits.md", "are missing");
}

#[test]
fn generating_repairs_what_is_stale() {
    let copy = Copy::new();
    copy.edit("spec/limits.md", "| 128 MiB |", "| 64 MiB |");
    copy.edit("spec/basic.md", "**[EE-BASIC-2]** An engine MUST", "**[EE-BASIC-2]** An engine may");
    assert_eq!(generate(&copy.root).unwrap(), ["spec/basic.md", "spec/limits.md"]);
    assert_eq!(copy.problems(), Vec::<String>::new());
}

#[test]
fn protocol_mistakes_are_reported() {
    let path = "spec/protocol.toml";
    Copy::new().edit(path, "name = \"QUIT\"", "name = \"NEXT_MSG\"").reports(path, "NEXT_MSG stands twice");
    Copy::new()
        .edit(path, "value = \"plugin_command: quit\"", "value = \"bell\\u0007\"")
        .reports(path, "printable ASCII");
    Copy::new().edit(path, "port = 5559", "port = 5559\ntext = \"5559\"").reports(path, "give one of");
    Copy::new().edit(path, "unit = \"bytes\"", "unit = \"stones\"").reports(path, "stones");
    Copy::new().edit(path, "[\"EE-LIMIT-2\"]", "[\"EE-LIMIT-99\"]").reports(path, "EE-LIMIT-99 is not in");
}

#[test]
fn prose_and_registry_name_the_same_requirements() {
    Copy::new()
        .edit("spec/basic.md", "**[EE-BASIC-3]**", "**[EE-BASIC-77]**")
        .reports("spec/basic.md", "EE-BASIC-77 is not in requirements.toml")
        .reports(REGISTRY, "EE-BASIC-3 is stated nowhere");
    Copy::new()
        .edit("spec/basic.md", "**[EE-BASIC-3]**", "**[EE-BASIC-2]**")
        .reports("spec/basic.md", "EE-BASIC-2 is stated before");
    Copy::new()
        .edit("spec/faults.md", "EE-BASIC-17", "EE-BASIC-170")
        .reports("spec/faults.md", "EE-BASIC-170 is not in");
}

#[test]
fn prose_and_registry_use_the_same_words() {
    Copy::new()
        .edit("spec/basic.md", "frame by frame unchanged", "unchanged")
        .reports("spec/basic.md", "EE-BASIC-2: the text differs");
    Copy::new()
        .edit(REGISTRY, "frame by frame unchanged", "unchanged")
        .reports("spec/basic.md", "EE-BASIC-2: the text differs");
}

#[test]
fn sources_that_cite_unknown_requirements_are_reported() {
    let copy = Copy::new();
    copy.write("engine/src/lib.rs", "//! Nothing.\n// EE-NOWHERE-1\n")
        .reports("engine/src/lib.rs", "EE-NOWHERE-1 is not in");
}

#[test]
fn ids_are_well_formed_unique_and_consecutive() {
    let id = |n: u32| format!("id = \"EE-BASIC-{n}\"");
    Copy::new()
        .edit(REGISTRY, &id(3), &id(2))
        .reports(REGISTRY, "EE-BASIC-2 stands twice")
        .reports(REGISTRY, "EE-BASIC-3 is missing");
    Copy::new().edit(REGISTRY, &id(3), "id = \"EE-basic-3\"").reports(REGISTRY, "an id has the form");
    Copy::new().edit(REGISTRY, &id(3), "id = \"EE-BASIC-03\"").reports(REGISTRY, "an id has the form");
}

#[test]
fn levels_texts_and_intents_are_checked() {
    Copy::new().edit(REGISTRY, "level = \"MUST\"", "level = \"MAY\"").reports(REGISTRY, "does not say MAY");
    Copy::new().edit(REGISTRY, "level = \"MUST\"", "level = \"SHALL\"").reports(REGISTRY, "SHALL");
    Copy::new().edit(REGISTRY, "text = \"", "text = \" ").reports(REGISTRY, "one line without spaces");
    Copy::new()
        .edit(REGISTRY, "\nintent = \"", "\nintent = \"\"\n# \"")
        .reports(REGISTRY, "the intent is empty");
    Copy::new().edit(REGISTRY, "intent = ", "purpose = ").reports(REGISTRY, "purpose");
}

#[test]
fn a_requirement_has_cases_or_a_reason() {
    Copy::new().edit(REGISTRY, "\nuntestable = ", "\n# ").reports(REGISTRY, "has neither cases nor a reason");
    Copy::new()
        .edit(REGISTRY, "\nuntestable = \"", "\nuntestable = \"\"\n# \"")
        .reports(REGISTRY, "the reason is empty");
    Copy::new()
        .edit(REGISTRY, "\nintent = ", "\nuntestable = \"too hard\"\nintent = ")
        .reports(REGISTRY, "called untestable and has cases");
}

#[test]
fn at_most_one_requirement_in_ten_is_untestable() {
    let copy = Copy::new();
    let mut registry = fs::read_to_string(copy.root.join(REGISTRY)).unwrap();
    for number in 1..40 {
        registry.push_str(&format!(
            "\n[[requirement]]\nid = \"EE-DREAM-{number}\"\nlevel = \"MUST\"\nrole = \"engine\"\n\
             text = \"It MUST.\"\nintent = \"Yes.\"\nuntestable = \"No.\"\n"
        ));
    }
    copy.write(REGISTRY, &registry).reports(REGISTRY, "at most one in 10");
}

#[test]
fn cases_exist() {
    let case = "\"test:engine/protocol/src/basic.rs::commands_are_exact\"";
    let with = |other: &str| {
        let copy = Copy::new();
        copy.edit(REGISTRY, case, other);
        copy
    };
    with("\"test:engine/protocol/src/basic.rs::commands_are\"")
        .reports(REGISTRY, "has no function commands_are");
    with("\"test:engine/protocol/src/none.rs::commands\"")
        .reports(REGISTRY, "there is no file engine/protocol/src/none.rs");
    with("\"test:engine/protocol/src/basic.rs\"").reports(REGISTRY, "has no ::<function>");
    with("\"looked at it\"").reports(REGISTRY, "is neither vector:<id> nor test:");
    with("\"vector:basic/nowhere\"").reports(REGISTRY, "there is no vector basic/nowhere");
    with("\"vector:basic/quit\"").reports(REGISTRY, "the vector basic/quit does not name this requirement");
}

#[test]
fn what_the_prose_cites_exists() {
    Copy::new()
        .edit("spec/threats.md", "`basic/not-heard-quit`", "`basic/not-heard-quits`")
        .reports("spec/threats.md", "there is no vector basic/not-heard-quits");
    Copy::new()
        .edit("spec/faults.md", "`basic/reserved-*`", "`basic/forbidden-*`")
        .reports("spec/faults.md", "there is no vector basic/forbidden-*");
    Copy::new()
        .edit("spec/faults.md", "`d_quit_closes_the_port`", "`d_quit_does`")
        .reports("spec/faults.md", "no requirement has the test d_quit_does");
}

#[test]
fn vectors_name_requirements_that_list_them() {
    let requirement = "\"requirements\": [\"EE-BASIC-2\", ";
    Copy::new()
        .edit(BASIC, requirement, "\"requirements\": [\"EE-BASIC-99\", ")
        .reports(BASIC, "basic/publish: EE-BASIC-99 is not in");
    Copy::new()
        .edit(BASIC, requirement, "\"requirements\": [\"EE-LIFE-1\", ")
        .reports(BASIC, "EE-LIFE-1 does not list vector:basic/publish");
}

#[test]
fn vector_ids_are_unique_and_name_their_file() {
    Copy::new()
        .edit(BASIC, "\"id\": \"basic/publish-empty\"", "\"id\": \"basic/publish\"")
        .reports(BASIC, "the id stands twice");
    Copy::new()
        .edit(BASIC, "\"id\": \"basic/publish\"", "\"id\": \"bus/other\"")
        .reports(BASIC, "does not begin with the name of its file");
}

#[test]
fn vectors_have_their_shape() {
    Copy::new().edit(BASIC, "\"class\": \"valid\"", "\"class\": \"fine\"").reports(BASIC, "fine");
    Copy::new().edit(BASIC, "\"comment\": \"A REQ", "\"remark\": \"A REQ").reports(BASIC, "remark");
    Copy::new().edit(BASIC, "6576742e68656c6c6f", "6576742E").reports(BASIC, "pairs of the digits");
    Copy::new().edit(BASIC, "6576742e68656c6c6f", "657").reports(BASIC, "pairs of the digits");
    Copy::new().edit(BASIC, "\"format\": 1", "\"format\": 2").reports(BASIC, "the format is 1");
    Copy::new().remove(BASIC).reports(BASIC, "cannot be read");
    Copy::new()
        .write("spec/vectors/other.json", "{}")
        .reports("spec/vectors/other.json", "no such kind of vectors");
}

#[test]
fn vectors_expect_what_the_protocol_says() {
    let expects = |file: &str, from: &str, to: &str| {
        let path = format!("spec/vectors/{file}.json");
        Copy::new().edit(&path, from, to).reports(&path, "expects");
    };
    expects("basic", "\"reason\": \"reserved\"", "\"reason\": \"too-large\"");
    expects("basic", "\"socket_type\": \"REQ\"", "\"socket_type\": \"PUSH\"");
    expects("basic", "\"event_max_bytes\": 4", "\"event_max_bytes\": 3");
    expects("bus", "\"kind\": \"not-heard\"", "\"kind\": \"refused\", \"reason\": \"multi-frame\"");
    expects("replies", "\"meaning\": \"published\"", "\"meaning\": \"other\"");
    expects("filters", "\"copies\": 0", "\"copies\": 1");
    expects("ambiguous", "[[0, 1]]", "[]");
    expects("wire", "00156576656e742d656e67696e653a20626164206d7367", "00016f");
}

#[test]
fn sequences_and_octets_are_replayed() {
    let path = "spec/vectors/sequences.json";
    Copy::new()
        .edit(path, "\"queued\": 2", "\"queued\": 3")
        .reports(path, "at the end (queued, waiting, finished) is");
    Copy::new()
        .edit(path, "{\"do\": \"receive\", \"client\": \"a\"", "{\"do\": \"receive\", \"client\": \"b\"")
        .reports(path, "step 2: client b gets None");
    let path = "spec/vectors/wire.json";
    Copy::new()
        .edit(path, "\"0100\", \"0009", "\"0100\", \"0008")
        .reports(path, "client: unit 2 is no greeting, command or frame");
    Copy::new()
        .edit(path, "\"0100\", \"0009", "\"0100\", \"0109")
        .reports(path, "the last message does not end");
}

#[test]
fn dead_links_are_reported() {
    Copy::new()
        .edit("spec/basic.md", "](grammar.abnf)", "](grammar.txt)")
        .reports("spec/basic.md", "the link to grammar.txt is dead");
    Copy::new()
        .edit("spec/basic.md", "implementers-guide.md#rules", "implementers-guide.md#laws")
        .reports("spec/basic.md", "has no such heading");
}

#[test]
fn decisions_and_errata_are_linked_and_numbered() {
    let decision = "spec/decisions/0007-baton-wake-ups.md";
    Copy::new()
        .edit("spec/README.md", "decisions/0007-baton-wake-ups.md", "decisions/0008-payload.md")
        .reports(decision, "spec/README.md does not link it");
    Copy::new()
        .edit(decision, "## Consequences", "## So")
        .reports(decision, "the heading `consequences` is missing");
    Copy::new().remove(decision).reports("spec/decisions/0008-payload.md", "0007- is expected here");
    Copy::new()
        .edit(REGISTRY, "decisions = [\"0006\"]", "decisions = [\"0066\"]")
        .reports(REGISTRY, "there is no decision 0066");
    Copy::new()
        .edit(REGISTRY, "errata = [\"E1\"]", "errata = [\"E99\"]")
        .reports(REGISTRY, "errata.md has no heading E99");
}

#[test]
fn every_disagreement_is_printed_at_once() {
    let copy = Copy::new();
    copy.edit("spec/basic.md", "](grammar.abnf)", "](grammar.txt)");
    copy.edit(BASIC, "\"format\": 1", "\"format\": 2");
    copy.edit(REGISTRY, "errata = [\"E1\"]", "errata = [\"E99\"]");
    copy.reports("spec/basic.md", "dead").reports(BASIC, "format").reports(REGISTRY, "E99");
}
