package eventengine

import (
	"fmt"
	"time"
)

// state is where a session stands, as its client sees it.
type state string

const (
	stateConnecting state = "connecting" // no connection
	stateGreeting   state = "greeting"   // hello sent
	stateSyncing    state = "syncing"    // welcome came, ok did not
	stateRunning    state = "running"
	stateStopping   state = "stopping" // stop came
	stateQuitting   state = "quitting" // from the call of quit on
	stateEnded      state = "ended"
)

// core is the client's side of one session without I/O and clocks: it is told what happened and answers with messages
// in out, which its owner takes and sends in that order. core_message.go holds what the engine says, core_receive.go and
// core_publish.go the two directions of events. It is not safe for concurrent use.
type core struct {
	id     string // the session's
	client string // what hello says about us
	out    [][][]byte

	phase      state // connecting, greeting, syncing, running or ended
	welcomed   bool  // at least once
	isStopped  bool  // stop came, maybe on an earlier connection
	stopReason string
	isQuitting bool
	quitOnWire bool // quit was sent on this connection
	quitSent   bool // quit was sent at least once
	isClosed   bool // close was called
	isReported bool // a caller has learned failure
	failure    *Error

	// What the last welcome said.
	plugin        string
	maxEventBytes uint64
	grace         time.Duration

	receiving
	publishing
}

func newCore(id, client string, window uint64) *core {
	return &core{id: id, client: client, phase: stateConnecting, receiving: receiving{window: window}}
}

func (c *core) state() state {
	switch {
	case c.phase != stateEnded && c.isQuitting:
		return stateQuitting
	case c.phase == stateRunning && c.isStopped:
		return stateStopping
	}
	return c.phase
}

func (c *core) send(frames ...[]byte) { c.out = append(c.out, frames) }

// connected is called when there is a new connection, on which nothing was sent yet.
func (c *core) connected() {
	if c.phase != stateConnecting {
		return
	}
	c.phase = stateGreeting
	c.send(newHeader(verbHello).integer("version", sessionVersion).word("session", c.id).word("client", c.client))
}

// disconnected is called when the connection is gone. The session goes on with the next one.
func (c *core) disconnected() {
	if c.phase != stateEnded {
		c.phase = stateConnecting
	}
	c.quitOnWire = false
	c.out = nil
}

// open reports whether the connection has seen welcome, so that everything may be sent.
func (c *core) open() bool { return c.phase == stateSyncing || c.phase == stateRunning }

// quit ends the session: everything returned counts as handled, what is published is accepted first, everything else goes
// back. It fails if the session has ended in another way.
func (c *core) quit() *Error {
	if c.isQuitting && (c.phase != stateEnded || c.failure == nil) {
		return nil
	}
	if failure := c.refusal(); failure != nil {
		return failure
	}
	c.isQuitting = true
	c.handleReturned()
	c.buffer = nil
	if c.open() {
		c.sendAck()
		c.emit()
	}
	return nil
}

// quitNow sends quit although there are publishes that could not be sent yet; they never will be.
func (c *core) quitNow() {
	c.waiting = nil
	c.emit()
}

func (c *core) sendQuit() {
	c.send(newHeader(verbQuit))
	c.quitOnWire, c.quitSent = true, true
}

// close ends the client's part without quitting: the event returned last is not handled.
func (c *core) close() {
	if c.phase == stateEnded {
		return
	}
	if c.open() {
		c.sendAckIfNews()
	}
	c.isClosed = true
	c.end(regularEnd(reasonClosed))
}

// fail ends the session with an error that names the unsettled publishes.
func (c *core) fail(kind Kind, cause error, format string, args ...any) {
	if c.phase != stateEnded {
		c.end(newError(kind, cause, format, args...))
	}
}

// breach ends the session because the engine said something that it may not say.
func (c *core) breach(format string, args ...any) {
	c.fail(Protocol, nil, "the engine broke the protocol: %s", fmt.Sprintf(format, args...))
}

func (c *core) end(failure *Error) {
	if failure != nil {
		failure.Unsettled = c.unsettled()
	}
	c.failure, c.phase = failure, stateEnded
	c.buffer, c.waiting, c.unanswered = nil, nil, nil
}

// refusal returns why calls fail now, or nil. The first call after the end learns the reason itself, the others that the
// session is closed.
func (c *core) refusal() *Error {
	switch {
	case c.phase != stateEnded && !c.isQuitting:
		return nil
	case c.failure == nil:
		return regularEnd(reasonQuit)
	case c.failure.Kind == Closed || !c.isReported:
		c.isReported = true
		return c.failure
	}
	later := newError(Closed, c.failure, "the session has ended")
	later.Unsettled = c.failure.Unsettled
	return later
}
