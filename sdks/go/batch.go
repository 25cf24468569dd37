package eventengine

import "encoding/binary"

// A packed payload is a sequence of events, each behind its length in lengthBytes octets, big end first.
const lengthBytes = 4

// batch is the events of one message that were not returned yet.
type batch struct {
	seq         uint64 // of the first event in payload
	count       uint64 // events left
	payload     []byte
	packed      bool
	redelivered bool
}

// checkBatch returns an empty string if payload holds exactly count packed events, else the code of what is wrong.
func checkBatch(payload []byte, count uint64) (code string) {
	if len(payload) > batchMaxBytes {
		return CodeTooLarge
	}
	for ; count > 0 && len(payload) >= lengthBytes; count-- {
		size := uint64(binary.BigEndian.Uint32(payload))
		payload = payload[lengthBytes:]
		if size > uint64(len(payload)) {
			return CodeBadParam
		}
		payload = payload[size:]
	}
	if count > 0 || len(payload) > 0 {
		return CodeBadParam
	}
	return ""
}

// next takes the first event out of b, which was validated and is not empty. The event has capacity for no more than
// itself, so appending to it does not touch its neighbour.
func (b *batch) next() []byte {
	b.count--
	b.seq++
	if !b.packed {
		return b.payload
	}
	end := lengthBytes + int(binary.BigEndian.Uint32(b.payload))
	event := b.payload[lengthBytes:end:end]
	b.payload = b.payload[end:]
	return event
}

// appendPacked appends event to a packed payload.
func appendPacked(payload, event []byte) []byte {
	payload = binary.BigEndian.AppendUint32(payload, uint32(len(event)))
	return append(payload, event...)
}

// packedSize returns the length of events as a packed payload.
func packedSize(events [][]byte) (size int) {
	for _, event := range events {
		size += lengthBytes + len(event)
	}
	return size
}
