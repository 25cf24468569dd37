//! Properties of the session codec on arbitrary input.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests may

use event_engine_protocol::constants::{COMMAND_PREFIX, REPLY_PREFIX};
use event_engine_protocol::session::batch::{unpack, Batch};
use event_engine_protocol::session::header::{Header, HeaderError, INTEGER_MAX};
use event_engine_protocol::session::message::{SessionId, ToClient, ToEngine, Welcome};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Headers that are legal, nearly legal, or any bytes.
fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(" ".to_owned()),
        Just("=".to_owned()),
        Just("%".to_owned()),
        Just("%4".to_owned()),
        Just("%c3%A9".to_owned()),
        Just("events".to_owned()),
        Just("publish".to_owned()),
        "[a-z][a-z0-9-]{0,5}",
        " (seq|count|id|upto|redelivered)=[0-9]{1,20}",
        "[ -~]{0,6}",
    ];
    let text = (any::<bool>(), vec(part, 0..12)).prop_map(|(client, parts)| {
        let prefix = if client { COMMAND_PREFIX } else { REPLY_PREFIX };
        [prefix, parts.concat().as_bytes()].concat()
    });
    prop_oneof![4 => text, 1 => vec(any::<u8>(), 0..1100)]
}

fn integer() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1), 1..100u64, 1..=INTEGER_MAX, Just(INTEGER_MAX)]
}

fn to_engine() -> impl Strategy<Value = ToEngine<'static>> {
    prop_oneof![
        (integer(), any::<u128>(), ".{0,60}").prop_map(|(version, id, client)| ToEngine::Hello {
            version,
            session: SessionId(id),
            client: client.into()
        }),
        Just(ToEngine::Ready),
        (integer(), integer()).prop_map(|(seq, upto)| ToEngine::Ack { seq, upto }),
        (integer(), option::of(integer())).prop_map(|(id, count)| ToEngine::Publish { id, count }),
        Just(ToEngine::Pong),
        Just(ToEngine::Quit),
    ]
}

fn to_client() -> impl Strategy<Value = ToClient<'static>> {
    let welcome = (integer(), ".{0,60}", ".{0,60}", any::<bool>(), integer(), integer()).prop_map(
        |(version, engine, plugin, resumed, received, limit)| {
            ToClient::Welcome(Welcome {
                version,
                engine: engine.into(),
                plugin: plugin.into(),
                resumed,
                received,
                max_event_bytes: limit,
                publish_window: limit,
                publish_window_bytes: 0,
                ping_ms: 1,
                grace_ms: limit,
            })
        },
    );
    prop_oneof![
        welcome,
        Just(ToClient::Ok),
        (integer(), option::of(integer()), any::<bool>(), option::of(integer()))
            .prop_map(|(seq, count, redelivered, order)| ToClient::Events { seq, count, redelivered, order }),
        integer().prop_map(|id| ToClient::Published { id }),
        Just(ToClient::Ping),
        ".{0,60}".prop_map(|reason| ToClient::Stop { reason: reason.into() }),
        Just(ToClient::Bye),
        (".{0,60}", option::of(integer()), option::of("[0-9,]{1,9}")).prop_map(|(code, id, versions)| {
            ToClient::Error { code: code.into(), id, versions: versions.map(Into::into) }
        }),
    ]
}

