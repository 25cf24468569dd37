package zmtp

import (
	"errors"
	"fmt"
)

// ErrClosed is what calls return after [Conn.Close].
var ErrClosed = errors.New("the connection is closed")

// ErrSilent ends a connection whose peer answered no heartbeat in time.
var ErrSilent = errors.New("the peer answered no heartbeat")

// ErrBacklog ends a connection whose peer makes us answer but does not read the answers.
var ErrBacklog = errors.New("the peer does not read what it asks for")

// ProtocolError says that the peer broke ZMTP or a limit. The connection is of no further use.
type ProtocolError struct {
	// Reason says what came, for people.
	Reason string
}

func (e *ProtocolError) Error() string { return e.Reason }

func breach(format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...)}
}

// PeerError is an ERROR command: the peer refused this connection in its handshake.
type PeerError struct {
	// Reason is the peer's text.
	Reason string
}

func (e *PeerError) Error() string {
	return fmt.Sprintf("the peer refused the connection: %q", e.Reason)
}
