package zmtp

import (
	"bufio"
	"encoding/binary"
	"io"
)

const (
	flagMore    = 0x01
	flagLong    = 0x02
	flagCommand = 0x04

	shortMaxBytes = 255

	// A frame of up to growFrom bytes is allocated at once; a longer one begins with that and grows by growFactor each
	// time what was allocated has arrived.
	growFrom   = 1 << 20
	growFactor = 4
)

// appendFrameHeader appends the flags and the length of a frame of size bytes.
func appendFrameHeader(dst []byte, flags byte, size int) []byte {
	if size <= shortMaxBytes {
		return append(dst, flags, byte(size))
	}
	dst = append(dst, flags|flagLong)
	return binary.BigEndian.AppendUint64(dst, uint64(size))
}

// readFrameHeader reads the flags and the length of a frame.
func readFrameHeader(r *bufio.Reader) (flags byte, size uint64, err error) {
	if flags, err = r.ReadByte(); err != nil {
		return 0, 0, err
	}
	switch {
	case flags&^(flagMore|flagLong|flagCommand) != 0:
		return 0, 0, breach("a frame with the reserved flags 0x%02x came", flags)
	case flags&flagCommand != 0 && flags&flagMore != 0:
		return 0, 0, breach("a command in more than one frame came")
	}
	if flags&flagLong == 0 {
		short, err := r.ReadByte()
		return flags, uint64(short), unexpected(err)
	}
	var octets [8]byte
	if _, err := io.ReadFull(r, octets[:]); err != nil {
		return 0, 0, unexpected(err)
	}
	return flags, binary.BigEndian.Uint64(octets[:]), nil
}

// readBody reads size bytes into a buffer of their own.
func readBody(r *bufio.Reader, size uint64) ([]byte, error) {
	body := make([]byte, min(size, growFrom))
	for filled := 0; ; {
		if _, err := io.ReadFull(r, body[filled:]); err != nil {
			return nil, unexpected(err)
		}
		filled = len(body)
		if uint64(filled) == size {
			return body, nil
		}
		grown := make([]byte, min(size, uint64(filled)*growFactor))
		copy(grown, body)
		body = grown
	}
}

// unexpected turns an end between the bytes of a unit into what it is: an end where none may be.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
