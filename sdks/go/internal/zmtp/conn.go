package zmtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	readBufferBytes = 256 << 10

	// writePatience is how long Flush lets its caller wait for a peer that does not read. After that a goroutine goes on
	// in its place. It bounds how late a cancelled caller can be.
	writePatience = 10 * time.Millisecond

	// writeRounds is how often Flush looks whether others have added something while it wrote.
	writeRounds = 16

	// commandBacklogMaxBytes bounds the answers to PING that a peer can make us keep by not reading them.
	commandBacklogMaxBytes = 1 << 20
)

// Limits bounds what a peer may send. A breach ends the connection with a [*ProtocolError].
type Limits struct {
	// Frames is the largest number of frames in a message.
	Frames int
	// Bytes is the largest sum of the lengths of a message's frames.
	Bytes uint64
}

// Conn is an established ZMTP connection of a DEALER.
type Conn struct {
	netConn  net.Conn
	reader   *bufio.Reader
	peerType string
	limits   Limits

	mu       sync.Mutex // guards what follows
	out      outbox
	spare    []byte // the last tail written, to be used again
	writing  bool   // somebody writes, and takes along what others add
	idle     chan struct{}
	writeErr error

	arrivals atomic.Uint64 // reads that returned something
	closing  sync.Once
	closed   chan struct{}
	closeErr error // why; written before closed is closed
}

// Handshake makes a ZMTP connection of netConn, announcing a DEALER. It returns when the peer's READY has come, or
// fails: with a [*ProtocolError], a [*PeerError], an error of the network, or the reason why ctx ended. After an error
// netConn is closed.
func Handshake(ctx context.Context, netConn net.Conn, limits Limits) (*Conn, error) {
	c := &Conn{netConn: netConn, limits: limits, closed: make(chan struct{})}
	c.reader = bufio.NewReaderSize(countingReader{netConn, &c.arrivals}, readBufferBytes)
	stop := context.AfterFunc(ctx, func() { _ = netConn.Close() })
	err := c.handshake()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = netConn.Close()
		if cause := context.Cause(ctx); cause != nil && !isPeers(err) {
			err = cause
		}
		return nil, err
	}
	return c, nil
}

// handshake sends READY only when the peer's greeting has come: libzmq may lose what follows a greeting in one packet.
func (c *Conn) handshake() error {
	if _, err := c.netConn.Write(greeting()); err != nil {
		return err
	}
	if err := readGreeting(c.reader); err != nil {
		return unexpected(err)
	}
	if _, err := c.netConn.Write(appendReady(nil, "DEALER")); err != nil {
		return err
	}
	flags, size, err := readFrameHeader(c.reader)
	if err != nil {
		return unexpected(err)
	}
	if flags&flagCommand == 0 {
		return breach("a message came before READY")
	}
	received, err := c.readCommand(size)
	if err != nil {
		return err
	}
	switch received.name {
	case "READY":
		c.peerType, err = received.socketType()
		return err
	case "ERROR":
		return &PeerError{Reason: received.errorReason()}
	default:
		return breach("command %q came instead of READY", received.name)
	}
}

// PeerSocketType is the peer's Socket-Type, as its READY said.
func (c *Conn) PeerSocketType() string { return c.peerType }

// SetLimits replaces the limits of messages. Only the reader may call it.
func (c *Conn) SetLimits(limits Limits) { c.limits = limits }

// ReadMessage returns the frames of the next message; each has memory of its own. Commands are dealt with on the way:
// PING is answered. It fails with a [*ProtocolError], a [*PeerError], io.EOF when the peer has closed the connection
// between two messages, the reason of [Conn.CloseWith], or an error of the network.
func (c *Conn) ReadMessage() ([][]byte, error) {
	frames, err := c.readMessage()
	if err != nil {
		select {
		case <-c.closed:
			err = c.closeErr
		default:
		}
	}
	return frames, err
}

func (c *Conn) readMessage() ([][]byte, error) {
	var frames [][]byte
	total := uint64(0)
	for {
		flags, size, err := readFrameHeader(c.reader)
		if err != nil {
			if len(frames) > 0 {
				err = unexpected(err)
			}
			return nil, err
		}
		if flags&flagCommand != 0 {
			if err := c.obey(size); err != nil {
				return nil, err
			}
			continue
		}
		switch {
		case len(frames) == c.limits.Frames:
			return nil, breach("a message of more than %d frames came", c.limits.Frames)
		case size > c.limits.Bytes-total:
			return nil, breach("a message of more than %d bytes came", c.limits.Bytes)
		}
		total += size
		body, err := readBody(c.reader, size)
		if err != nil {
			return nil, err
		}
		if frames == nil {
			frames = make([][]byte, 0, 2)
		}
		frames = append(frames, body)
		if flags&flagMore == 0 {
			return frames, nil
		}
	}
}

func (c *Conn) readCommand(size uint64) (command, error) {
	if size > commandMaxBytes {
		return command{}, breach("a command of %d bytes came", size)
	}
	body, err := readBody(c.reader, size)
	if err != nil {
		return command{}, err
	}
	return parseCommand(body)
}

