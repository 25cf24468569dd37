"""Constants of the protocol.

Generated from spec/protocol.toml by `cargo run -p event-engine-spec-tool -- generate`; do not edit.
"""

from typing import Final

#: Version of the specification that these constants come from.
VERSION: Final = "0.3.0"

#: Begins every body that is reserved for commands: 16 bytes, the last one a space.
COMMAND_PREFIX: Final = b"plugin_command: "

#: Request for the next matching event.
NEXT_MSG: Final = b"plugin_command: next_msg"

#: Says that this client has finished. It is never answered.
QUIT: Final = b"plugin_command: quit"

#: Begins every reply that is not an event: 14 bytes, the last one a space.
REPLY_PREFIX: Final = b"event-engine: "

#: Reply to a publish whose event was accepted.
MSG_PUBLISHED: Final = b"event-engine: msg published"

#: Reply to a request that was refused; nothing was published.
BAD_MSG: Final = b"event-engine: bad msg"

#: Environment variable with the endpoint that a client connects to when it is given none:
#: `tcp://host:port`.
ENV_ENDPOINT: Final = "EVENT_ENGINE_ENDPOINT"

#: Version of the session profile; the only one so far.
SESSION_VERSION: Final = 1

#: Opens a session or takes it up again; the first message on every connection.
VERB_HELLO: Final = "hello"

#: The plugin's process is ready for the start of the application.
VERB_READY: Final = "ready"

#: Acknowledges events and grants credit for more.
VERB_ACK: Final = "ack"

#: Publishes one event or a batch.
VERB_PUBLISH: Final = "publish"

#: Answers `ping`.
VERB_PONG: Final = "pong"

#: This client has finished; its session ends.
VERB_QUIT: Final = "quit"

#: Answers `hello`: the session is open on this connection.
VERB_WELCOME: Final = "welcome"

#: Answers `ready` once the start barrier is open.
VERB_OK: Final = "ok"

#: Delivers one event or a batch.
VERB_EVENTS: Final = "events"

#: Every publish up to this one is accepted by every matching queue.
VERB_PUBLISHED: Final = "published"

#: Makes traffic on a silent connection; to be answered with `pong`.
VERB_PING: Final = "ping"

#: The application is ending and everything queued for the plugin was sent.
VERB_STOP: Final = "stop"

#: Answers `quit`, and `hello` of a session that has quit.
VERB_BYE: Final = "bye"

#: Ends the session, or says that there is none; the payload says why to a person.
VERB_ERROR: Final = "error"

#: The message is no message of the profile: header, verb, number of frames, payload.
CODE_BAD_COMMAND: Final = "bad-command"

#: A key is missing, malformed, or out of place; or a packed payload does not hold what its header
#: says.
CODE_BAD_PARAM: Final = "bad-param"

#: There is no version that both sides speak.
CODE_UNSUPPORTED_VERSION: Final = "unsupported-version"

#: There is no session on this connection, or none any more.
CODE_NO_SESSION: Final = "no-session"

#: Another connection has taken up the session.
CODE_SUPERSEDED: Final = "superseded"

#: An event is longer than the event limit, or a packed payload longer than its limit.
CODE_TOO_LARGE: Final = "too-large"

#: More publishes are unanswered than the window allows.
CODE_WINDOW: Final = "window"

#: The port takes no further sessions.
CODE_NOT_ALLOWED: Final = "not-allowed"

#: The application has ended; nothing is taken any more.
CODE_STOPPING: Final = "stopping"

#: The engine failed; its log says how.
CODE_INTERNAL: Final = "internal"

#: Largest event. Default, in bytes.
EVENT_MAX_BYTES: Final = 134_217_728

#: Time a connection has to finish its ZMTP handshake. Default, in milliseconds.
HANDSHAKE_MS: Final = 10_000

#: Time between two PINGs of the engine on a connection. Default, in milliseconds.
HEARTBEAT_INTERVAL_MS: Final = 60_000

#: Time after a PING in which anything must arrive from the peer. Default, in milliseconds.
HEARTBEAT_TIMEOUT_MS: Final = 60_000

#: Time that closing a socket gives to unsent replies. Default, in milliseconds.
LINGER_MS: Final = 1_000

#: Longest header of a session message. Part of the protocol, in bytes.
HEADER_MAX_BYTES: Final = 1_024

#: Size up to which small events are packed into one message; a larger event travels alone. Part
#: of the protocol, in bytes.
BATCH_TARGET_BYTES: Final = 65_536

#: Longest packed payload. Part of the protocol, in bytes.
BATCH_MAX_BYTES: Final = 1_048_576

#: Publishes of a session that may be unanswered. Default, in events.
PUBLISH_WINDOW: Final = 16_384

#: Bytes of unanswered publishes of a session; one event is always allowed. Default, in bytes.
PUBLISH_WINDOW_BYTES: Final = 16_777_216

#: Events that a client lets the engine send beyond those handled. Default, in events.
RECEIVE_WINDOW: Final = 8_192

#: Events sent and unacknowledged in a session, whatever credit the client gave. Part of the
#: protocol, in events.
RECEIVE_WINDOW_MAX: Final = 16_384

#: Bytes of events sent and unacknowledged in a session; one event is always allowed. Part of the
#: protocol, in bytes.
IN_FLIGHT_MAX_BYTES: Final = 16_777_216

#: Bytes of handled events at which a client acknowledges without waiting for the end of its
#: buffer. Default, in bytes.
ACK_BYTES: Final = 4_194_304

#: Silence of a session's connection after which the engine sends `ping`. Default, in
#: milliseconds.
PING_MS: Final = 30_000

#: Time that a session without a connection is kept. Default, in milliseconds.
GRACE_MS: Final = 60_000

#: Time that connecting may take, all tries together. Default, in milliseconds.
CONNECT_TIMEOUT_MS: Final = 10_000

#: Time that quitting may take, reconnecting included. Default, in milliseconds.
QUIT_TIMEOUT_MS: Final = 10_000

#: First pause between two tries to connect; it doubles, with jitter. Default, in milliseconds.
RECONNECT_MIN_MS: Final = 10

#: Longest pause between two tries to connect. Default, in milliseconds.
RECONNECT_MAX_MS: Final = 1_000
