package eventengine

import (
	"context"
	"time"

	"github.com/tapis-project/event-engine/sdks/go/internal/zmtp"
)

// lane is a connection of the basic profile, on which one request at a time is made and answered.
type lane struct {
	dialer    *dialer
	heartbeat time.Duration
	life      context.Context // ends with the client
	turn      chan struct{}   // holds a token while nobody uses the lane; who took it may use what follows

	conn   *zmtp.Conn
	reader *laneReader // of conn
	owed   bool        // a request is unanswered
	breaks int         // connections in a row that broke without an answer
}

// laneReader is the goroutine that reads a connection of a lane.
type laneReader struct {
	answers chan []byte
	broken  chan struct{} // closed when nobody reads any more
	err     error         // why; read it after broken
}

func newLane(d *dialer, heartbeat time.Duration, life context.Context) *lane {
	l := &lane{dialer: d, heartbeat: heartbeat, life: life, turn: make(chan struct{}, 1)}
	l.leave()
	return l
}

// enter takes the turn. until may be nil.
func (l *lane) enter(ctx context.Context, until <-chan struct{}) *Error {
	select {
	case <-l.turn:
		return nil
	case <-until:
		return newError(Closed, nil, "the client has ended")
	case <-ctx.Done():
		return timeoutError(ctx, "while another call was using the connection")
	}
}

func (l *lane) leave() { l.turn <- struct{}{} }

// use makes conn the lane's connection.
func (l *lane) use(conn *zmtp.Conn) {
	conn.SetLimits(zmtp.Limits{Frames: 2, Bytes: basicMaxBytes})
	l.conn, l.owed = conn, false
	l.reader = &laneReader{answers: make(chan []byte, 1), broken: make(chan struct{})}
	go conn.Heartbeat(l.heartbeat, l.heartbeat, nil)
	go l.reader.run(conn)
}

// run takes what the engine answers until the connection breaks.
func (r *laneReader) run(conn *zmtp.Conn) {
	defer close(r.broken)
	for {
		frames, err := conn.ReadMessage()
		if err == nil && (len(frames) != 2 || len(frames[0]) != 0) {
			err = &zmtp.ProtocolError{Reason: "a reply without an empty frame before it came"}
		}
		if err != nil {
			r.err = err
			conn.CloseWith(err)
			return
		}
		select {
		case r.answers <- frames[1]:
		case <-conn.Done():
			r.err = zmtp.ErrClosed
			return
		}
	}
}

// connect makes sure that there is a connection, trying as long as an engine may take to come back. ctx and the client's
// end end it.
func (l *lane) connect(ctx context.Context) *Error {
	if l.conn != nil && !l.owed {
		select {
		case body := <-l.reader.answers:
			return newError(Protocol, nil, "the engine sent %s unasked", quoted(body))
		case <-l.reader.broken:
			l.drop()
		default:
		}
	}
	if l.conn != nil {
		return nil
	}
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	stop := context.AfterFunc(l.life, cancel)
	defer stop()
	pause := min(reconnectMin<<min(l.breaks, 10), reconnectMax)
	if l.breaks > 1 {
		pauseAbout(dialing, pause)
	}
	conn, failure := l.dialer.connect(dialing, pause, func(error) {})
	switch {
	case failure == nil:
		l.use(conn)
		return nil
	case failure.Kind == Protocol:
		return failure
	case l.life.Err() != nil:
		return newError(Closed, nil, "the client has ended")
	case ended(ctx):
		return failure
	}
	return newError(Closed, failure, "the engine is gone: %s took no connection for %v", l.dialer.endpoint, connectTimeout)
}

// request sends a request on the connection that connect has made sure of.
func (l *lane) request(body []byte) {
	l.owed = true
	l.conn.Send(nil, body)
	l.conn.Flush()
}

// await waits for the answer to the last request. It fails with kind Transport if the connection breaks; then there is
// none any more, and nothing is owed.
func (l *lane) await(ctx context.Context) ([]byte, *Error) {
	select {
	case body := <-l.reader.answers:
		l.owed, l.breaks = false, 0
		return body, nil
	case <-l.reader.broken:
		return l.lastAnswer()
	case <-ctx.Done():
		return nil, timeoutError(ctx, "before the engine answered")
	case <-l.life.Done():
		return nil, newError(Closed, nil, "the client has ended")
	}
}

// lastAnswer returns what came before the connection broke, if anything did.
func (l *lane) lastAnswer() ([]byte, *Error) {
	select {
	case body := <-l.reader.answers:
		l.owed, l.breaks = false, 0
		return body, nil
	default:
	}
	err := l.reader.err
	l.drop()
	if isBreach(err) {
		return nil, newError(Protocol, err, "the engine broke the protocol")
	}
	return nil, newError(Transport, err, "the connection to %s broke", l.dialer.endpoint)
}

func (l *lane) drop() {
	if l.conn != nil {
		l.conn.CloseWith(zmtp.ErrClosed)
		l.conn, l.owed = nil, false
		l.breaks++
	}
}
