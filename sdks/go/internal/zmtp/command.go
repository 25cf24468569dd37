package zmtp

import (
	"encoding/binary"
	"strings"
)

const (
	// commandMaxBytes bounds commands of the peer: READY holds a few short properties, the others less.
	commandMaxBytes = 8192
	// pingContextMaxBytes is ZMTP 3.1's bound of what a PONG has to echo.
	pingContextMaxBytes = 16
)

// command is a frame with the command flag: a name and what belongs to it.
type command struct {
	name string
	data []byte
}

func appendCommand(dst []byte, name string, data []byte) []byte {
	size := 1 + len(name) + len(data)
	dst = appendFrameHeader(dst, flagCommand, size)
	dst = append(dst, byte(len(name)))
	dst = append(dst, name...)
	return append(dst, data...)
}

func parseCommand(body []byte) (command, error) {
	if len(body) == 0 || body[0] == 0 || int(body[0]) > len(body)-1 {
		return command{}, breach("a command without a name came")
	}
	end := 1 + int(body[0])
	return command{name: string(body[1:end]), data: body[end:]}, nil
}

// appendReady appends the READY command of a socket of the given type.
func appendReady(dst []byte, socketType string) []byte {
	var data []byte
	data = appendProperty(data, "Socket-Type", socketType)
	data = appendProperty(data, "Identity", "")
	return appendCommand(dst, "READY", data)
}

func appendProperty(dst []byte, name, value string) []byte {
	dst = append(dst, byte(len(name)))
	dst = append(dst, name...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// socketType returns the property Socket-Type of a READY command. Names of properties ignore case.
func (c command) socketType() (string, error) {
	found := ""
	for rest := c.data; len(rest) > 0; {
		nameEnd := 1 + int(rest[0])
		if nameEnd == 1 || len(rest) < nameEnd+4 {
			return "", breach("READY holds a malformed property")
		}
		name := string(rest[1:nameEnd])
		size := uint64(binary.BigEndian.Uint32(rest[nameEnd:]))
		rest = rest[nameEnd+4:]
		if size > uint64(len(rest)) {
			return "", breach("READY's property %q is cut off", name)
		}
		if strings.EqualFold(name, "Socket-Type") {
			found = string(rest[:size])
		}
		rest = rest[size:]
	}
	if found == "" {
		return "", breach("READY names no Socket-Type")
	}
	return found, nil
}

// errorReason returns the text of an ERROR command.
func (c command) errorReason() string {
	if len(c.data) == 0 {
		return ""
	}
	return string(c.data[1:min(len(c.data), 1+int(c.data[0]))])
}

// pingContext returns what the PONG to a PING has to echo.
func (c command) pingContext() ([]byte, error) {
	const ttlBytes = 2
	if len(c.data) < ttlBytes || len(c.data) > ttlBytes+pingContextMaxBytes {
		return nil, breach("a malformed PING of %d bytes came", len(c.data))
	}
	return c.data[ttlBytes:], nil
}
