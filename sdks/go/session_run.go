package eventengine

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/tapis-project/event-engine/sdks/go/internal/zmtp"
)

// run serves one connection after the other until the session has ended.
func (s *session) run(conn *zmtp.Conn) {
	defer close(s.done)
	defer s.cancel()
	pause := reconnectMin
	for conn != nil {
		greeted, err := s.serve(conn)
		conn.CloseWith(zmtp.ErrClosed)
		if s.lost(err) {
			return
		}
		if greeted {
			pause = reconnectMin
		} else if pause = min(2*pause, reconnectMax); !pauseAbout(s.ctx, pause) {
			return
		}
		conn = s.reconnect()
	}
}

// serve reads a connection until it breaks. greeted says whether the engine has opened the session on it.
func (s *session) serve(conn *zmtp.Conn) (greeted bool, err error) {
	go conn.Heartbeat(s.heartbeat, s.heartbeat, s.ctx.Done())
	stop := context.AfterFunc(s.ctx, func() { conn.CloseWith(zmtp.ErrClosed) })
	defer stop()
	s.mu.Lock()
	s.conn = conn
	s.core.connected()
	s.unlock()
	for {
		frames, err := conn.ReadMessage()
		if err != nil {
			return greeted, err
		}
		s.mu.Lock()
		s.core.received(frames)
		if !greeted && s.core.open() {
			greeted = true
			s.graceOff()
			conn.SetLimits(zmtp.Limits{Frames: 2, Bytes: max(s.core.maxEventBytes, batchMaxBytes) + headerMaxBytes})
		}
		over := s.core.phase == stateEnded && !s.core.isClosed // after Close the engine may still be reading
		s.unlock()
		if over {
			return greeted, zmtp.ErrClosed
		}
	}
}

// lost takes note that the connection broke and reports whether the session is over.
func (s *session) lost(err error) bool {
	s.mu.Lock()
	defer s.unlock()
	s.conn = nil
	s.lastFailure = err
	if isBreach(err) {
		s.core.fail(Protocol, err, "the engine broke the protocol")
	}
	s.core.disconnected()
	if s.core.phase == stateEnded {
		s.graceOff()
		return true
	}
	if s.core.welcomed && s.graceTimer == nil {
		s.graceTimer = time.AfterFunc(s.core.grace, s.graceOver)
	}
	return false
}

func (s *session) graceOff() {
	if s.graceTimer != nil {
		s.graceTimer.Stop()
		s.graceTimer = nil
	}
}

func (s *session) graceOver() {
	s.mu.Lock()
	over := !s.core.open() && s.graceTimer != nil
	if over {
		s.core.fail(Closed, s.lastFailure, "the session is lost: no connection to %s for %v", s.dialer.endpoint, s.core.grace)
	}
	s.unlock()
	if over {
		s.cancel()
	}
}

// reconnect returns a new connection, or nil if the session has ended.
func (s *session) reconnect() *zmtp.Conn {
	conn, failure := s.dialer.connect(s.ctx, reconnectMin, s.tried)
	if failure == nil && conn.PeerSocketType() != "ROUTER" {
		failure = newError(Protocol, nil, "the socket at %s is a %s now", s.dialer.endpoint, conn.PeerSocketType())
		conn.CloseWith(failure)
	}
	if failure == nil {
		return conn
	}
	s.mu.Lock()
	defer s.unlock()
	if failure.Kind == Protocol {
		s.core.fail(Protocol, failure, "the session is lost")
	}
	s.graceOff()
	return nil
}

// tried takes note of a try to connect that failed. After quit was sent, a port that goes on refusing connections has
// closed: the plugin has finished.
func (s *session) tried(err error) {
	s.mu.Lock()
	defer s.unlock()
	s.lastFailure = err
	switch {
	case !errors.Is(err, syscall.ECONNREFUSED) || !s.core.quitSent:
		s.refused = time.Time{}
	case s.refused.IsZero():
		s.refused = time.Now()
	case time.Since(s.refused) > reconnectMax:
		s.core.end(nil)
		s.cancel()
	}
}
