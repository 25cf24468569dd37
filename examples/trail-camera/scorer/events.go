package main

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/tapis-project/event-engine/examples/trail-camera/scorer/internal/pb"
)

// How the types of events begin; see events.md.
const (
	prefixDetected = "DT"
	prefixScored   = "SC"
	prefixStore    = "ST"
	prefixDelete   = "DE"
)

// readDetected reads an event of type detected.
func readDetected(event []byte) (*pb.Detected, error) {
	body, found := bytes.CutPrefix(event, []byte(prefixDetected))
	if !found {
		return nil, fmt.Errorf("%.20q is no detection", event)
	}
	detected := new(pb.Detected)
	if err := proto.Unmarshal(body, detected); err != nil {
		return nil, fmt.Errorf("a detection that is malformed: %w", err)
	}
	return detected, nil
}

// scoredEvent makes an event of type scored.
func scoredEvent(scored *pb.Scored) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend([]byte(prefixScored), scored)
}

// orderEvent makes the order for a picture with this score: to store it, or to delete it.
func orderEvent(id, score, threshold uint32) []byte {
	prefix := prefixDelete
	if score >= threshold {
		prefix = prefixStore
	}
	event := binary.BigEndian.AppendUint32([]byte(prefix), id)
	return binary.BigEndian.AppendUint16(event, uint16(score)) // at most scoreMax
}
