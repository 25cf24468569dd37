package zmtp

import "net"

// outbox is what a connection has still to write. Short frames are copied one behind the other, long ones are kept by
// reference, so that one writev takes everything and no event is copied twice.
type outbox struct {
	segments net.Buffers
	tail     []byte
	size     int
}

// copyMaxBytes is the length up to which a frame is copied rather than written from where it is.
const copyMaxBytes = 4096

func (o *outbox) addMessage(frames [][]byte) {
	for i, frame := range frames {
		var flags byte
		if i < len(frames)-1 {
			flags = flagMore
		}
		before := len(o.tail)
		o.tail = appendFrameHeader(o.tail, flags, len(frame))
		if len(frame) <= copyMaxBytes {
			o.tail = append(o.tail, frame...)
			o.size += len(o.tail) - before
			continue
		}
		o.size += len(o.tail) - before + len(frame)
		o.segments = append(o.segments, o.tail, frame)
		o.tail = nil
	}
}

func (o *outbox) addOctets(octets []byte) {
	o.tail = append(o.tail, octets...)
	o.size += len(octets)
}

// take returns everything and leaves an empty outbox, which goes on in spare.
func (o *outbox) take(spare []byte) net.Buffers {
	taken := o.segments
	if len(o.tail) > 0 {
		taken = append(taken, o.tail)
	}
	*o = outbox{tail: spare[:0]}
	return taken
}
