package eventengine

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	zmtpGreeting = "ff00000000000000017f03014e554c4c" + "0000000000000000000000000000000000000000000000000000000000000000" +
		"00000000000000000000000000000000"
	readyRouter = "04290552454144590b536f636b65742d5479706500000006524f55544552084964656e7469747900000000"
	readyRep    = "04260552454144590b536f636b65742d5479706500000003524550084964656e7469747900000000"
	readyPub    = "04260552454144590b536f636b65742d5479706500000003505542084964656e7469747900000000"
)

// fake is a port at which a test plays the engine, word by word.
type fake struct {
	t        testing.TB
	listener net.Listener
	endpoint string
}

// newFake listens on a free port.
func newFake(t testing.TB) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return &fake{t, listener, "tcp://" + listener.Addr().String()}
}

// play plays a part in the background; the test waits for the end of it.
func play(part func()) <-chan struct{} {
	played := make(chan struct{})
	go func() {
		defer close(played)
		part()
	}()
	return played
}

// talk is one connection to a fake.
type talk struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// accept takes a connection and does the handshake as a socket with the given READY.
func (f *fake) accept(ready string) *talk {
	f.t.Helper()
	_ = f.listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := f.listener.Accept()
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	k := &talk{f.t, conn, bufio.NewReader(conn)}
	opening, err := hex.DecodeString(zmtpGreeting + ready)
	if err != nil {
		f.t.Fatal(err)
	}
	_, _ = conn.Write(opening)
	const greetingBytes, readyBytes = 64, 43
	if _, err := io.CopyN(io.Discard, k.r, greetingBytes+readyBytes); err != nil {
		f.t.Fatal(err)
	}
	return k
}

// greet takes a connection and opens a session on it. welcome replaces keys of the engine's welcome: "grace-ms=10".
func (f *fake) greet(welcome ...string) *talk {
	f.t.Helper()
	k := f.accept(readyRouter)
	k.wants("hello version=1 session=")
	k.welcome(welcome...)
	return k
}

func (k *talk) welcome(changes ...string) {
	k.t.Helper()
	keys := []string{"version=1", "engine=fake/1", "plugin=p", "resumed=0", "received=0", "max-event-bytes=100000000",
		"publish-window=16384", "publish-window-bytes=16777216", "ping-ms=30000", "grace-ms=60000"}
	for _, change := range changes {
		name, _, _ := strings.Cut(change, "=")
		for i := range keys {
			if strings.HasPrefix(keys[i], name+"=") {
				keys[i] = change
			}
		}
	}
	k.say("welcome " + strings.Join(keys, " "))
	k.wants("ready")
	k.wants("ack seq=")
}

// say sends a header of the session profile, and a payload if there is one.
func (k *talk) say(header string, payload ...string) {
	k.t.Helper()
	k.send(append([]string{replyPrefix + header}, payload...)...)
}

// send sends a message. That the client is gone already is its right.
func (k *talk) send(frames ...string) {
	k.t.Helper()
	var wire []byte
	for i, frame := range frames {
		var flags byte = 2
		if i < len(frames)-1 {
			flags = 3
		}
		wire = binary.BigEndian.AppendUint64(append(wire, flags), uint64(len(frame)))
		wire = append(wire, frame...)
	}
	_, _ = k.conn.Write(wire)
}

// hear returns the frames of the next message.
func (k *talk) hear() (frames []string) {
	k.t.Helper()
	for more := true; more; {
		flags, err := k.r.ReadByte()
		if err != nil {
			k.t.Fatalf("the client is gone: %v", err)
		}
		size := make([]byte, 1)
		if flags&2 != 0 {
			size = make([]byte, 8)
		}
		_, _ = io.ReadFull(k.r, size)
		length := binary.BigEndian.Uint64(append(make([]byte, 8-len(size)), size...))
		body := make([]byte, length)
		if _, err := io.ReadFull(k.r, body); err != nil {
			k.t.Fatalf("the client is gone: %v", err)
		}
		if flags&4 != 0 {
			continue // a command, such as PING
		}
		frames = append(frames, string(body))
		more = flags&1 != 0
	}
	return frames
}

// wants hears a message of the session profile that has to begin with header, and returns its payload.
func (k *talk) wants(header string) string {
	k.t.Helper()
	frames := k.hear()
	if !strings.HasPrefix(frames[0], commandPrefix+header) {
		k.t.Fatalf("the client says %.100q, not %q", frames, header)
	}
	return frames[len(frames)-1]
}

// wantsEnd checks that the client closes the connection, whatever it says before.
func (k *talk) wantsEnd() {
	k.t.Helper()
	if _, err := io.Copy(io.Discard, k.r); err != nil && !strings.Contains(err.Error(), "reset") {
		k.t.Fatalf("the client does not close the connection: %v", err)
	}
}

// cut breaks the connection.
func (k *talk) cut() { _ = k.conn.Close() }

// opened connects a client to a fake and returns both ends of the open session.
func opened(t testing.TB, f *fake, options []Option, welcome ...string) (*Client, *talk) {
	t.Helper()
	talks := make(chan *talk, 1)
	go func() {
		k := f.greet(welcome...)
		k.say("ok")
		talks <- k
	}()
	client := connect(t, f.endpoint, options...)
	k := <-talks
	t.Cleanup(k.cut) // before the client is closed, which waits for its peer a while
	return client, k
}

// publishOf returns the header of a publish of one event.
func publishOf(id int) string { return fmt.Sprintf("publish id=%d", id) }
