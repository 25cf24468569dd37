// Code generated from spec/protocol.toml by `cargo run -p event-engine-spec-tool -- generate`. DO NOT EDIT.

package eventengine

import "time"

// Words of the wire, names and numbers.
const (
	// Version of the specification that these constants come from.
	specVersion = "0.3.0"

	// Begins every body that is reserved for commands: 16 bytes, the last one a space.
	commandPrefix = "plugin_command: "

	// Request for the next matching event.
	nextMsg = "plugin_command: next_msg"

	// Says that this client has finished. It is never answered.
	quit = "plugin_command: quit"

	// Begins every reply that is not an event: 14 bytes, the last one a space.
	replyPrefix = "event-engine: "

	// Reply to a publish whose event was accepted.
	msgPublished = "event-engine: msg published"

	// Reply to a request that was refused; nothing was published.
	badMsg = "event-engine: bad msg"

	// Environment variable with the endpoint that a client connects to when it is given none:
	// `tcp://host:port`.
	envEndpoint = "EVENT_ENGINE_ENDPOINT"

	// Version of the session profile; the only one so far.
	sessionVersion = 1
)

// Verbs of the session profile.
const (
	// Opens a session or takes it up again; the first message on every connection.
	verbHello = "hello"

	// The plugin's process is ready for the start of the application.
	verbReady = "ready"

	// Acknowledges events and grants credit for more.
	verbAck = "ack"

	// Publishes one event or a batch.
	verbPublish = "publish"

	// Answers `ping`.
	verbPong = "pong"

	// This client has finished; its session ends.
	verbQuit = "quit"

	// Answers `hello`: the session is open on this connection.
	verbWelcome = "welcome"

	// Answers `ready` once the start barrier is open.
	verbOK = "ok"

	// Delivers one event or a batch.
	verbEvents = "events"

	// Every publish up to this one is accepted by every matching queue.
	verbPublished = "published"

	// Makes traffic on a silent connection; to be answered with `pong`.
	verbPing = "ping"

	// The application is ending and everything queued for the plugin was sent.
	verbStop = "stop"

	// Answers `quit`, and `hello` of a session that has quit.
	verbBye = "bye"

	// Ends the session, or says that there is none; the payload says why to a person.
	verbError = "error"
)

// Codes with which an engine, or this package, rejects something.
const (
	// The message is no message of the profile: header, verb, number of frames, payload.
	CodeBadCommand = "bad-command"

	// A key is missing, malformed, or out of place; or a packed payload does not hold what its header
	// says.
	CodeBadParam = "bad-param"

	// There is no version that both sides speak.
	CodeUnsupportedVersion = "unsupported-version"

	// There is no session on this connection, or none any more.
	CodeNoSession = "no-session"

	// Another connection has taken up the session.
	CodeSuperseded = "superseded"

	// An event is longer than the event limit, or a packed payload longer than its limit.
	CodeTooLarge = "too-large"

	// More publishes are unanswered than the window allows.
	CodeWindow = "window"

	// The port takes no further sessions.
	CodeNotAllowed = "not-allowed"

	// The application has ended; nothing is taken any more.
	CodeStopping = "stopping"

	// The engine failed; its log says how.
	CodeInternal = "internal"
)

// Limits.
const (
	// Largest event. Default, in bytes.
	eventMaxBytes = 134_217_728

	// Time a connection has to finish its ZMTP handshake. Default, in milliseconds.
	handshake = 10000 * time.Millisecond

	// Time between two PINGs of the engine on a connection. Default, in milliseconds.
	heartbeatInterval = 60000 * time.Millisecond

	// Time after a PING in which anything must arrive from the peer. Default, in milliseconds.
	heartbeatTimeout = 60000 * time.Millisecond

	// Time that closing a socket gives to unsent replies. Default, in milliseconds.
	linger = 1000 * time.Millisecond

	// Longest header of a session message. Part of the protocol, in bytes.
	headerMaxBytes = 1_024

	// Size up to which small events are packed into one message; a larger event travels alone. Part
	// of the protocol, in bytes.
	batchTargetBytes = 65_536

	// Longest packed payload. Part of the protocol, in bytes.
	batchMaxBytes = 1_048_576

	// Publishes of a session that may be unanswered. Default, in events.
	publishWindow = 16_384

	// Bytes of unanswered publishes of a session; one event is always allowed. Default, in bytes.
	publishWindowBytes = 16_777_216

	// Events that a client lets the engine send beyond those handled. Default, in events.
	receiveWindow = 8_192

	// Events sent and unacknowledged in a session, whatever credit the client gave. Part of the
	// protocol, in events.
	receiveWindowMax = 16_384

	// Bytes of events sent and unacknowledged in a session; one event is always allowed. Part of the
	// protocol, in bytes.
	inFlightMaxBytes = 16_777_216

	// Bytes of handled events at which a client acknowledges without waiting for the end of its
	// buffer. Default, in bytes.
	ackBytes = 4_194_304

	// Silence of a session's connection after which the engine sends `ping`. Default, in
	// milliseconds.
	ping = 30000 * time.Millisecond

	// Time that a session without a connection is kept. Default, in milliseconds.
	grace = 60000 * time.Millisecond

	// Time that connecting may take, all tries together. Default, in milliseconds.
	connectTimeout = 10000 * time.Millisecond

	// Time that quitting may take, reconnecting included. Default, in milliseconds.
	quitTimeout = 10000 * time.Millisecond

	// First pause between two tries to connect; it doubles, with jitter. Default, in milliseconds.
	reconnectMin = 10 * time.Millisecond

	// Longest pause between two tries to connect. Default, in milliseconds.
	reconnectMax = 1000 * time.Millisecond
)
