package eventengine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/tapis-project/event-engine/sdks/go/internal/zmtp"
)

// greetingLimits bounds what a peer may send before it is known what it is.
var greetingLimits = zmtp.Limits{Frames: 2, Bytes: batchMaxBytes}

// dialer makes connections to one endpoint.
type dialer struct {
	address, endpoint string
}

// once makes one connection.
func (d *dialer) once(ctx context.Context) (*zmtp.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	var plain net.Dialer
	conn, err := plain.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	return zmtp.Handshake(ctx, conn, greetingLimits)
}

// connect makes a connection, trying again with growing pauses, of which pause is the first, until ctx ends. tried is told
// of each failure. A peer that is no engine ends the tries at once.
func (d *dialer) connect(ctx context.Context, pause time.Duration, tried func(error)) (*zmtp.Conn, *Error) {
	var last error
	for ; ; pause = min(2*pause, reconnectMax) {
		conn, err := d.once(ctx)
		if err == nil {
			return conn, nil
		}
		if isBreach(err) {
			return nil, newError(Protocol, err, "what listens at %s is no engine", d.endpoint)
		}
		if !ended(ctx) {
			last = err
			tried(err)
		}
		if !pauseAbout(ctx, pause) {
			return nil, d.gaveUp(ctx, last)
		}
	}
}

// pauseAbout waits for a random time between half of pause and pause. It reports whether ctx is still alive.
func pauseAbout(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause/2 + rand.N(pause/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (d *dialer) gaveUp(ctx context.Context, last error) *Error {
	var unknown *net.DNSError
	switch {
	case last == nil:
		return newError(Timeout, ctx.Err(), "the context ended before there was a connection to %s", d.endpoint)
	case errors.As(last, &unknown) && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return newError(Transport, causes(ctx, last), "the host of %s has no known address", d.endpoint)
	}
	return newError(Timeout, causes(ctx, last), "nobody listens at %s: is the application running there?", d.endpoint)
}

// causes joins why a call stopped waiting with what went wrong meanwhile.
func causes(ctx context.Context, last error) error {
	if last == nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w; the last try: %w", ctx.Err(), last)
}

// isBreach reports whether err is the peer's fault.
func isBreach(err error) bool {
	var protocol *zmtp.ProtocolError
	var refused *zmtp.PeerError
	return errors.As(err, &protocol) || errors.As(err, &refused)
}
