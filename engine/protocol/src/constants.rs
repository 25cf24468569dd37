//! Constants of the protocol.
//!
//! Generated from `spec/protocol.toml` by `cargo run -p event-engine-spec-tool -- generate`; do not edit.

/// Version of the specification that these constants come from.
pub const VERSION: &str = "0.3.0";

/// Begins every body that is reserved for commands: 16 bytes, the last one a space.
pub const COMMAND_PREFIX: &[u8] = b"plugin_command: ";

/// Request for the next matching event.
pub const NEXT_MSG: &[u8] = b"plugin_command: next_msg";

/// Says that this client has finished. It is never answered.
pub const QUIT: &[u8] = b"plugin_command: quit";

/// Begins every reply that is not an event: 14 bytes, the last one a space.
pub const REPLY_PREFIX: &[u8] = b"event-engine: ";

/// Reply to a publish whose event was accepted.
pub const MSG_PUBLISHED: &[u8] = b"event-engine: msg published";

/// Reply to a request that was refused; nothing was published.
pub const BAD_MSG: &[u8] = b"event-engine: bad msg";

/// Environment variable with the address that the engine's TCP ports bind: an IP address, or `*` for all.
pub const ENV_BIND: &str = "EVENT_ENGINE_BIND";

/// Address that the engine's TCP ports bind unless told otherwise.
pub const DEFAULT_BIND: &str = "127.0.0.1";

/// TCP port of the bus on which the engine takes events, unless the application says another.
pub const DEFAULT_PUBLISH_PORT: u16 = 5559;

/// TCP port of the bus on which the engine sends events, unless the application says another.
pub const DEFAULT_SUBSCRIBE_PORT: u16 = 5560;

/// Values of the ZMTP property `Socket-Type` with which a peer of a plugin's port is heard.
pub const REQUEST_SOCKET_TYPES: &[&str] = &["REQ", "DEALER"];

/// Values of the ZMTP property `Socket-Type` with which a peer of the publish port is heard.
pub const BUS_SOCKET_TYPES: &[&str] = &["PUB", "XPUB"];

/// Environment variable with the endpoint that a client connects to when it is given none: `tcp://host:port`.
pub const ENV_ENDPOINT: &str = "EVENT_ENGINE_ENDPOINT";

/// Environment variable with the name of the plugin, in a process that the engine has started.
pub const ENV_PLUGIN: &str = "EVENT_ENGINE_PLUGIN";

/// Environment variable with the number of a process among the replicas of its plugin, from 1.
pub const ENV_REPLICA: &str = "EVENT_ENGINE_REPLICA";

/// Version of the session profile; the only one so far.
pub const SESSION_VERSION: u64 = 1;

/// Opens a session or takes it up again; the first message on every connection.
pub const VERB_HELLO: &str = "hello";

/// The plugin's process is ready for the start of the application.
pub const VERB_READY: &str = "ready";

/// Acknowledges events and grants credit for more.
pub const VERB_ACK: &str = "ack";

/// Publishes one event or a batch.
pub const VERB_PUBLISH: &str = "publish";

/// Answers `ping`.
pub const VERB_PONG: &str = "pong";

/// This client has finished; its session ends.
pub const VERB_QUIT: &str = "quit";

/// Answers `hello`: the session is open on this connection.
pub const VERB_WELCOME: &str = "welcome";

/// Answers `ready` once the start barrier is open.
pub const VERB_OK: &str = "ok";

/// Delivers one event or a batch.
pub const VERB_EVENTS: &str = "events";

/// Every publish up to this one is accepted by every matching queue.
pub const VERB_PUBLISHED: &str = "published";

/// Makes traffic on a silent connection; to be answered with `pong`.
pub const VERB_PING: &str = "ping";

/// The application is ending and everything queued for the plugin was sent.
pub const VERB_STOP: &str = "stop";

/// Answers `quit`, and `hello` of a session that has quit.
pub const VERB_BYE: &str = "bye";

/// Ends the session, or says that there is none; the payload says why to a person.
pub const VERB_ERROR: &str = "error";

/// The message is no message of the profile: header, verb, number of frames, payload.
pub const CODE_BAD_COMMAND: &str = "bad-command";

/// A key is missing, malformed, or out of place; or a packed payload does not hold what its header says.
pub const CODE_BAD_PARAM: &str = "bad-param";

/// There is no version that both sides speak.
pub const CODE_UNSUPPORTED_VERSION: &str = "unsupported-version";

/// There is no session on this connection, or none any more.
pub const CODE_NO_SESSION: &str = "no-session";

/// Another connection has taken up the session.
pub const CODE_SUPERSEDED: &str = "superseded";

/// An event is longer than the event limit, or a packed payload longer than its limit.
pub const CODE_TOO_LARGE: &str = "too-large";

/// More publishes are unanswered than the window allows.
pub const CODE_WINDOW: &str = "window";

/// The port takes no further sessions.
pub const CODE_NOT_ALLOWED: &str = "not-allowed";

