package eventengine

// receiving is the part of core that takes events in and acknowledges them.
type receiving struct {
	window uint64 // events that the engine may send beyond those handled

	buffer   []batch
	arrived  uint64 // seq of the last event that came
	returned uint64 // seq of the last event returned by next
	handled  uint64 // seq of the last event that the caller is done with
	acked    uint64 // seq of the last acknowledgement on the wire

	returnedBytes   uint64 // length of the event returned last
	handledBytes    uint64 // handled since the last acknowledgement
	lastRedelivered bool   // the event returned last was redelivered
}

// next counts the events returned so far as handled and returns the next one, if there is one (ok). It fails when none
// will come any more.
func (c *core) next() (event Event, ok bool, failure *Error) {
	if failure := c.refusal(); failure != nil {
		return Event{}, false, failure
	}
	urgent := c.lastRedelivered
	c.handleReturned()
	if len(c.buffer) == 0 {
		if c.open() {
			c.sendAckIfNews() // always before waiting
		}
		if c.isStopped {
			return Event{}, false, regularEnd("stopping: %s", c.stopReason)
		}
		return Event{}, false, nil
	}
	if c.open() && (urgent || c.handled-c.acked >= max(1, c.window/4) || c.handledBytes >= ackBytes) {
		c.sendAckIfNews()
	}
	b := &c.buffer[0]
	event = Event{Sequence: b.seq, Redelivered: b.redelivered}
	event.Data = b.next()
	c.returned, c.returnedBytes, c.lastRedelivered = event.Sequence, uint64(len(event.Data)), event.Redelivered
	if b.count == 0 {
		*b = batch{} // its memory belongs to the events now
		c.buffer = c.buffer[1:]
	}
	return event, true, nil
}

func (c *core) handleReturned() {
	c.handled = c.returned
	c.handledBytes += c.returnedBytes
	c.returnedBytes, c.lastRedelivered = 0, false
}

func (c *core) sendAckIfNews() {
	if c.handled > c.acked {
		c.sendAck()
	}
}

func (c *core) sendAck() {
	c.send(newHeader(verbAck).integer("seq", c.handled).integer("upto", c.handled+c.window))
	c.acked, c.handledBytes = c.handled, 0
}

// take puts events into the buffer. What came before is dropped: after a reconnection the engine sends again what was not
// acknowledged, perhaps packed in another way.
func (c *core) take(b batch) {
	last := b.seq + b.count - 1
	switch {
	case b.seq > c.arrived+1:
		c.breach("events %d to %d came after event %d", b.seq, last, c.arrived)
		return
	case c.isQuitting || last <= c.arrived:
		return
	case last > c.handled+c.window:
		c.breach("events to %d came, beyond the credit of %d", last, c.handled+c.window)
		return
	}
	for b.seq <= c.arrived {
		b.next()
	}
	c.arrived = last
	c.buffer = append(c.buffer, b)
}
