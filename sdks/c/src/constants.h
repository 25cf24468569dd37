/* Constants of the protocol.
 *
 * Generated from spec/protocol.toml by `cargo run -p event-engine-spec-tool -- generate`; do not edit. */

#ifndef EE_CONSTANTS_H
#define EE_CONSTANTS_H

/* Version of the specification that these constants come from. */
#define EE_SPEC_VERSION "0.3.0"

/* Begins every body that is reserved for commands: 16 bytes, the last one a space. */
#define EE_COMMAND_PREFIX "plugin_command: "

/* Request for the next matching event. */
#define EE_NEXT_MSG "plugin_command: next_msg"

/* Says that this client has finished. It is never answered. */
#define EE_QUIT "plugin_command: quit"

/* Begins every reply that is not an event: 14 bytes, the last one a space. */
#define EE_REPLY_PREFIX "event-engine: "

/* Reply to a publish whose event was accepted. */
#define EE_MSG_PUBLISHED "event-engine: msg published"

/* Reply to a request that was refused; nothing was published. */
#define EE_BAD_MSG "event-engine: bad msg"

/* Environment variable with the endpoint that a client connects to when it is given none:
 * `tcp://host:port`. */
#define EE_ENV_ENDPOINT "EVENT_ENGINE_ENDPOINT"

/* Version of the session profile; the only one so far. */
#define EE_SESSION_VERSION 1

/* Opens a session or takes it up again; the first message on every connection. */
#define EE_VERB_HELLO "hello"

/* The plugin's process is ready for the start of the application. */
#define EE_VERB_READY "ready"

/* Acknowledges events and grants credit for more. */
#define EE_VERB_ACK "ack"

/* Publishes one event or a batch. */
#define EE_VERB_PUBLISH "publish"

/* Answers `ping`. */
#define EE_VERB_PONG "pong"

/* This client has finished; its session ends. */
#define EE_VERB_QUIT "quit"

/* Answers `hello`: the session is open on this connection. */
#define EE_VERB_WELCOME "welcome"

/* Answers `ready` once the start barrier is open. */
#define EE_VERB_OK "ok"

/* Delivers one event or a batch. */
#define EE_VERB_EVENTS "events"

/* Every publish up to this one is accepted by every matching queue. */
#define EE_VERB_PUBLISHED "published"

/* Makes traffic on a silent connection; to be answered with `pong`. */
#define EE_VERB_PING "ping"

/* The application is ending and everything queued for the plugin was sent. */
#define EE_VERB_STOP "stop"

/* Answers `quit`, and `hello` of a session that has quit. */
#define EE_VERB_BYE "bye"

/* Ends the session, or says that there is none; the payload says why to a person. */
#define EE_VERB_ERROR "error"

/* The message is no message of the profile: header, verb, number of frames, payload. */
#define EE_CODE_BAD_COMMAND "bad-command"

/* A key is missing, malformed, or out of place; or a packed payload does not hold what its header
 * says. */
#define EE_CODE_BAD_PARAM "bad-param"

/* There is no version that both sides speak. */
#define EE_CODE_UNSUPPORTED_VERSION "unsupported-version"

/* There is no session on this connection, or none any more. */
#define EE_CODE_NO_SESSION "no-session"

/* Another connection has taken up the session. */
#define EE_CODE_SUPERSEDED "superseded"

/* An event is longer than the event limit, or a packed payload longer than its limit. */
#define EE_CODE_TOO_LARGE "too-large"

/* More publishes are unanswered than the window allows. */
#define EE_CODE_WINDOW "window"

/* The port takes no further sessions. */
#define EE_CODE_NOT_ALLOWED "not-allowed"

/* The application has ended; nothing is taken any more. */
#define EE_CODE_STOPPING "stopping"

/* The engine failed; its log says how. */
#define EE_CODE_INTERNAL "internal"

/* Largest event. Default, in bytes. */
#define EE_EVENT_MAX_BYTES 134217728

/* Time a connection has to finish its ZMTP handshake. Default, in milliseconds. */
#define EE_HANDSHAKE_MS 10000

/* Time between two PINGs of the engine on a connection. Default, in milliseconds. */
#define EE_HEARTBEAT_INTERVAL_MS 60000

/* Time after a PING in which anything must arrive from the peer. Default, in milliseconds. */
#define EE_HEARTBEAT_TIMEOUT_MS 60000

/* Time that closing a socket gives to unsent replies. Default, in milliseconds. */
#define EE_LINGER_MS 1000

/* Longest header of a session message. Part of the protocol, in bytes. */
#define EE_HEADER_MAX_BYTES 1024

/* Size up to which small events are packed into one message; a larger event travels alone. Part
 * of the protocol, in bytes. */
#define EE_BATCH_TARGET_BYTES 65536

/* Longest packed payload. Part of the protocol, in bytes. */
#define EE_BATCH_MAX_BYTES 1048576

/* Publishes of a session that may be unanswered. Default, in events. */
#define EE_PUBLISH_WINDOW 16384

/* Bytes of unanswered publishes of a session; one event is always allowed. Default, in bytes. */
#define EE_PUBLISH_WINDOW_BYTES 16777216

/* Events that a client lets the engine send beyond those handled. Default, in events. */
#define EE_RECEIVE_WINDOW 8192

/* Events sent and unacknowledged in a session, whatever credit the client gave. Part of the
 * protocol, in events. */
#define EE_RECEIVE_WINDOW_MAX 16384

/* Bytes of events sent and unacknowledged in a session; one event is always allowed. Part of the
 * protocol, in bytes. */
#define EE_IN_FLIGHT_MAX_BYTES 16777216

/* Bytes of handled events at which a client acknowledges without waiting for the end of its
 * buffer. Default, in bytes. */
#define EE_ACK_BYTES 4194304

/* Silence of a session's connection after which the engine sends `ping`. Default, in
 * milliseconds. */
#define EE_PING_MS 30000

/* Time that a session without a connection is kept. Default, in milliseconds. */
#define EE_GRACE_MS 60000

/* Time that connecting may take, all tries together. Default, in milliseconds. */
#define EE_CONNECT_TIMEOUT_MS 10000

/* Time that quitting may take, reconnecting included. Default, in milliseconds. */
#define EE_QUIT_TIMEOUT_MS 10000

/* First pause between two tries to connect; it doubles, with jitter. Default, in milliseconds. */
#define EE_RECONNECT_MIN_MS 10

/* Longest pause between two tries to connect. Default, in milliseconds. */
#define EE_RECONNECT_MAX_MS 1000

#endif