proptest! {
    #[test]
    fn arbitrary_headers_do_not_panic(bytes in header_bytes(), second in vec(any::<u8>(), 0..9)) {
        for prefix in [COMMAND_PREFIX, REPLY_PREFIX] {
            if let Ok(header) = Header::parse(prefix, &bytes) {
                // What was accepted is made of exactly these parts.
                let mut again = [prefix, header.verb().as_bytes()].concat();
                for (key, value) in header.params() {
                    prop_assert_eq!(header.get(key), Some(value));
                    let (_, _) = (value.text(), value.integer());
                    again.push(b' ');
                    again.extend_from_slice(key.as_bytes());
                    again.push(b'=');
                    let at = again.len();
                    let wire = &bytes[at..];
                    let end = wire.iter().position(|b| *b == b' ').unwrap_or(wire.len());
                    again.extend_from_slice(&wire[..end]);
                }
                prop_assert_eq!(again, bytes.clone());
            }
        }
        for frames in [vec![], vec![bytes.clone()], vec![bytes.clone(), second.clone()], vec![bytes, second.clone(), second]] {
            for error in [ToEngine::parse(&frames).err(), ToClient::parse(&frames).err()].into_iter().flatten() {
                prop_assert!(!error.to_string().is_empty());
                prop_assert!(["bad-command", "bad-param"].contains(&error.code().as_str()));
            }
        }
    }

    #[test]
    fn what_a_client_writes_the_engine_reads(message in to_engine()) {
        let mut frames = vec![Vec::new()];
        message.write(&mut frames[0]);
        prop_assert!(frames[0].len() <= 1024);
        if matches!(message, ToEngine::Publish { .. }) {
            frames.push(b"payload".to_vec());
        }
        prop_assert_eq!(ToEngine::parse(&frames).unwrap(), message);
        prop_assert!(ToClient::parse(&frames).is_err());
        frames.push(Vec::new());
        let code = ToEngine::parse(&frames).unwrap_err().code();
        prop_assert_eq!(code.as_str(), "bad-command");
    }

    #[test]
    fn what_an_engine_writes_the_client_reads(message in to_client()) {
        let mut frames = vec![Vec::new()];
        message.write(&mut frames[0]);
        prop_assert!(frames[0].len() <= 1024);
        if matches!(message, ToClient::Events { .. } | ToClient::Error { .. }) {
            frames.push(Vec::new());
        }
        prop_assert_eq!(ToClient::parse(&frames).unwrap(), message);
    }

    #[test]
    fn texts_of_any_length_leave_a_legal_header(text in ".{0,400}", times in 1usize..20) {
        let text = text.repeat(times);
        let mut frames = vec![Vec::new()];
        ToClient::Stop { reason: text.clone().into() }.write(&mut frames[0]);
        prop_assert!(frames[0].len() <= 1024);
        let ToClient::Stop { reason } = ToClient::parse(&frames).unwrap() else { panic!("{frames:?}") };
        prop_assert!(text.starts_with(&*reason));
    }

    #[test]
    fn a_batch_holds_what_was_pushed(events in vec(vec(any::<u8>(), 0..300), 1..400)) {
        let mut batch = Batch::new();
        let mut pushed = 0;
        for event in &events {
            if !batch.push(event) {
                break;
            }
            pushed += 1;
        }
        prop_assert!(pushed == events.len() || batch.payload().len() + 4 + events[pushed].len() > 65536);
        prop_assert_eq!(batch.len(), pushed as u64);
        match batch.count() {
            None => prop_assert_eq!(batch.payload(), &events[0][..]),
            Some(count) => {
                let unpacked: Vec<&[u8]> = unpack(batch.payload(), count).unwrap().collect();
                prop_assert_eq!(unpacked, events[..pushed].iter().map(Vec::as_slice).collect::<Vec<_>>());
                prop_assert!(unpack(batch.payload(), count - 1).is_err());
                prop_assert!(unpack(batch.payload(), count + 1).is_err());
                let cut = &batch.payload()[..batch.payload().len() - 1];
                prop_assert!(unpack(cut, count).is_err());
            }
        }
    }

    #[test]
    fn arbitrary_payloads_do_not_panic(payload in vec(prop_oneof![Just(0u8), 0..8u8, any::<u8>()], 0..200), count in any::<u64>(), small in 0..40u64) {
        for count in [count, small] {
            if let Ok(events) = unpack(&payload, count) {
                let sizes: Vec<usize> = events.map(<[u8]>::len).collect();
                prop_assert_eq!(sizes.len() as u64, count);
                prop_assert_eq!(sizes.iter().map(|size| size + 4).sum::<usize>(), payload.len());
            }
        }
    }
}

/// What the header of `publish` is refused for.
fn refusal(tail: &str) -> Result<(), HeaderError> {
    let header = [COMMAND_PREFIX, tail.as_bytes()].concat();
    ToEngine::parse(&[&header[..], b""]).map(|_| ())
}

#[test]
fn grammar_is_strict_about_spaces_keys_and_values() {
    for legal in
        ["publish id=1", "publish a= id=1", "publish x-1=a=b id=1", "publish id=%31", "publish id=1 u=%c3%A9"]
    {
        assert_eq!(refusal(legal), Ok(()), "{legal}");
    }
    for tail in [
        "",
        " publish id=1",
        "publish  id=1",
        "publish id=1 ",
        "publish id",
        "publish id=1 =2",
        "publish id=1 1a=2",
        "publish Id=1",
        "Publish id=1",
        "publish id=%",
        "publish id=%3",
        "publish id=%3g",
        "publish\tid=1",
        "publish id=1\n",
        "publish id=1 id=1",
        "publish id=1 u=\u{e9}",
        "publish id=1 u=\u{7f}",
        "publishes id=1",
        "quit",
    ] {
        assert_eq!(refusal(tail).unwrap_err().code().as_str(), "bad-command", "{tail:?}");
    }
    for tail in [
        "publish",
        "publish id=",
        "publish id=0",
        "publish id=01",
        "publish id=+1",
        "publish id=-1",
        "publish id=1.0",
        "publish id=9223372036854775808",
        "publish id=99999999999999999999999",
        "publish id=1 count=0",
        "publish id=1 count=x",
    ] {
        assert_eq!(refusal(tail).unwrap_err().code().as_str(), "bad-param", "{tail:?}");
    }
}

#[test]
fn a_header_of_1024_bytes_is_the_largest() {
    let padded = |bytes: usize| {
        let start = "publish id=1 pad=";
        format!("{start}{}", "x".repeat(bytes - COMMAND_PREFIX.len() - start.len()))
    };
    assert_eq!(refusal(&padded(1024)), Ok(()));
    assert_eq!(refusal(&padded(1025)), Err(HeaderError::TooLong { bytes: 1025 }));
}

#[test]
fn large_events_travel_alone_and_packed_payloads_have_a_limit() {
    let mut batch = Batch::new();
    assert!(!batch.push(&vec![0; 65537]));
    assert!(batch.is_empty());
    assert!(batch.push(&vec![1; 65536]));
    assert!(!batch.push(b""));
    assert_eq!((batch.count(), batch.payload().len()), (None, 65536));
    let one_event =
        |bytes: usize| [&u32::try_from(bytes).unwrap().to_be_bytes()[..], &vec![0; bytes]].concat();
    assert!(unpack(&one_event(1_048_572), 1).is_ok());
    let error = unpack(&one_event(1_048_573), 1).map(|_| ()).unwrap_err();
    assert_eq!(error.code().as_str(), "too-large");
}
