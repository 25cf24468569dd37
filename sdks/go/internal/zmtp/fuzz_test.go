package zmtp

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// octetsConn is a connection on which the peer has said everything already.
type octetsConn struct {
	io.Reader
}

func (octetsConn) Write(p []byte) (int, error)      { return len(p), nil }
func (octetsConn) Close() error                     { return nil }
func (octetsConn) LocalAddr() net.Addr              { return nil }
func (octetsConn) RemoteAddr() net.Addr             { return nil }
func (octetsConn) SetDeadline(time.Time) error      { return nil }
func (octetsConn) SetReadDeadline(time.Time) error  { return nil }
func (octetsConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzConn feeds a connection with everything a peer could say, from its first byte on.
func FuzzConn(f *testing.F) {
	opening := libzmqGreeting + libzmqReadyRouter
	for _, says := range []string{"", "0001aa", "01000003aabbcc", "0407" + "0450494e470000", "02" + "0000000000000003" + "aabbcc", "f0"} {
		f.Add(unhex(f, opening+says))
	}
	f.Add(unhex(f, libzmqReadyRouter))
	limits := Limits{Frames: 4, Bytes: 1000}
	f.Fuzz(func(t *testing.T, says []byte) {
		c, err := Handshake(context.Background(), octetsConn{bytes.NewReader(says)}, limits)
		if err != nil {
			return
		}
		if c.PeerSocketType() == "" {
			t.Error("a peer without a type")
		}
		for {
			frames, err := c.ReadMessage()
			if err != nil {
				return
			}
			total := 0
			for _, frame := range frames {
				total += len(frame)
			}
			if len(frames) == 0 || len(frames) > limits.Frames || total > int(limits.Bytes) {
				t.Fatalf("%d frames of %d bytes", len(frames), total)
			}
		}
	})
}

// FuzzFrames writes a message and reads it again.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("head"), []byte("payload"), 300)
	f.Add([]byte{}, []byte{}, 0)
	f.Fuzz(func(t *testing.T, head, payload []byte, times int) {
		payload = bytes.Repeat(payload, max(0, min(times, 1000)))
		var out outbox
		out.addMessage([][]byte{head, payload})
		size := out.size
		var wire []byte
		for _, segment := range out.take(nil) {
			wire = append(wire, segment...)
		}
		if len(wire) != size {
			t.Fatalf("%d bytes are counted as %d", len(wire), size)
		}
		c := &Conn{reader: bufio.NewReader(bytes.NewReader(wire)), limits: Limits{Frames: 2, Bytes: 1 << 40}, closed: make(chan struct{})}
		frames, err := c.ReadMessage()
		if err != nil || len(frames) != 2 || !bytes.Equal(frames[0], head) || !bytes.Equal(frames[1], payload) {
			t.Fatalf("%q, %v", frames, err)
		}
		if _, err := c.ReadMessage(); err != io.EOF {
			t.Fatalf("something follows: %v", err)
		}
	})
}