/// The application has ended; nothing is taken any more.
pub const CODE_STOPPING: &str = "stopping";

/// The engine failed; its log says how.
pub const CODE_INTERNAL: &str = "internal";

/// Largest event. Default, in bytes.
///
/// Past it: basic: `event-engine: bad msg`; session: error `too-large`; bus: refused, counted and logged; a call of the engine's API: an error.
pub const EVENT_MAX_BYTES: usize = 134_217_728;

/// Smallest transport limit: a frame longer than max(factor × event limit, this) is not read. Default, in bytes.
///
/// Past it: the connection is cut.
pub const TRANSPORT_MIN_BYTES: usize = 134_217_728;

/// Transport limit as a multiple of the event limit. Default, in times.
///
/// Past it: the connection is cut.
pub const TRANSPORT_FACTOR: usize = 2;

/// Frames at the head of a message among which the delimiter of the envelope must be found. Part of the protocol, in frames.
///
/// Past it: the message has no envelope and is none of the basic profile.
pub const ENVELOPE_MAX_FRAMES: usize = 8;

/// Room of one plugin's queue in events, waiting and in flight together. Default, in events.
///
/// Past it: the plugin's overflow policy applies; unless said otherwise the publisher waits.
pub const QUEUE_MAX_EVENTS: usize = 262_144;

/// Room of one plugin's queue in bytes of events, waiting and in flight together. Default, in bytes.
///
/// Past it: the plugin's overflow policy applies; unless said otherwise the publisher waits.
pub const QUEUE_MAX_BYTES: usize = 268_435_456;

/// What one queue admits beyond its room while parked publishes form a cycle. Default, in bytes.
///
/// Past it: no more is admitted; the application fails if then no queue of the cycle is read for CYCLE_STALL_MS.
pub const CYCLE_MAX_BYTES: usize = 536_870_912;

/// What each event admitted beyond a queue's room is charged besides its size. Default, in bytes.
///
/// Past it: counts towards CYCLE_MAX_BYTES.
pub const CYCLE_EVENT_OVERHEAD_BYTES: usize = 64;

/// Time without a read in any queue of a cycle that stands at its cap. Default, in milliseconds.
///
/// Past it: the application fails with an error that names the cycle.
pub const CYCLE_STALL_MS: u64 = 5_000;

/// Requests of one connection that may be unanswered. Default, in requests.
///
/// Past it: further ones get `event-engine: bad msg` at once.
pub const CONNECTION_MAX_UNANSWERED: usize = 1_000;

/// High-water mark of one connection, each way; for what a plugin's port has to send see CONNECTION_SEND_HWM_MESSAGES. Default, in messages.
///
/// Past it: reading stops until the engine catches up; on the bus what is to be sent is dropped (EE-BUS-9).
pub const CONNECTION_HWM_MESSAGES: usize = 1_000;

/// Time a connection has to finish its ZMTP handshake. Default, in milliseconds.
///
/// Past it: the connection is closed.
pub const HANDSHAKE_MS: u64 = 10_000;

/// Time between two PINGs of the engine on a connection. Default, in milliseconds.
///
/// Past it: a PING is sent.
pub const HEARTBEAT_INTERVAL_MS: u64 = 60_000;

/// Time after a PING in which anything must arrive from the peer. Default, in milliseconds.
///
/// Past it: the connection is closed and counts as gone.
pub const HEARTBEAT_TIMEOUT_MS: u64 = 60_000;

/// Time that closing a socket gives to unsent replies. Default, in milliseconds.
///
/// Past it: what is still unsent is dropped.
pub const LINGER_MS: u64 = 1_000;

/// Time a publisher waits until the log says so; again after twice the time, and so on. Default, in milliseconds.
///
/// Past it: a log line names the plugin that publishes and the plugin it waits for.
pub const SLOW_PUBLISH_LOG_MS: u64 = 5_000;

/// Time that stopping the application gives to its plugins. Default, in milliseconds.
///
/// Past it: what has not ended is detached and named in the report.
pub const STOP_DEADLINE_MS: u64 = 10_000;

/// Longest header of a session message. Part of the protocol, in bytes.
///
/// Past it: error `bad-command`.
pub const HEADER_MAX_BYTES: usize = 1_024;

/// Size up to which small events are packed into one message; a larger event travels alone. Part of the protocol, in bytes.
///
/// Past it: the sender begins another message.
pub const BATCH_TARGET_BYTES: usize = 65_536;

/// Longest packed payload. Part of the protocol, in bytes.
///
/// Past it: error `too-large`.
pub const BATCH_MAX_BYTES: usize = 1_048_576;

/// Publishes of a session that may be unanswered. Default, in events.
///
/// Past it: error `window`.
pub const PUBLISH_WINDOW: usize = 16_384;

/// Bytes of unanswered publishes of a session; one event is always allowed. Default, in bytes.
///
/// Past it: error `window`.
pub const PUBLISH_WINDOW_BYTES: usize = 16_777_216;

