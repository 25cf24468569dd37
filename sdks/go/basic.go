package eventengine

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/tapis-project/event-engine/sdks/go/internal/zmtp"
)

// basicMaxBytes is the longest event that is taken in the basic profile, in which engines don't say what they allow.
const basicMaxBytes = 1 << 30

// codeBadMsg is the code of what an engine refuses in the basic profile, where it doesn't say why.
const codeBadMsg = "bad-msg"

// basic is the transport of the basic profile: one connection on which events are asked for, and from the first publish
// on another one for publishes, so that the two never cross.
type basic struct {
	receiving  *lane
	publishing *lane
	life       context.Context
	endLife    context.CancelFunc

	given, accepted uint64 // last publish sent, and accepted; guarded by the turn of publishing

	mu      sync.Mutex
	failure *Error // why life has ended
}

func newBasic(d *dialer, heartbeat time.Duration, conn *zmtp.Conn) *basic {
	b := &basic{}
	b.life, b.endLife = context.WithCancel(context.Background())
	b.receiving = newLane(d, heartbeat, b.life)
	b.publishing = newLane(d, heartbeat, b.life)
	b.receiving.use(conn)
	return b
}

// end makes all calls fail from now on, those that wait included. It reports whether nobody has done so before.
func (b *basic) end(failure *Error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failure != nil {
		return false
	}
	b.failure = failure
	b.endLife()
	return true
}

// refusal returns why calls fail now, or nil.
func (b *basic) refusal() *Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failure == nil || b.failure.Kind == Closed {
		return b.failure
	}
	return newError(Closed, b.failure, "the client has ended")
}

// explained returns failure, or in its place why the client has ended. A fault of the peer ends the client.
func (b *basic) explained(failure *Error) *Error {
	if failure.Kind == Protocol {
		b.end(failure)
	}
	if failure.Kind == Closed {
		if why := b.refusal(); why != nil {
			explained := *why
			explained.Unsettled = failure.Unsettled
			return &explained
		}
	}
	return failure
}

// enter waits for the turn on a lane.
func (b *basic) enter(ctx context.Context, l *lane) *Error {
	if ended(ctx) {
		return timeoutError(ctx, "before anything was asked of the engine")
	}
	if failure := b.refusal(); failure != nil {
		return failure
	}
	if failure := l.enter(ctx, b.life.Done()); failure != nil {
		return b.explained(failure)
	}
	return nil
}

func (b *basic) nextEvent(ctx context.Context) (Event, error) {
	l := b.receiving
	if failure := b.enter(ctx, l); failure != nil {
		return Event{}, failure
	}
	defer l.leave()
	for {
		if failure := l.connect(ctx); failure != nil {
			return Event{}, b.explained(failure)
		}
		if !l.owed { // else an earlier call has asked, and timed out
			l.request([]byte(nextMsg))
		}
		body, failure := l.await(ctx)
		switch {
		case failure == nil:
			return Event{Data: body}, nil
		case failure.Kind != Transport: // a broken connection takes the request with it: ask again on a new one
			return Event{}, b.explained(failure)
		}
	}
}

func (b *basic) publish(ctx context.Context, events [][]byte) (uint64, error) {
	for i, event := range events {
		if bytes.HasPrefix(event, []byte(commandPrefix)) {
			failure := newError(Rejected, nil, "event %d of %d begins with %q, which the basic profile keeps for commands; "+
				"none was published", i+1, len(events), commandPrefix)
			failure.Code = CodeBadCommand
			return 0, failure
		}
	}
	if failure := b.enter(ctx, b.publishing); failure != nil {
		return 0, failure
	}
	defer b.publishing.leave()
	for _, event := range events {
		if failure := b.publishOne(ctx, event); failure != nil {
			return b.accepted, b.explained(failure)
		}
	}
	return b.accepted, nil
}

func (b *basic) publishOne(ctx context.Context, event []byte) *Error {
	if failure := b.settle(ctx, "an earlier publish, whose call had timed out,"); failure != nil {
		if failure.Kind == Timeout {
			failure.Unsettled = IDs{} // those of this call
		} else {
			failure.reason += "; the event of this call was not published"
		}
		return failure
	}
	if ended(ctx) {
		return timeoutError(ctx, "before the publish was taken")
	}
	if failure := b.publishing.connect(ctx); failure != nil {
		return failure
	}
	b.given++
	b.publishing.request(bytes.Clone(event)) // the caller may change it after a time-out
	return b.settle(ctx, "the publish")
}

// settle waits for the reply to the last publish, if one is owed.
func (b *basic) settle(ctx context.Context, what string) *Error {
	if !b.publishing.owed {
		return nil
	}
	reply, failure := b.publishing.await(ctx)
	switch {
	case failure != nil && failure.Kind == Transport:
		failure.reason = "the connection broke before the reply to " + what + " came: its outcome is unknown"
	case failure != nil:
	case string(reply) == msgPublished:
		b.accepted = b.given
		return nil
	case string(reply) == badMsg:
		failure = newError(Rejected, nil, "the engine refused %s: the event may be too large", what)
		failure.Code = codeBadMsg
		return failure
	default:
		failure = newError(Protocol, nil, "the engine answered %s with %s", what, quoted(reply))
	}
	failure.Unsettled = IDs{First: b.given, Last: b.given}
	return failure
}

// quit settles what is published, ends all calls that wait for events, and says quit where events were asked for.
func (b *basic) quit(ctx context.Context) error {
	if failure := b.refusal(); failure != nil {
		if failure.reason == reasonQuit {
			return nil
		}
		return failure
	}
	unsettled := b.publishing.enter(ctx, nil)
	if unsettled == nil {
		unsettled = b.settle(ctx, "the last publish")
		defer b.publishing.leave()
		defer b.publishing.drop()
	}
	if b.end(regularEnd(reasonQuit)) { // else another call was faster
		if failure := b.sayQuit(ctx); failure != nil {
			return failure
		}
	}
	return asError(unsettled)
}

func (b *basic) sayQuit(ctx context.Context) *Error {
	l := b.receiving
	_ = l.enter(context.Background(), nil) // calls leave at once: the client has ended
	defer l.leave()
	defer l.drop()
	l.life = context.Background()
	if l.conn != nil {
		select {
		case <-l.reader.broken:
			l.drop()
		default:
		}
	}
	if l.conn == nil {
		if failure := l.connect(ctx); failure != nil {
			return failure
		}
	}
	l.request([]byte(quit))
	l.conn.Finish(l.reader.broken, linger)
	return nil
}

func (b *basic) stopping() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failure != nil
}

func (b *basic) close() {
	b.end(regularEnd(reasonClosed))
	for _, l := range []*lane{b.receiving, b.publishing} {
		_ = l.enter(context.Background(), nil) // calls leave at once: the client has ended
		l.drop()
		l.leave()
	}
}
