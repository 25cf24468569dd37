package envelope

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// What protobuf's libraries disagree about, decided: an attribute in a wrong wire type is skipped by some and refused by
// others, and so are groups, over-long integers and U+0000. Every SDK makes this check before its library decodes, so
// that all of them open the same events.

const (
	tagMaxBytes    = 5 // of a tag or a length
	tagMax         = math.MaxUint32
	varintMaxBytes = 10
	secondsMin     = -62_135_596_800 // 0001-01-01T00:00:00Z
	secondsMax     = 253_402_300_799 // 9999-12-31T23:59:59Z
	nanosMax       = 999_999_999
)

var (
	errCutOff = malformedError("a field is cut off")
	errNul    = malformedError("a text contains U+0000")
	errTime   = malformedError("the time is not in the years 1 to 9999")
)

// field is one field as it stands on the wire.
type field struct {
	number   uint64
	wireType protowire.Type
	integer  uint64 // of a VarintType
	bytes    []byte // of a BytesType
}

// check fails unless body is a well-formed Envelope. UTF-8 is left to the decoder.
func check(body []byte) error {
	return eachField(body, func(f field) error {
		switch {
		case f.number > 8:
			return nil
		case f.wireType != protowire.BytesType:
			return malformedError("an attribute has the wrong wire type")
		case f.number == 4:
			return eachField(f.bytes, checkTime)
		case f.number != 8 && bytes.IndexByte(f.bytes, 0) >= 0:
			return errNul
		default:
			return nil
		}
	})
}

func checkTime(f field) error {
	switch {
	case f.number > 2:
		return nil
	case f.wireType != protowire.VarintType:
		return malformedError("a part of the time has the wrong wire type")
	case f.number == 1 && (int64(f.integer) < secondsMin || int64(f.integer) > secondsMax):
		return errTime
	case f.number == 2 && f.integer > nanosMax:
		return errTime
	default:
		return nil
	}
}

func eachField(rest []byte, visit func(field) error) error {
	for len(rest) > 0 {
		tag, after, err := varint(rest, tagMaxBytes, tagMax)
		if err != nil {
			return err
		}
		if size := len(rest) - len(after); size > 1 && rest[size-1] == 0 {
			// protobuf's slower runtime for Python takes a padded tag for one that it does not know.
			return malformedError("a tag is not in its shortest form")
		}
		f := field{number: tag >> 3, wireType: protowire.Type(tag & 7)}
		var size uint64
		switch f.wireType {
		case protowire.VarintType:
			f.integer, after, err = varint(after, varintMaxBytes, math.MaxUint64)
		case protowire.BytesType:
			size, after, err = varint(after, tagMaxBytes, tagMax)
		case protowire.Fixed64Type:
			size = 8
		case protowire.Fixed32Type:
			size = 4
		default:
			err = malformedError("a field has no wire type of proto3")
		}
		if err != nil {
			return err
		}
		if size > uint64(len(after)) {
			return errCutOff
		}
		if f.number == 0 {
			return malformedError("a field has the number 0")
		}
		f.bytes, rest = after[:size], after[size:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func varint(from []byte, maxBytes int, limit uint64) (value uint64, rest []byte, err error) {
	value, size := protowire.ConsumeVarint(from)
	switch {
	case size < 0:
		return 0, nil, malformedError(protowire.ParseError(size).Error())
	case size > maxBytes || value > limit:
		return 0, nil, malformedError("an integer is too large")
	default:
		return value, from[size:], nil
	}
}
