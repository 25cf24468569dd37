package zmtp

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const patience = 20 * time.Second

// Bytes of libzmq 4.3.4, as spec/vectors/wire.json has them.
const (
	libzmqGreeting = "ff00000000000000017f03014e554c4c" + "0000000000000000000000000000000000000000000000000000000000000000" +
		"00000000000000000000000000000000"
	libzmqReadyRouter = "04290552454144590b536f636b65742d5479706500000006524f55544552084964656e7469747900000000"
	libzmqReadyRep    = "04260552454144590b536f636b65742d5479706500000003524550084964656e7469747900000000"
)

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

// pair returns both ends of a TCP connection, which end with the test.
func pair(t testing.TB) (ours, peers net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if ours, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if peers, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	_ = peers.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = ours.Close(); _ = peers.Close() })
	return ours, peers
}

// established returns a connection after its handshake, and the peer's end of it.
func established(t testing.TB, limits Limits) (*Conn, net.Conn) {
	t.Helper()
	ours, peers := pair(t)
	go func() { _, _ = peers.Write(unhex(t, libzmqGreeting+libzmqReadyRouter)) }()
	c, err := Handshake(context.Background(), ours, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseWith(ErrClosed) })
	expect(t, peers, libzmqGreeting)
	expect(t, peers, "0429"+"0552454144590b536f636b65742d54797065000000064445414c4552084964656e7469747900000000")
	return c, peers
}

// expect reads bytes from the peer's end.
func expect(t testing.TB, peers net.Conn, digits string) {
	t.Helper()
	want := unhex(t, digits)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(peers, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the peer got %x (%v), not %x", got, err, want)
	}
}

var small = Limits{Frames: 3, Bytes: 2000}

func TestHandshakeTellsThePeersType(t *testing.T) {
	for ready, want := range map[string]string{libzmqReadyRouter: "ROUTER", libzmqReadyRep: "REP"} {
		ours, peers := pair(t)
		go func() { _, _ = peers.Write(unhex(t, libzmqGreeting+ready)) }()
		c, err := Handshake(context.Background(), ours, small)
		if err != nil {
			t.Fatal(err)
		}
		if c.PeerSocketType() != want {
			t.Errorf("%q, not %q", c.PeerSocketType(), want)
		}
	}
}

