package eventengine

import "fmt"

// Event is one event of another plugin, or of this one if it subscribed to its own.
type Event struct {
	// Data is the event's bytes. They are the receiver's to keep and to change. Small events come packed, many in one
	// message: as long as one of them is referred to, the memory of its message (about 64 KiB) is held. Whoever keeps few
	// out of many copies them (bytes.Clone).
	Data []byte
	// Sequence is the event's position among those of this session, from 1, without gaps. It is 0 in the basic profile.
	Sequence uint64
	// Redelivered says that the event was delivered before, to a client that went away before it had asked for the next
	// event. That client may or may not have acted on it.
	Redelivered bool
}

// String returns a short form for people: the sequence and how the data begins.
func (e Event) String() string {
	mark := ""
	if e.Redelivered {
		mark = " (redelivered)"
	}
	return fmt.Sprintf("event %d%s: %s", e.Sequence, mark, quoted(e.Data))
}

// quoted shows at most the first bytes of what came from outside, safely.
func quoted(octets []byte) string {
	const most = 200
	if len(octets) > most {
		return fmt.Sprintf("%q… (%d bytes)", octets[:most], len(octets))
	}
	return fmt.Sprintf("%q", octets)
}
