package eventengine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/tapis-project/event-engine/sdks/go/internal/zmtp"
)

// session is the transport of the session profile: a core, whoever calls, and one goroutine that reads, and connects
// again when the connection breaks. Callers write by themselves.
type session struct {
	dialer    *dialer
	heartbeat time.Duration
	ctx       context.Context // ends with the session
	cancel    context.CancelFunc
	done      chan struct{} // closed when nothing runs any more

	mu          sync.Mutex // guards what follows
	core        *core
	conn        *zmtp.Conn  // nil while there is none
	graceTimer  *time.Timer // runs while the connection is broken
	lastFailure error       // why there is no connection
	refused     time.Time   // since when the port refuses connections, after quit was sent
	seen        state       // the state that waiting callers know
	arrival     signal      // there are events, or another state
	change      signal      // there is another state
	room        signal      // nothing waits to be sent any more, or there is another state
	publishers  []*publisher
}

// publisher is a caller that waits until the publishes up to last are accepted.
type publisher struct {
	last     uint64
	accepted bool          // read it after done
	done     chan struct{} // closed when they are, or when the session has ended
}

// signal wakes everybody who waits for it. The zero value is ready; a session's lock guards it.
type signal struct{ waiting chan struct{} }

func (s *signal) wait() <-chan struct{} {
	if s.waiting == nil {
		s.waiting = make(chan struct{})
	}
	return s.waiting
}

func (s *signal) fire() {
	if s.waiting != nil {
		close(s.waiting)
		s.waiting = nil
	}
}

func newSession(d *dialer, settings *settings) *session {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	ctx, cancel := context.WithCancel(context.Background())
	return &session{
		dialer:    d,
		heartbeat: settings.heartbeat,
		ctx:       ctx,
		cancel:    cancel,
		done:      make(chan struct{}),
		core:      newCore(hex.EncodeToString(id[:]), settings.name, settings.window),
		seen:      stateConnecting,
	}
}

// open opens the session on its first connection and waits until the application has started.
func (s *session) open(ctx context.Context, conn *zmtp.Conn) error {
	go s.run(conn)
	s.mu.Lock()
	for {
		failure, started := s.core.refusal(), s.core.phase == stateRunning || s.core.isStopped
		if failure != nil || started {
			s.unlock()
			return asError(failure)
		}
		changed := s.change.wait()
		s.unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return s.giveUpOpening(ctx)
		}
		s.mu.Lock()
	}
}

func (s *session) giveUpOpening(ctx context.Context) error {
	s.mu.Lock()
	endpoint, failure := s.dialer.endpoint, s.lastFailure
	var err *Error
	switch s.core.phase {
	case stateConnecting:
		err = newError(Timeout, causes(ctx, failure), "the connection to %s broke", endpoint)
	case stateGreeting:
		err = newError(Timeout, ctx.Err(), "connected to %s, but the engine does not answer: does it have the session profile?",
			endpoint)
	default:
		err = newError(Timeout, ctx.Err(), "connected to %s as plugin %s, but the application waits for others of its "+
			"plugins to be ready", endpoint, s.core.plugin)
	}
	s.unlock()
	s.close()
	return err
}

// unlock sends what the core has to say, wakes who waited for what happened, and lets go of the lock.
func (s *session) unlock() {
	conn, sent := s.conn, len(s.core.out) > 0
	for i, frames := range s.core.out {
		if conn != nil {
			conn.Send(frames...)
		}
		s.core.out[i] = nil
	}
	s.core.out = s.core.out[:0]
	s.wake()
	s.mu.Unlock()
	if sent && conn != nil {
		conn.Flush()
	}
}

func (s *session) wake() {
	changed := s.core.state() != s.seen
	s.seen = s.core.state()
	if changed || len(s.core.buffer) > 0 {
		s.arrival.fire()
	}
	if changed {
		s.change.fire()
	}
	if changed || len(s.core.waiting) == 0 {
		s.room.fire()
	}
	over := s.core.phase == stateEnded
	for len(s.publishers) > 0 && (over || s.publishers[0].last <= s.core.settled) {
		p := s.publishers[0]
		s.publishers[0] = nil
		s.publishers = s.publishers[1:]
		p.accepted = p.last <= s.core.settled
		close(p.done)
	}
}