// obey reads a command between messages and does what it says. Unknown ones are ignored.
func (c *Conn) obey(size uint64) error {
	received, err := c.readCommand(size)
	if err != nil {
		return err
	}
	switch received.name {
	case "PING":
		context, err := received.pingContext()
		if err != nil {
			return err
		}
		c.sendCommand("PONG", context)
	case "ERROR":
		return &PeerError{Reason: received.errorReason()}
	}
	return nil
}

func (c *Conn) sendCommand(name string, data []byte) {
	c.mu.Lock()
	backlog := len(c.out.tail) > commandBacklogMaxBytes
	if !backlog {
		c.out.addOctets(appendCommand(nil, name, data))
	}
	c.mu.Unlock()
	if backlog {
		c.CloseWith(ErrBacklog)
		return
	}
	c.Flush()
}

// Send takes a message for writing. It never blocks; [Conn.Flush] writes. Messages are written in the order of the
// calls, and the frames must not change afterwards.
func (c *Conn) Send(frames ...[]byte) {
	c.mu.Lock()
	if c.writeErr == nil {
		c.out.addMessage(frames)
	}
	c.mu.Unlock()
}

// Flush writes what was sent, in the calling goroutine. If another caller is writing already that one takes it along;
// if the peer does not read, a goroutine goes on writing and Flush returns. Errors end the connection: the reader
// learns of them.
func (c *Conn) Flush() { c.drain(writePatience) }

func (c *Conn) drain(patience time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		return
	}
	for round := 0; c.writeErr == nil && c.out.size > 0; round++ {
		if round == writeRounds && patience > 0 {
			c.writing = true
			go c.goOn(nil) // others go on adding: this caller has done its part
			return
		}
		tail := c.out.tail
		pending := c.out.take(c.spare)
		c.spare = nil
		c.writing = true
		c.mu.Unlock()
		done := c.write(pending, patience)
		c.mu.Lock()
		if !done {
			return // a goroutine goes on and is the one who writes
		}
		c.writing = false
		if cap(tail) <= readBufferBytes {
			c.spare = tail
		}
	}
	if c.idle != nil && !c.writing {
		close(c.idle)
		c.idle = nil
	}
}

// write writes pending and returns true, or hands the rest to a goroutine and returns false.
func (c *Conn) write(pending net.Buffers, patience time.Duration) bool {
	var deadline time.Time // none, whatever another caller has set
	if patience > 0 {
		deadline = time.Now().Add(patience)
	}
	_ = c.netConn.SetWriteDeadline(deadline)
	err := writeTo(c.netConn, &pending)
	switch {
	case err == nil:
		return true
	case patience > 0 && errors.Is(err, os.ErrDeadlineExceeded):
		go c.goOn(pending)
		return false
	}
	c.fail(err)
	return true
}

// writeTo writes pending and leaves in it what could not be written.
func writeTo(netConn net.Conn, pending *net.Buffers) error {
	if len(*pending) != 1 {
		_, err := pending.WriteTo(netConn)
		return err
	}
	n, err := netConn.Write((*pending)[0]) // one buffer, as most are, needs no writev
	(*pending)[0] = (*pending)[0][n:]
	return err
}

// goOn writes the rest of what a caller began, and then whatever else has come in the meantime.
func (c *Conn) goOn(rest net.Buffers) {
	c.write(rest, 0)
	c.mu.Lock()
	c.writing = false
	c.mu.Unlock()
	c.drain(0)
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	c.writeErr = err
	c.out = outbox{}
	c.mu.Unlock()
	c.CloseWith(fmt.Errorf("cannot write: %w", err))
}

// written returns a channel that is closed when nothing is left to be written, or nil if that is so now.
func (c *Conn) written() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.writing && c.out.size == 0 {
		return nil
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	return c.idle
}

// Finish ends the connection so that the peer gets everything that was sent: it waits until all is written, says that
// nothing follows, and waits for the peer to close, while the reader goes on reading; all of this at most for patience.
// A close without it may destroy what the peer has not read yet.
func (c *Conn) Finish(readerDone <-chan struct{}, patience time.Duration) {
	defer c.CloseWith(ErrClosed)
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	c.Flush()
	if written := c.written(); written != nil {
		select {
		case <-written:
		case <-c.closed:
			return
		case <-timeout.C:
			return
		}
	}
	if half, ok := c.netConn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	select {
	case <-readerDone:
	case <-c.closed:
	case <-timeout.C:
	}
}

// CloseWith closes the connection at once. The reader gets reason. Only the first call has an effect.
func (c *Conn) CloseWith(reason error) {
	c.closing.Do(func() {
		c.closeErr = reason
		close(c.closed)
		_ = c.netConn.Close()
	})
}

// Done is closed when the connection was closed from this side.
func (c *Conn) Done() <-chan struct{} { return c.closed }

// isPeers reports whether err is the peer's fault rather than the network's or the caller's.
func isPeers(err error) bool {
	var protocol *ProtocolError
	var peer *PeerError
	return errors.As(err, &protocol) || errors.As(err, &peer)
}

type countingReader struct {
	net.Conn
	arrivals *atomic.Uint64
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if n > 0 {
		r.arrivals.Add(1)
	}
	return n, err
}
