//! `spec/grammar.abnf`.

use super::COMMAND;
use crate::protocol::{Payload, Protocol, Side};
use std::fmt::Write;

/// Makes the grammar of messages above ZMTP: frames are given, their borders are not octets.
pub(super) fn emit(protocol: &Protocol) -> String {
    let envelope_frames = protocol
        .limits
        .iter()
        .find(|limit| limit.name.as_ref() == "ENVELOPE_MAX_FRAMES")
        .map_or(0, |limit| limit.value);
    let mut out = format!(
        "; Grammar of the messages of event-engine {}, in ABNF (RFC 5234, RFC 7405).\n\
         ; Generated from spec/protocol.toml by `{COMMAND}`; do not edit.\n\
         ;\n\
         ; A message is a list of ZMTP frames; <...-frame> is the content of one frame. The routing id that a ROUTER\n\
         ; socket adds is not part of the message.\n\n",
        protocol.version
    );
    let _ = write!(
        out,
        "; basic profile, client to engine. The first empty frame that is not the last one is the delimiter.\n\
         basic-request   = envelope request-frame\n\
         envelope        = 0*{}address-frame delimiter-frame\n\
         address-frame   = 1*OCTET\n\
         delimiter-frame = \"\"\n\
         request-frame   = next-msg / quit / event   ; any other body is answered with <bad-msg>\n\n",
        envelope_frames.saturating_sub(1)
    );
    out.push_str(
        "; basic profile, engine to client: the envelope of the request, unchanged, then one frame.\n\
         basic-reply     = envelope reply-frame      ; nothing answers <quit>\n\
         reply-frame     = delivered-event / msg-published / bad-msg\n\
         delivered-event = *OCTET                    ; answers <next-msg>, and nothing else does\n\n\
         ; bus profile: one event is one message of one frame.\n\
         bus-message     = bus-event\n\
         bus-event       = *OCTET\n\n\
         ; An event of the basic profile is any octets that do not begin with <command-prefix>.\n\
         event           = *OCTET\n\n\
         ; Words. The comparison is by octets: case, spaces and line ends count.\n",
    );
    for word in &protocol.words {
        let _ = writeln!(out, "{:<15} = %s{:?}", word.grammar, word.value);
    }
    out.push_str("\nOCTET           = %x00-FF\n\n");
    session(&mut out, protocol);
    out
}

/// Adds the session profile: its messages by verb, then the form of headers, values and payloads.
fn session(out: &mut String, protocol: &Protocol) {
    out.push_str(
        "; session profile: one frame, or a header frame and a payload frame (their border is no octet).\n",
    );
    for (side, rule, prefix) in [
        (Side::Client, "session-request", "command-prefix"),
        (Side::Engine, "session-reply  ", "reply-prefix"),
    ] {
        let names = |payload: Payload| {
            let verbs = protocol.verbs.iter().filter(|verb| verb.from == side && verb.payload == payload);
            verbs.map(|verb| format!("%s{:?}", verb.name.get_ref())).collect::<Vec<_>>().join(" / ")
        };
        let mut alternatives = vec![format!("{prefix} ({}) *parameter", names(Payload::None))];
        for (payload, rule) in [(Payload::Events, "payload"), (Payload::Text, "text")] {
            let names = names(payload);
            if !names.is_empty() {
                alternatives.push(format!("{prefix} ({names}) *parameter {rule}"));
            }
        }
        let _ = writeln!(out, "{rule} = {}", alternatives.join("\n                / "));
    }
    out.push_str(
        "\n; Which keys a verb has stands in protocol.toml; a key stands once, and others are ignored.\n\
         parameter       = %x20 word \"=\" value\n\
         word            = %x61-7A *(%x61-7A / DIGIT / \"-\")\n\
         value           = *(%x21-24 / %x26-7E / encoded)\n\
         encoded         = \"%\" 2HEXDIG\n\
         integer         = \"0\" / %x31-39 *DIGIT   ; at most 2^63 - 1\n\
         flag            = \"0\" / \"1\"\n\
         session-id      = 32(DIGIT / %x61-66)\n\
         payload         = *OCTET / 1*packed      ; one event without count, packed ones with it\n\
         packed          = 4OCTET *OCTET          ; length of the event, big-endian, and the event\n\
         text            = *OCTET                 ; UTF-8\n\n\
         DIGIT           = %x30-39\n\
         HEXDIG          = DIGIT / \"A\" / \"B\" / \"C\" / \"D\" / \"E\" / \"F\" ; either case\n",
    );
}
