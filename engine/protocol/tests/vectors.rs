//! Replays the specification's vectors that concern the codec: `spec/vectors/{basic,replies,filters,ambiguous}.json`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests may

use event_engine_protocol::basic::{
    body_start, parse_publish_reply, parse_request, BadRequest, Reply, Request,
};
use event_engine_protocol::constants::{BAD_MSG, EVENT_MAX_BYTES, MSG_PUBLISHED, REQUEST_SOCKET_TYPES};
use event_engine_protocol::filter::{ambiguous, matches};
use serde_json::Value;
use std::path::Path;

/// Runs `test` on each vector of a file, which has to have some.
fn replay(file: &str, test: impl Fn(&str, &Value, &Value)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let vectors = json["vectors"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        test(vector["id"].as_str().unwrap(), &vector["given"], &vector["expect"]);
    }
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn frames(list: &Value) -> Vec<Vec<u8>> {
    list.as_array().unwrap().iter().map(bytes).collect()
}

fn reason(bad: &BadRequest) -> &'static str {
    match bad {
        BadRequest::Reserved => "reserved",
        BadRequest::MultiFrame { .. } => "multi-frame",
        BadRequest::TooLarge { .. } => "too-large",
    }
}

#[test]
fn basic_vectors_replay() {
    replay("basic.json", |id, given, expect| {
        let kind = expect["kind"].as_str().unwrap();
        let heard = given["socket_type"].as_str().is_some_and(|kind| REQUEST_SOCKET_TYPES.contains(&kind));
        assert_eq!(heard, kind != "not-heard", "{id}");
        if !heard {
            return;
        }
        let message = frames(&given["frames"]);
        let Some(start) = body_start(&message) else {
            assert_eq!(kind, "no-envelope", "{id}");
            return;
        };
        let (envelope, body) = message.split_at(start);
        let limit = given["event_max_bytes"].as_u64().map_or(EVENT_MAX_BYTES, |limit| limit as usize);
        let reply = match parse_request(body, limit) {
            Request::NextMsg => {
                assert_eq!(kind, "next-msg", "{id}");
                bytes(&expect["event"])
            }
            Request::Quit => {
                assert_eq!((kind, &expect["reply"]), ("quit", &Value::Null), "{id}");
                return;
            }
            Request::Publish => {
                assert_eq!((kind, body), ("publish", &[bytes(&expect["event"])][..]), "{id}");
                MSG_PUBLISHED.to_vec()
            }
            Request::Bad(bad) => {
                assert_eq!((kind, reason(&bad)), ("bad-msg", expect["reason"].as_str().unwrap()), "{id}");
                BAD_MSG.to_vec()
            }
        };
        assert_eq!([envelope, &[reply]].concat(), frames(&expect["reply"]), "{id}");
    });
}

#[test]
fn reply_vectors_replay() {
    replay("replies.json", |id, given, expect| {
        let expected = match expect["meaning"].as_str().unwrap() {
            "published" => Reply::Published,
            "bad-msg" => Reply::BadMsg,
            "other" => Reply::Other,
            unknown => panic!("{id}: {unknown}"),
        };
        assert_eq!(parse_publish_reply(&bytes(&given["reply"])), expected, "{id}");
    });
}

#[test]
fn filter_vectors_replay() {
    replay("filters.json", |id, given, expect| {
        let event = bytes(&given["event"]);
        let taken = frames(&given["filters"]).iter().any(|filter| matches(filter, &event));
        assert_eq!(u64::from(taken), expect["copies"].as_u64().unwrap(), "{id}");
    });
}

#[test]
fn ambiguity_vectors_replay() {
    replay("ambiguous.json", |id, given, expect| {
        let filters: Vec<((), Vec<u8>)> = frames(&given["filters"]).into_iter().map(|f| ((), f)).collect();
        let pairs: Vec<(usize, usize)> = serde_json::from_value(expect["pairs"].clone()).unwrap();
        assert_eq!(ambiguous(&filters), pairs, "{id}");
    });
}
