package zmtp

import (
	"bytes"
	"io"
)

const (
	greetingBytes  = 64
	signatureBytes = 10
	mechanismAt    = 12
	mechanismBytes = 20
	majorVersion   = 3
	minorVersion   = 1
)

// greeting returns what opens a connection: signature, version 3.1, mechanism NULL, no server role.
func greeting() []byte {
	octets := make([]byte, greetingBytes)
	octets[0], octets[8], octets[9] = 0xff, 0x01, 0x7f
	octets[10], octets[11] = majorVersion, minorVersion
	copy(octets[mechanismAt:], "NULL")
	return octets
}

// readGreeting reads the peer's greeting. The signature is judged before anything else is waited for, so that a peer
// that speaks another protocol is recognized by its first bytes.
func readGreeting(r io.Reader) error {
	var octets [greetingBytes]byte
	if _, err := io.ReadFull(r, octets[:1]); err != nil {
		return err
	}
	if octets[0] != 0xff {
		return breach("the peer does not speak ZMTP: its first byte is 0x%02x, not 0xff", octets[0])
	}
	if _, err := io.ReadFull(r, octets[1:signatureBytes+1]); err != nil {
		return err
	}
	if octets[9] != 0x7f {
		return breach("the peer does not speak ZMTP: its signature is % x", octets[:signatureBytes])
	}
	if octets[10] < majorVersion {
		return breach("the peer speaks ZMTP %d; version 3 is needed", octets[10])
	}
	if _, err := io.ReadFull(r, octets[signatureBytes+1:]); err != nil {
		return err
	}
	mechanism := bytes.TrimRight(octets[mechanismAt:mechanismAt+mechanismBytes], "\x00")
	if string(mechanism) != "NULL" {
		return breach("the peer wants security mechanism %q; only NULL is supported", mechanism)
	}
	return nil
}