/// Events that a client lets the engine send beyond those handled. Default, in events.
///
/// Past it: the engine waits for the next `ack`.
pub const RECEIVE_WINDOW: usize = 8_192;

/// Events sent and unacknowledged in a session, whatever credit the client gave. Part of the protocol, in events.
///
/// Past it: the engine waits for the next `ack`.
pub const RECEIVE_WINDOW_MAX: usize = 16_384;

/// Bytes of events sent and unacknowledged in a session; one event is always allowed. Part of the protocol, in bytes.
///
/// Past it: the engine waits for the next `ack`.
pub const IN_FLIGHT_MAX_BYTES: usize = 16_777_216;

/// Bytes of handled events at which a client acknowledges without waiting for the end of its buffer. Default, in bytes.
///
/// Past it: an `ack` is sent.
pub const ACK_BYTES: usize = 4_194_304;

/// Silence of a session's connection after which the engine sends `ping`. Default, in milliseconds.
///
/// Past it: a `ping` is sent; nothing else follows from it.
pub const PING_MS: u64 = 30_000;

/// Time that a session without a connection is kept. Default, in milliseconds.
///
/// Past it: the session ends; its unacknowledged events go back to the queue.
pub const GRACE_MS: u64 = 60_000;

/// How often an event goes back to the queue because its session ended without a quit. Default, in attempts.
///
/// Past it: the event is dead-lettered.
pub const REDELIVERY_LIMIT: usize = 5;

/// Sessions of one port. Default, in sessions.
///
/// Past it: error `not-allowed`.
pub const SESSIONS_MAX: usize = 1_024;

/// High-water mark of what a plugin's port has to send on one connection. Part of the protocol, in messages.
///
/// Past it: basic: further replies to publishes are dropped and logged, their events being accepted, and no event is handed to it; session: nothing is sent until the client is heard, then what it misses.
pub const CONNECTION_SEND_HWM_MESSAGES: usize = 40_000;

/// Time that connecting may take, all tries together. Default, in milliseconds.
///
/// Past it: the call fails with a time-out that says what it waited for.
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;

/// Time that quitting may take, reconnecting included. Default, in milliseconds.
///
/// Past it: the call fails; the session ends by its grace.
pub const QUIT_TIMEOUT_MS: u64 = 10_000;

/// First pause between two tries to connect; it doubles, with jitter. Default, in milliseconds.
///
/// Past it: the next try follows.
pub const RECONNECT_MIN_MS: u64 = 10;

/// Longest pause between two tries to connect. Default, in milliseconds.
///
/// Past it: it does not grow further.
pub const RECONNECT_MAX_MS: u64 = 1_000;

/// Longest path of a control socket: what the system's address holds. Part of the protocol, in bytes.
///
/// Past it: the application does not start.
pub const CONTROL_PATH_MAX_BYTES: usize = 107;

/// Time that a runner waits for its turn at a control socket that another runner opens. Default, in milliseconds.
///
/// Past it: the application does not start.
pub const CONTROL_LOCK_MS: u64 = 5_000;

/// Connections of a control socket at the same time. Default, in connections.
///
/// Past it: a further one gets the error `busy` and is closed.
pub const CONTROL_MAX_CONNECTIONS: usize = 32;

/// Longest request on a control socket that is no `publish`. Part of the protocol, in bytes.
///
/// Past it: error `too-large`; the connection is closed.
pub const CONTROL_LINE_MAX_BYTES: usize = 65_536;

/// Time that a `publish` on a control socket waits for room. Default, in milliseconds.
///
/// Past it: error `no-room`; the event went to nobody.
pub const CONTROL_PUBLISH_MS: u64 = 10_000;

/// Events that a tap keeps for a reader that is slow. Default, in events.
///
/// Past it: further ones are counted as missed.
pub const TAP_MAX_EVENTS: usize = 8_192;

/// Bytes of events that a tap keeps for a reader that is slow; one event is always kept. Default, in bytes.
///
/// Past it: further ones are counted as missed.
pub const TAP_MAX_BYTES: usize = 16_777_216;

/// Time that this project's client of a control socket waits for an answer, beyond what the request itself may take. Default, in milliseconds.
///
/// Past it: the call fails with a time-out.
pub const CONTROL_ANSWER_MS: u64 = 10_000;

/// Connections of the metrics address at the same time. Default, in connections.
///
/// Past it: a further one is closed.
pub const HTTP_MAX_CONNECTIONS: usize = 16;

/// Longest head of a request at the metrics address. Default, in bytes.
///
/// Past it: status 431; the connection is closed.
pub const HTTP_HEAD_MAX_BYTES: usize = 8_192;

/// Headers of a request at the metrics address. Default, in headers.
///
/// Past it: status 431; the connection is closed.
pub const HTTP_MAX_HEADERS: usize = 64;

/// Time that a request at the metrics address may take, answer included. Default, in milliseconds.
///
/// Past it: the connection is closed.
pub const HTTP_REQUEST_MS: u64 = 5_000;
