package eventengine

// publishing is the part of core that sends events and learns that they are accepted.
type publishing struct {
	windowEvents, windowBytes uint64 // of what may be unanswered, by the last welcome

	given   uint64 // last id given to an event
	emitted uint64 // last id sent, on this connection or so that the engine has it
	settled uint64 // last id accepted

	waiting         [][]byte // events emitted+1 to given: there was no room for them yet
	unanswered      []parcel // events settled+1 to emitted, to be sent again on a new connection
	unansweredBytes uint64
}

// parcel is one publish message: events first to first+count-1.
type parcel struct {
	first, count uint64
	payload      []byte
	packed       bool
}

func (p parcel) last() uint64 { return p.first + p.count - 1 }

// bytes returns the length of the events alone.
func (p parcel) bytes() uint64 {
	if p.packed {
		return uint64(len(p.payload)) - p.count*lengthBytes
	}
	return uint64(len(p.payload))
}

// skip takes the events up to id out of p and returns their length. id lies before p's last event.
func (p *parcel) skip(id uint64) uint64 {
	before := p.bytes()
	rest := batch{seq: p.first, count: p.count, payload: p.payload, packed: p.packed}
	for rest.seq <= id {
		rest.next()
	}
	p.first, p.count, p.payload = rest.seq, rest.count, rest.payload
	return before - p.bytes()
}

// split returns p's events up to id, as a parcel, and the others one by one. id lies before p's last event.
func (p parcel) split(id uint64) (head parcel, tail [][]byte) {
	rest := batch{seq: p.first, count: p.count, payload: p.payload, packed: p.packed}
	for rest.seq <= id {
		rest.next()
	}
	head = p
	head.count = rest.seq - p.first
	head.payload = p.payload[:len(p.payload)-len(rest.payload)]
	for rest.count > 0 {
		tail = append(tail, rest.next())
	}
	return head, tail
}

func (c *core) unsettled() IDs {
	if c.given == c.settled {
		return IDs{}
	}
	return IDs{First: c.settled + 1, Last: c.given}
}

// publish gives ids to events. They are copied when they are sent; until then they are referred to, see adopt. It fails if
// nothing may be published any more, or an event is too large; then no id is given to any.
func (c *core) publish(events [][]byte) (IDs, *Error) {
	if failure := c.refusal(); failure != nil {
		return IDs{}, failure
	}
	if failure := c.checkSizes(events); failure != nil {
		return IDs{}, failure
	}
	ids := IDs{First: c.given + 1, Last: c.given + uint64(len(events))}
	c.given = ids.Last
	c.waiting = append(c.waiting, events...)
	c.emit()
	return ids, nil
}

// checkSizes returns an error if an event is longer than the engine takes. Before the first welcome nobody knows.
func (c *core) checkSizes(events [][]byte) *Error {
	for i, event := range events {
		if c.welcomed && uint64(len(event)) > c.maxEventBytes {
			failure := newError(Rejected, nil, "event %d of %d has %d bytes and the engine takes at most %d; none was published",
				i+1, len(events), len(event), c.maxEventBytes)
			failure.Code = CodeTooLarge
			return failure
		}
	}
	return nil
}

// adopt copies what publish still refers to, so that its caller may change the events.
func (c *core) adopt() {
	for i, event := range c.waiting {
		c.waiting[i] = append(make([]byte, 0, len(event)), event...)
	}
}

// emit sends what waits, as far as the window allows, and behind the last publish the quit.
func (c *core) emit() {
	if !c.open() || c.quitOnWire {
		return
	}
	for len(c.waiting) > 0 {
		p := c.pack()
		if p.count == 0 {
			return
		}
		c.emitted = p.last()
		c.unanswered = append(c.unanswered, p)
		c.unansweredBytes += p.bytes()
		header := newHeader(verbPublish).integer("id", p.first)
		if p.packed {
			header = header.integer("count", p.count)
		}
		c.send(header, p.payload)
	}
	c.waiting = nil
	if c.isQuitting {
		c.sendQuit()
	}
}

// pack takes as many of the events that wait as fit into a batch and the window. An event longer than a batch travels
// alone; one event is always allowed.
func (c *core) pack() parcel {
	p := parcel{first: c.emitted + 1}
	room := c.windowEvents - min(c.windowEvents, c.emitted-c.settled)
	bytes, size := c.unansweredBytes, 0
	for _, event := range c.waiting {
		bytes += uint64(len(event))
		size += lengthBytes + len(event)
		alone := c.emitted == c.settled && p.count == 0
		if p.count == room || bytes > c.windowBytes && !alone || size > batchTargetBytes && p.count > 0 {
			break
		}
		p.count++
	}
	events := c.waiting[:p.count]
	if p.packed = p.count > 1; p.packed {
		p.payload = make([]byte, 0, packedSize(events))
		for _, event := range events {
			p.payload = appendPacked(p.payload, event)
		}
	} else if p.count == 1 {
		p.payload = append(make([]byte, 0, len(events[0])), events[0]...)
	}
	clear(events)
	c.waiting = c.waiting[p.count:]
	return p
}

// resend lets what the engine has not taken wait again, before what waits already. received is the last that it has.
func (c *core) resend(received uint64) {
	var again [][]byte
	kept := c.unanswered[:0]
	c.unansweredBytes = 0
	for _, p := range c.unanswered {
		switch {
		case p.last() <= received:
		case p.first > received:
			_, events := p.split(p.first - 1)
			again = append(again, events...)
			continue
		default:
			head, events := p.split(received)
			again = append(again, events...)
			p = head
		}
		kept = append(kept, p)
		c.unansweredBytes += p.bytes()
	}
	clear(c.unanswered[len(kept):])
	c.unanswered = kept
	c.emitted = received
	c.waiting = append(again, c.waiting...)
}

// settle takes note that everything to id is accepted.
func (c *core) settle(id uint64) {
	if id > c.emitted {
		c.breach("publishes to %d were called accepted, and %d is the last that was sent", id, c.emitted)
		return
	}
	if id <= c.settled {
		return
	}
	c.settled = id
	done := 0
	for ; done < len(c.unanswered) && c.unanswered[done].last() <= id; done++ {
		c.unansweredBytes -= c.unanswered[done].bytes()
		c.unanswered[done] = parcel{}
	}
	c.unanswered = c.unanswered[done:]
	if len(c.unanswered) > 0 && c.unanswered[0].first <= id {
		c.unansweredBytes -= c.unanswered[0].skip(id)
	}
	c.emit()
}