func TestHandshakeRefusesWhatIsNoPeer(t *testing.T) {
	greeting := libzmqGreeting
	for name, c := range map[string]struct{ says, wants string }{
		"http":               {hex.EncodeToString([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")), "does not speak ZMTP"},
		"signature":          {"ff0000000000000001aa03", "does not speak ZMTP"},
		"zmtp 2":             {"ff00000000000000017f01", "version 3 is needed"},
		"curve":              {strings.Replace(greeting, "4e554c4c00", "4355525645", 1), `"CURVE"`},
		"message first":      {greeting + "0001aa", "before READY"},
		"ping first":         {greeting + "0407" + "0450494e470000", `"PING"`},
		"no type":            {greeting + "0406" + "055245414459", "no Socket-Type"},
		"property cut":       {greeting + "0407" + "05524541445901", "malformed property"},
		"property too long":  {greeting + "040d" + "055245414459" + "0141ffffffff42", "cut off"},
		"empty command":      {greeting + "0400", "without a name"},
		"name too long":      {greeting + "0402ff41", "without a name"},
		"huge command":       {greeting + "06ffffffffffffffff", "command of"},
		"reserved flags":     {greeting + "f000", "reserved flags"},
		"command, more":      {greeting + "0506055245414459", "more than one frame"},
		"error":              {greeting + "040a" + "054552524f52" + "036e6f21", `refused the connection: "no!"`},
		"error with no text": {greeting + "0406" + "054552524f52", `refused the connection: ""`},
	} {
		t.Run(name, func(t *testing.T) {
			ours, peers := pair(t)
			go func() { _, _ = peers.Write(unhex(t, c.says)) }()
			_, err := Handshake(context.Background(), ours, small)
			if err == nil || !strings.Contains(err.Error(), c.wants) {
				t.Fatalf("%v, not %q", err, c.wants)
			}
			if !isPeers(err) {
				t.Errorf("%T is not the peer's fault", err)
			}
		})
	}
}

func TestHandshakeThatBreaksIsNobodysFault(t *testing.T) {
	for length := range len(libzmqGreeting+libzmqReadyRouter)/2 - 1 {
		ours, peers := pair(t)
		_, _ = peers.Write(unhex(t, libzmqGreeting+libzmqReadyRouter)[:length])
		_ = peers.(*net.TCPConn).CloseWrite()
		_, err := Handshake(context.Background(), ours, small)
		if err == nil || isPeers(err) {
			t.Fatalf("after %d bytes: %v", length, err)
		}
	}
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	ours, _ := pair(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := Handshake(ctx, ours, small); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
}

func TestMessagesBothWays(t *testing.T) {
	c, peers := established(t, Limits{Frames: 2, Bytes: 10 << 20})
	for _, length := range []int{0, 1, 255, 256, copyMaxBytes, copyMaxBytes + 1, growFrom - 1, growFrom, growFrom + 1, 5*growFrom + 7} {
		payload := bytes.Repeat([]byte{7}, length)
		var wire []byte
		wire = append(appendFrameHeader(wire, flagMore, 2), "hi"...)
		wire = append(appendFrameHeader(wire, 0, length), payload...)
		written := make(chan error, 1)
		go func() {
			_, err := peers.Write(wire)
			written <- err
		}()
		frames, err := c.ReadMessage()
		if err != nil || <-written != nil {
			t.Fatal(length, err)
		}
		if len(frames) != 2 || string(frames[0]) != "hi" || !bytes.Equal(frames[1], payload) {
			t.Fatalf("a message with %d bytes was read as %d frames", length, len(frames))
		}
		if cap(frames[1]) != length {
			t.Errorf("a frame of %d bytes holds %d", length, cap(frames[1]))
		}
		c.Send(frames...)
		go c.Flush()
		got := make([]byte, len(wire))
		if _, err := io.ReadFull(peers, got); err != nil || !bytes.Equal(got, wire) {
			t.Fatalf("a message with %d bytes was written wrongly (%v)", length, err)
		}
	}
}

func TestReadRefusesWhatIsTooMuch(t *testing.T) {
	for name, c := range map[string]struct{ says, wants string }{
		"frames":         {"0100" + "0100" + "0100" + "0000", "more than 3 frames"},
		"bytes":          {"02" + "00000000000007d1", "more than 2000 bytes"},
		"sum":            {"03" + "00000000000003e8" + strings.Repeat("00", 1000) + "02" + "00000000000003e9", "more than 2000 bytes"},
		"largest length": {"02" + "ffffffffffffffff", "more than 2000 bytes"},
		"ping too short": {"0405" + "0450494e47", "malformed PING"},
		"ping too long":  {"0418" + "0450494e470000" + strings.Repeat("aa", 17), "malformed PING"},
		"error":          {"0407" + "054552524f5200", "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, peers := established(t, small)
			_, _ = peers.Write(unhex(t, c.says))
			_, err := conn.ReadMessage()
			if err == nil || !strings.Contains(err.Error(), c.wants) || !isPeers(err) {
				t.Fatalf("%v, not %q", err, c.wants)
			}
		})
	}
}

func TestAnAnnouncedLengthReservesNothing(t *testing.T) {
	c, peers := established(t, Limits{Frames: 1, Bytes: 1 << 62})
	_, _ = peers.Write(unhex(t, "02"+"2000000000000000"+"0102030405"))
	_ = peers.(*net.TCPConn).CloseWrite()
	if _, err := c.ReadMessage(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%v", err)
	}
}

func TestReadTellsAnEndFromABreak(t *testing.T) {
	for says, want := range map[string]error{"": io.EOF, "01": io.ErrUnexpectedEOF, "0100": io.ErrUnexpectedEOF, "0002aa": io.ErrUnexpectedEOF} {
		c, peers := established(t, small)
		_, _ = peers.Write(unhex(t, says))
		_ = peers.Close()
		if _, err := c.ReadMessage(); !errors.Is(err, want) {
			t.Errorf("after %q: %v, not %v", says, err, want)
		}
	}
}

func TestPingIsAnswered(t *testing.T) {
	c, peers := established(t, small)
	go func() { _, _ = c.ReadMessage() }()
	_, _ = peers.Write(unhex(t, "0407"+"0450494e470000"))
	expect(t, peers, "0405"+"04504f4e47")
	_, _ = peers.Write(unhex(t, "040a"+"0450494e470064"+"aabbcc"))
	expect(t, peers, "0408"+"04504f4e47"+"aabbcc")
	_, _ = peers.Write(unhex(t, "0406"+"05"+hex.EncodeToString([]byte("OTHER"))+"0407"+"0450494e470000"))
	expect(t, peers, "0405"+"04504f4e47")
}

func TestPingsWhoseAnswersNobodyReadsEndTheConnection(t *testing.T) {
	c, peers := established(t, small)
	flood := bytes.Repeat(unhex(t, "0417"+"0450494e470000"+strings.Repeat("aa", 16)), 1000)
	go func() {
		for {
			if _, err := peers.Write(flood); err != nil {
				return
			}
		}
	}()
	if _, err := c.ReadMessage(); !errors.Is(err, ErrBacklog) {
		t.Fatalf("%v", err)
	}
}

func TestHeartbeatEndsASilentConnection(t *testing.T) {
	c, peers := established(t, small)
	go c.Heartbeat(time.Millisecond, 20*time.Millisecond, nil)
	expect(t, peers, "0407"+"0450494e470000")
	if _, err := c.ReadMessage(); !errors.Is(err, ErrSilent) {
		t.Fatalf("%v", err)
	}
}

func TestHeartbeatIsContentWithAnyByte(t *testing.T) {
	c, peers := established(t, small)
	done := make(chan struct{})
	defer close(done)
	go c.Heartbeat(time.Millisecond, 2*time.Second, done)
	for range 3 {
		expect(t, peers, "0407"+"0450494e470000") // comes again only because the one before was answered
		_, _ = peers.Write(unhex(t, "0000"))
		if _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFlushDoesNotWaitForAPeerThatDoesNotRead(t *testing.T) {
	c, peers := established(t, small)
	payload := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than the kernel takes
	start := time.Now()
	c.Send(payload)
	c.Flush()
	c.Send([]byte("behind"))
	c.Flush()
	if took := time.Since(start); took > patience/2 {
		t.Fatalf("it took %v", took)
	}
	if c.written() == nil {
		t.Fatal("everything is said to be written, and nobody has read it")
	}
	got := make([]byte, 9+len(payload)+2+len("behind"))
	if _, err := io.ReadFull(peers, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[9:9+len(payload)], payload) || string(got[len(got)-6:]) != "behind" {
		t.Fatal("what was written is not what was sent")
	}
	if written := c.written(); written != nil {
		<-written
	}
}

func TestWhoGoesOnWritingHasNoDeadlineOfAnother(t *testing.T) {
	c, peers := established(t, small)
	c.Send([]byte("one"))
	c.Flush()
	_ = c.netConn.SetWriteDeadline(time.Now().Add(-time.Second)) // Flush's has passed
	c.Send([]byte("two"))
	c.drain(0)
	expect(t, peers, "0003"+"6f6e65"+"0003"+"74776f")
}

func TestFinishDeliversBeforeItCloses(t *testing.T) {
	c, peers := established(t, small)
	_, _ = peers.Write(unhex(t, "0000")) // unread input makes a close destroy what is on its way
	c.Send([]byte("last words"))
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			if _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}()
	go c.Finish(read, patience)
	got, err := io.ReadAll(peers)
	if err != nil || string(got[2:]) != "last words" {
		t.Fatalf("%q, %v", got, err)
	}
	_ = peers.Close()
	<-c.Done()
}

func TestCloseWithTellsTheReader(t *testing.T) {
	c, _ := established(t, small)
	reason := errors.New("enough")
	go c.CloseWith(reason)
	if _, err := c.ReadMessage(); !errors.Is(err, reason) {
		t.Fatalf("%v", err)
	}
	c.Send([]byte("to nobody"))
	c.Flush()
	c.Finish(nil, patience) // returns, since the connection is closed
}
