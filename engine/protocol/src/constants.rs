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

/// Largest event. Default, in bytes.
///
/// Past it: basic: `event-engine: bad msg`; bus: refused, counted and logged; a call of the engine's API: an error.
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
/// Past it: the message has no envelope and is not a basic request: dropped, logged once per connection.
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

/// High-water mark of one connection, each way. Default, in messages.
///
/// Past it: reading stops until the engine catches up; of a client that does not read, further replies to publishes are dropped and logged, their events being accepted, and no event is handed to it.
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
