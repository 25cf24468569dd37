//! Replays `spec/vectors/session-headers.json`, `session-batches.json` and `session-client.json`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests may

use std::path::Path;

use bytes::Bytes;
use event_engine_protocol::constants::{COMMAND_PREFIX, REPLY_PREFIX};
use event_engine_protocol::session::batch::unpack;
use event_engine_protocol::session::client::{ClientSession, Failure, Output};
use event_engine_protocol::session::header::Header;
use event_engine_protocol::session::message::{SessionId, ToClient, ToEngine};
use serde_json::Value;

fn vectors(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let Value::Object(mut file) = serde_json::from_str(&text).unwrap() else { panic!("no object") };
    let vectors = file.remove("vectors").unwrap().as_array().unwrap().clone();
    assert!(!vectors.is_empty());
    vectors
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn frames(value: &Value) -> Vec<Bytes> {
    value.as_array().unwrap().iter().map(|frame| unhex(frame).into()).collect()
}

/// A message of that header with as many frames as its verb takes; `Err` is the code.
fn understood(from: &str, header: &[u8]) -> Result<(), String> {
    let (one, two) = ([header], [header, b""]);
    let takes_payload = |error: &str| error == "bad-command";
    let code = if from == "client" {
        match ToEngine::parse(&one).map(|_| ()) {
            Err(error) if takes_payload(error.code().as_str()) => ToEngine::parse(&two).map(|_| ()),
            result => result,
        }
    } else {
        match ToClient::parse(&one).map(|_| ()) {
            Err(error) if takes_payload(error.code().as_str()) => ToClient::parse(&two).map(|_| ()),
            result => result,
        }
    };
    code.map_err(|error| error.code().to_string())
}

#[test]
fn headers() {
    for vector in vectors("session-headers.json") {
        let (given, expect) = (&vector["given"], &vector["expect"]);
        let id = vector["id"].as_str().unwrap();
        let from = given["from"].as_str().unwrap();
        let bytes = unhex(&given["header"]);
        let result = understood(from, &bytes);
        if let Some(code) = expect["error"].as_str() {
            assert_eq!(result, Err(code.to_owned()), "{id}");
            continue;
        }
        assert_eq!(result, Ok(()), "{id}");
        let prefix = if from == "client" { COMMAND_PREFIX } else { REPLY_PREFIX };
        let header = Header::parse(prefix, &bytes).unwrap();
        assert_eq!(header.verb(), expect["verb"].as_str().unwrap(), "{id}");
        for (key, value) in expect["keys"].as_object().unwrap() {
            let given = header.get(key).unwrap_or_else(|| panic!("{id}: {key}"));
            match value {
                Value::Number(number) => assert_eq!(given.integer(), number.as_u64(), "{id}: {key}"),
                text => assert_eq!(given.text(), text.as_str().unwrap(), "{id}: {key}"),
            }
        }
    }
}

#[test]
fn batches() {
    for vector in vectors("session-batches.json") {
        let (given, expect) = (&vector["given"], &vector["expect"]);
        let id = vector["id"].as_str().unwrap();
        let mut payload = unhex(&given["payload"]);
        payload.resize(payload.len() + given["zeros"].as_u64().unwrap_or(0) as usize, 0);
        let events: Result<Vec<&[u8]>, String> = match given["count"].as_u64() {
            None => Ok(vec![&payload]),
            Some(count) => unpack(&payload, count).map(Iterator::collect).map_err(|e| e.code().to_string()),
        };
        match expect["error"].as_str() {
            Some(code) => assert_eq!(events, Err(code.to_owned()), "{id}"),
            None => {
                let expected: Vec<Vec<u8>> = expect["events"].as_array().unwrap().iter().map(unhex).collect();
                assert_eq!(events.unwrap(), expected, "{id}");
            }
        }
    }
}

/// What the session wants to send, in hex as the vectors have it.
fn sends(session: &mut ClientSession) -> Vec<Vec<String>> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    std::iter::from_fn(|| session.output())
        .map(|Output { header, payload }| {
            std::iter::once(hex(&header)).chain(payload.map(|payload| hex(&payload))).collect()
        })
        .collect()
}

/// Too large an event of the call, and nothing of it is queued.
fn publish(session: &mut ClientSession, events: &[Bytes]) -> Result<(), Failure> {
    for event in events {
        session.may_publish(event.len())?;
    }
    for event in events {
        session.queue(event);
    }
    session.emit();
    Ok(())
}

#[test]
fn client() {
    let mut failed = Vec::new();
    for vector in vectors("session-client.json") {
        let id = vector["id"].as_str().unwrap().to_owned();
        if let Err(panic) = std::panic::catch_unwind(|| replay_client(&vector)) {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            failed.push(format!("{id}: {text}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn replay_client(vector: &Value) {
    let given = &vector["given"];
    let id = SessionId::parse(given["session"].as_str().unwrap().as_bytes()).unwrap();
    let mut session =
        ClientSession::new(id, given["client"].as_str().unwrap(), given["window"].as_u64().unwrap());
    for (number, step) in given["steps"].as_array().unwrap().iter().enumerate() {
        let at = format!("step {number}: {step}");
        let mut event = None;
        let mut raised = None;
        match step["do"].as_str().unwrap() {
            "connected" => session.connected(),
            "disconnected" => session.disconnected(),
            "receive" => {
                let ended = session.failure().is_some();
                session.received(&frames(&step["frames"]));
                raised = session.failure().filter(|_| !ended).cloned();
            }
            "publish" => raised = publish(&mut session, &frames(&step["events"])).err(),
            "next" => match session.next() {
                Ok(next) => event = next,
                Err(failure) => raised = Some(failure),
            },
            "quit" => raised = session.quit().err(),
            "close" => session.close(),
            other => panic!("unknown step {other}"),
        }
        let expected: Vec<Vec<String>> =
            step.get("sends").map(|sends| serde_json::from_value(sends.clone()).unwrap()).unwrap_or_default();
        assert_eq!(sends(&mut session), expected, "{at}");
        if let Some(expected) = step.get("event") {
            match event {
                None => assert!(expected.is_null(), "no event: {at}"),
                Some(event) => {
                    assert_eq!(event.data, unhex(&expected["data"]), "{at}");
                    assert_eq!(event.sequence, expected["sequence"].as_u64().unwrap(), "{at}");
                    assert_eq!(event.redelivered, expected["redelivered"].as_bool().unwrap(), "{at}");
                }
            }
        }
        if let Some(state) = step.get("state") {
            assert_eq!(session.state().name(), state.as_str().unwrap(), "{at}");
        }
        if let Some(settled) = step.get("settled") {
            assert_eq!(session.settled(), settled.as_u64().unwrap(), "{at}");
        }
        if let Some(unsettled) = step.get("unsettled") {
            let expected: Vec<u64> = serde_json::from_value(unsettled.clone()).unwrap();
            let actual = session.unsettled().map(|(first, last)| vec![first, last]).unwrap_or_default();
            assert_eq!(actual, expected, "{at}");
        }
        let raised = raised.map(|failure| match failure {
            Failure::Closed { .. } => ("closed", None),
            Failure::Rejected { code, .. } => ("rejected", Some(code)),
            Failure::Protocol { .. } => ("protocol", None),
        });
        let expected = step
            .get("error")
            .map(|error| (error["kind"].as_str().unwrap(), error["code"].as_str().map(str::to_owned)));
        assert_eq!(raised, expected, "{at}");
    }
}