// asError avoids the trap of a nil pointer in an interface that is not nil.
func asError(failure *Error) error {
	if failure == nil {
		return nil
	}
	return failure
}

// timeout is timeoutError, and tells of a broken connection if that is why nothing came.
func (s *session) timeout(ctx context.Context, what string) *Error {
	failure := timeoutError(ctx, what)
	if s.conn == nil && s.lastFailure != nil {
		failure.cause = fmt.Errorf("%w; the connection is broken and there is no new one yet: %w", ctx.Err(), s.lastFailure)
	}
	return failure
}

func (s *session) nextEvent(ctx context.Context) (Event, error) {
	for {
		s.mu.Lock()
		if ended(ctx) {
			defer s.unlock()
			return Event{}, s.timeout(ctx, "before an event came")
		}
		event, ok, failure := s.core.next()
		if ok || failure != nil {
			s.unlock()
			return event, asError(failure)
		}
		arrival := s.arrival.wait()
		s.unlock()
		select {
		case <-arrival:
		case <-ctx.Done():
		}
	}
}

func (s *session) publish(ctx context.Context, events [][]byte) (uint64, error) {
	if ended(ctx) {
		return 0, timeoutError(ctx, "before the publish was taken")
	}
	s.mu.Lock()
	// Those who came before go first. A publish whose context ends meanwhile is taken all the same: it is on its way.
	for len(s.core.waiting) > 0 && !s.core.isQuitting && !ended(ctx) {
		room := s.room.wait()
		s.unlock()
		select {
		case <-room:
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	ids, failure := s.core.publish(events)
	if failure != nil || len(events) == 0 {
		defer s.unlock()
		return s.core.settled, asError(failure)
	}
	p := s.await(ids.Last)
	s.unlock()
	select {
	case <-p.done:
		if p.accepted {
			return ids.Last, nil
		}
	case <-ctx.Done():
	}
	return s.unaccepted(ctx, ids)
}

// unaccepted is for a publisher who waits no longer, because its context or the session has ended.
func (s *session) unaccepted(ctx context.Context, ids IDs) (uint64, error) {
	s.mu.Lock()
	defer s.unlock()
	if ids.Last <= s.core.settled {
		return ids.Last, nil
	}
	if s.core.phase == stateEnded {
		return s.core.settled, s.core.refusal()
	}
	s.core.adopt()
	err := s.timeout(ctx, "before the engine had accepted what was published")
	err.Unsettled = IDs{First: max(ids.First, s.core.settled+1), Last: ids.Last}
	return s.core.settled, err
}

// await returns a publisher for everything up to id.
func (s *session) await(id uint64) *publisher {
	p := &publisher{last: id, done: make(chan struct{})}
	s.publishers = append(s.publishers, p)
	return p
}

func (s *session) quit(ctx context.Context) error {
	s.mu.Lock()
	if failure := s.core.quit(); failure != nil {
		s.unlock()
		return failure
	}
	for s.core.phase != stateEnded {
		changed := s.change.wait()
		s.unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return s.giveUpQuitting(ctx)
		}
		s.mu.Lock()
	}
	failure := s.core.failure
	s.core.isReported = s.core.isReported || failure != nil // here: later calls learn only that the session is closed
	s.unlock()
	s.release()
	return asError(failure)
}

// giveUpQuitting ends the session without an answer to quit. Even now quit is sent if there is a connection.
func (s *session) giveUpQuitting(ctx context.Context) error {
	s.mu.Lock()
	s.core.quitNow()
	failure := newError(Timeout, causes(ctx, s.lastFailure), "the engine has not answered quit")
	if !s.core.unsettled().Empty() {
		failure.reason = "the client has quit before the engine had accepted what was published"
	}
	if !s.refused.IsZero() {
		failure = nil // the port is closed: the plugin has finished
	}
	s.core.isClosed = true
	if s.core.phase != stateEnded {
		s.core.end(failure)
	}
	failure = s.core.failure
	s.unlock()
	s.release()
	return asError(failure)
}

func (s *session) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.isStopped || s.core.isQuitting || s.core.phase == stateEnded
}

func (s *session) close() {
	s.mu.Lock()
	s.core.close()
	s.unlock()
	s.release()
}

// release closes the connection, once the peer has what was sent, and waits until nothing runs any more.
func (s *session) release() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.Finish(s.done, linger)
	}
	s.cancel()
	<-s.done
}
