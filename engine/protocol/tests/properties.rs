//! Properties of the codec on arbitrary input.

#![allow(clippy::indexing_slicing)] // helpers of tests may

use event_engine_protocol::basic::{
    body_start, is_reserved, parse_publish_reply, parse_request, BadRequest, Request,
};
use event_engine_protocol::constants::{COMMAND_PREFIX, ENVELOPE_MAX_FRAMES, NEXT_MSG, QUIT};
use event_engine_protocol::filter::{ambiguous, matches};
use proptest::collection::vec;
use proptest::prelude::*;

/// Frames that are often empty, often a command or nearly one, and otherwise any bytes.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 0..40),
        Just(NEXT_MSG.to_vec()),
        Just(QUIT.to_vec()),
        vec(any::<u8>(), 0..9).prop_map(|tail| [COMMAND_PREFIX, &tail].concat()),
        (0..NEXT_MSG.len(), any::<u8>()).prop_map(|(index, byte)| {
            let mut command = NEXT_MSG.to_vec();
            command[index] = byte;
            command
        }),
    ]
}

/// Filters over two letters, so that they are often prefixes of one another.
fn filters() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    vec(vec(prop_oneof![Just(b'a'), Just(b'b')], 0..5), 0..12)
        .prop_map(|filters| filters.into_iter().enumerate().collect())
}

proptest! {
    #[test]
    fn arbitrary_frames_do_not_panic(frames in vec(frame(), 0..12), limit in any::<usize>()) {
        let body = body_start(&frames).map(|start| frames.split_at(start).1).unwrap_or(&frames);
        let request = parse_request(body, limit);
        let _ = format!("{request:?}");
        if let Request::Bad(bad) = request {
            prop_assert!(!bad.to_string().is_empty());
        }
    }

    #[test]
    fn envelope_and_body_make_up_the_message(frames in vec(frame(), 0..12)) {
        match body_start(&frames) {
            Some(start) => {
                let (envelope, body) = frames.split_at(start);
                prop_assert!(!body.is_empty());
                prop_assert!(envelope.len() <= ENVELOPE_MAX_FRAMES);
                let empty: Vec<bool> = envelope.iter().map(Vec::is_empty).collect();
                prop_assert_eq!(empty.iter().position(|empty| *empty), Some(start - 1));
                // The reply's envelope is found where the request's was.
                let reply = [envelope, &[b"reply".to_vec()]].concat();
                prop_assert_eq!(body_start(&reply), Some(start));
            }
            None => {
                let candidates = frames.len().saturating_sub(1).min(ENVELOPE_MAX_FRAMES);
                prop_assert!(frames[..candidates].iter().all(|frame| !frame.is_empty()));
            }
        }
    }

    #[test]
    fn only_exact_commands_are_commands(body in frame()) {
        let request = parse_request(&[&body], usize::MAX);
        prop_assert_eq!(request == Request::NextMsg, body == NEXT_MSG);
        prop_assert_eq!(request == Request::Quit, body == QUIT);
        let refused = is_reserved(&body) && body != NEXT_MSG && body != QUIT;
        prop_assert_eq!(request == Request::Bad(BadRequest::Reserved), refused);
    }

    #[test]
    fn what_is_no_command_is_published(body in frame(), limit in 0_usize..50) {
        prop_assume!(!body.starts_with(COMMAND_PREFIX));
        let expected = if body.len() <= limit {
            Request::Publish
        } else {
            Request::Bad(BadRequest::TooLarge { bytes: body.len(), max_bytes: limit })
        };
        prop_assert_eq!(parse_request(&[&body], limit), expected);
    }

    #[test]
    fn replies_do_not_panic(reply in vec(any::<u8>(), 0..60)) {
        let _ = parse_publish_reply(&reply);
    }

    #[test]
    fn filters_are_prefixes(filter in vec(any::<u8>(), 0..5), tail in vec(any::<u8>(), 0..5), event in vec(any::<u8>(), 0..9)) {
        let extended = [filter.as_slice(), tail.as_slice()].concat();
        prop_assert!(matches(&filter, &extended));
        prop_assert_eq!(matches(&filter, &event), event.get(..filter.len()) == Some(filter.as_slice()));
    }

    #[test]
    fn ambiguity_is_what_comparing_all_pairs_finds(filters in filters()) {
        let mut expected = Vec::new();
        for (first, a) in &filters {
            for (second, b) in filters.iter().skip(first + 1) {
                let clash = a != b && (a.starts_with(b) || b.starts_with(a));
                if clash && !a.is_empty() && !b.is_empty() {
                    expected.push((*first, *second));
                }
            }
        }
        prop_assert_eq!(ambiguous(&filters), expected);
    }
}
