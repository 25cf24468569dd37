package eventengine

import (
	"math"
	"time"
)

// received is called with the frames of each message that the engine sends.
func (c *core) received(frames [][]byte) {
	if c.phase == stateEnded || c.phase == stateConnecting {
		return
	}
	if len(frames) == 0 || len(frames) > 2 {
		c.breach("a message of %d frames came", len(frames))
		return
	}
	h, code := parseHeader(replyPrefix, engineVerbs, frames[0])
	if code != "" {
		c.breach("%s came (%s)", quoted(frames[0]), code)
		return
	}
	if engineVerbs[h.verb].payload != (len(frames) == 2) {
		c.breach("%q came in %d frames", h.verb, len(frames))
		return
	}
	switch h.verb {
	case verbWelcome:
		c.receiveWelcome(h)
	case verbBye:
		c.receiveBye()
	case verbError:
		c.receiveError(h, frames[1])
	default:
		if !c.open() {
			c.breach("%q came before welcome", h.verb)
			return
		}
		c.receiveInSession(h, frames)
	}
}

func (c *core) receiveInSession(h *header, frames [][]byte) {
	switch h.verb {
	case verbOK:
		c.receiveOK()
	case verbEvents:
		c.receiveEvents(h, frames[1])
	case verbPublished:
		c.settle(h.number("id"))
	case verbPing:
		c.send(newHeader(verbPong))
	case verbStop:
		c.isStopped, c.stopReason = true, h.text("reason")
	}
}

// receiveWelcome opens the session or takes it up again on a new connection.
func (c *core) receiveWelcome(h *header) {
	version, received, resumed := h.number("version"), h.number("received"), h.number("resumed") == 1
	switch {
	case c.phase != stateGreeting:
		c.breach("a second welcome came")
		return
	case version != sessionVersion:
		c.breach("it chose version %d of the session profile; %d was offered", version, sessionVersion)
		return
	case h.number("publish-window") == 0:
		c.breach("it takes no publishes: publish-window=0")
		return
	case c.welcomed && !resumed:
		c.fail(Closed, nil, "the session is lost: the engine at this port does not know it (any more)")
		return
	case received > c.emitted || received < c.settled || !resumed && received != 0:
		c.breach("it claims to have publishes to %d; %d were sent, %d accepted", received, c.emitted, c.settled)
		return
	}
	c.welcomed = true
	c.plugin = h.text("plugin")
	c.maxEventBytes = h.number("max-event-bytes")
	c.windowEvents, c.windowBytes = h.number("publish-window"), h.number("publish-window-bytes")
	c.grace = time.Duration(min(h.number("grace-ms"), math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
	c.phase = stateSyncing
	c.send(newHeader(verbReady))
	c.sendAck()
	c.resend(received)
	c.emit()
}

func (c *core) receiveOK() {
	if c.phase != stateSyncing {
		c.breach("a second ok came")
		return
	}
	c.phase = stateRunning
}

func (c *core) receiveEvents(h *header, payload []byte) {
	b := batch{
		seq:         h.number("seq"),
		count:       1,
		payload:     payload,
		packed:      h.has("count"),
		redelivered: h.number("redelivered") == 1,
	}
	if c.phase == stateSyncing {
		c.breach("events came before ok")
		return
	}
	if b.packed {
		b.count = h.number("count")
		if code := checkBatch(payload, b.count); code != "" {
			c.breach("a packed payload of %d bytes does not hold %d events (%s)", len(payload), b.count, code)
			return
		}
	}
	c.take(b)
}

// receiveBye ends a session that has quit. It comes when all publishes are accepted, and says so to a client that has not
// heard of it because the connection broke.
func (c *core) receiveBye() {
	if !c.quitSent {
		c.breach("bye came, and quit was not said")
		return
	}
	c.settled = c.given
	c.end(nil)
}

// receiveError ends the session as the engine did.
func (c *core) receiveError(h *header, text []byte) {
	switch code := h.text("code"); code {
	case CodeNoSession:
		c.fail(Closed, nil, "the session is lost: the engine says %s", quoted(text))
	case CodeSuperseded:
		c.fail(Closed, nil, "another connection has taken up this session: the engine says %s", quoted(text))
	default:
		c.fail(Rejected, nil, "the engine says %s: %s", code, quoted(text))
		c.failure.Code = code
	}
}
