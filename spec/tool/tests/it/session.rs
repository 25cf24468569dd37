//! Disagreements about the session profile: states, headers, steps.

use crate::copy::Copy;

const MACHINE: &str = "spec/machine.toml";
const PROTOCOL: &str = "spec/protocol.toml";

#[test]
fn states_can_be_reached_and_left() {
    let state = "[[client.state]]\nname = \"dreaming\"\ndoc = \"-\"\n\n";
    let verbs = "[\"welcome\", \"ok\", \"events\", \"published\", \"ping\", \"stop\", \"bye\", \"error\"]";
    let stays = format!("[[client.transition]]\nfrom = [\"dreaming\"]\non = {verbs}\nto = \"dreaming\"\n\n");
    let event = "[[client.event]]";
    let transition = "[[client.transition]]";
    let copy = Copy::new();
    copy.edit(MACHINE, event, &format!("{state}{event}"));
    copy.edit(MACHINE, transition, &format!("{stays}{transition}"));
    copy.reports(MACHINE, "dreaming cannot be reached").reports(MACHINE, "dreaming cannot be left for good");
}

#[test]
fn every_verb_is_handled_once_in_every_state() {
    Copy::new()
        .edit(MACHINE, "on = [\"welcome\", \"ok\", \"bye\"]", "on = [\"welcome\", \"ok\"]")
        .reports(MACHINE, "running: what follows from bye is not said");
    Copy::new()
        .edit(MACHINE, "on = [\"welcome\", \"ok\", \"bye\"]", "on = [\"welcome\", \"ok\", \"bye\", \"stop\"]")
        .reports(MACHINE, "stop in running has two outcomes under the same condition");
    Copy::new()
        .edit(PROTOCOL, "name = \"bye\"", "name = \"farewell\"")
        .reports(MACHINE, "what follows from farewell is not said")
        .reports(MACHINE, "bye is neither an event nor a verb of the other side");
}

#[test]
fn machines_use_names_that_exist() {
    Copy::new()
        .edit(MACHINE, "to = \"syncing\"", "to = \"sinking\"")
        .reports(MACHINE, "there is no state sinking");
    Copy::new()
        .edit(MACHINE, "initial = \"connecting\"", "initial = \"born\"")
        .reports(MACHINE, "there is no state born");
    Copy::new()
        .edit(MACHINE, "sends = [\"hello\"]", "sends = [\"welcome\"]")
        .reports(MACHINE, "welcome is no verb of this side");
    Copy::new()
        .edit(MACHINE, "on = [\"grace over\"]", "on = [\"connected\"]")
        .reports(MACHINE, "connected in connecting has two outcomes");
    Copy::new()
        .edit(MACHINE, "name = \"silence\"", "name = \"noise\"")
        .reports(MACHINE, "noise has no outcome")
        .reports(MACHINE, "silence is neither an event nor a verb");
}

#[test]
fn tables_and_diagrams_follow_their_sources() {
    Copy::new()
        .edit(MACHINE, "doc = \"There is no connection.\"", "doc = \"Alone.\"")
        .reports("spec/session.md", "not up to date");
    Copy::new()
        .edit(PROTOCOL, "the event limit\"", "the largest event\"")
        .reports("spec/session.md", "not up to date");
}

#[test]
fn verbs_and_codes_are_unique_and_well_formed() {
    Copy::new()
        .edit(PROTOCOL, "name = \"pong\"", "name = \"quit\"")
        .reports(PROTOCOL, "VERB_QUIT stands twice");
    Copy::new()
        .edit(PROTOCOL, "name = \"window\"", "name = \"Window\"")
        .reports(PROTOCOL, "a word of headers");
    Copy::new()
        .edit(PROTOCOL, "{ name = \"upto\"", "{ name = \"up_to\"")
        .reports(PROTOCOL, "a word of headers");
    Copy::new().edit(PROTOCOL, "{ name = \"upto\"", "{ name = \"seq\"").reports(PROTOCOL, "seq stands twice");
}

#[test]
fn headers_and_batches_are_read() {
    let expects = |file: &str, from: &str, to: &str| {
        let path = format!("spec/vectors/{file}.json");
        Copy::new().edit(&path, from, to).reports(&path, "expects");
    };
    expects("session-headers", "\"bad-command\"", "\"bad-param\"");
    expects("session-headers", "\"version\": 1,", "\"version\": 2,");
    expects("session-headers", "{\"verb\": \"ready\", \"keys\": {}}", "{\"error\": \"bad-command\"}");
    expects("session-batches", "{\"error\": \"too-large\"}", "{\"error\": \"bad-param\"}");
    expects("session-batches", "{\"count\": 1, ", "{\"count\": 2, ");
    let path = "spec/vectors/session-headers.json";
    Copy::new()
        .edit(PROTOCOL, "name = \"upto\", kind = \"integer\"", "name = \"upto\", kind = \"flag\"")
        .reports(path, "protocol.toml and the protocol crate disagree");
}

#[test]
fn steps_have_their_shape() {
    let client = "spec/vectors/session-client.json";
    Copy::new()
        .edit(client, "{\"do\": \"next\", \"event\"", "{\"do\": \"quit\", \"event\"")
        .reports(client, "next event");
    Copy::new().edit(client, "\"do\": \"close\"", "\"do\": \"vanish\"").reports(client, "vanish");
    Copy::new().edit(client, "\"unsettled\": [1, 1]", "\"unsettled\": [1]").reports(client, "first and last");
    Copy::new().edit(client, "\"state\": \"syncing\"", "\"state\": \"sinking\"").reports(client, "sinking");
    let engine = "spec/vectors/session-engine.json";
    Copy::new()
        .edit(engine, "{\"do\": \"gone\"", "{\"do\": \"open\"")
        .reports(engine, "too little or too much");
    Copy::new().edit(engine, "\"queued\": 0", "\"waiting\": 0").reports(engine, "waiting");
    let envelope = "spec/vectors/envelope.json";
    Copy::new()
        .edit(envelope, "\"filter-mismatch\"", "\"malformed\"")
        .reports(envelope, "filter-mismatch is for");
}

#[test]
fn a_clients_vectors_walk_along_all_transitions() {
    Copy::new()
        .edit(MACHINE, "sends = [\"pong\"]\n", "")
        .reports("spec/vectors/session-client.json", "machine.toml has no such outcome of ping in");
    let transition = "[[client.transition]]";
    let added = "from = [\"running\"]\non = [\"ping\"]\nwhen = \"it is late\"\nto = \"greeting\"\n";
    Copy::new()
        .edit(MACHINE, transition, &format!("{transition}\n{added}\n{transition}"))
        .reports(MACHINE, "no vector of session-client.json goes along ping (it is late) in running");
}
