package eventengine

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
)

func TestConnectRefusesWrongArguments(t *testing.T) {
	t.Setenv(envEndpoint, "")
	for _, endpoint := range []string{"", "127.0.0.1:6000", "tcp://", "tcp://127.0.0.1", "tcp://:6000", "tcp://127.0.0.1:0",
		"tcp://127.0.0.1:65536", "tcp://127.0.0.1:six", "tcp://*:6000", "tcp://::1:6000", "ipc:///tmp/x", "tcp://a b:1",
		"TCP://127.0.0.1:6000", "tcp://127.0.0.1:6000/x"} {
		var failure *Error
		if _, err := Connect(soon(t), endpoint); err == nil || errors.As(err, &failure) {
			t.Errorf("%q: %v is no error of an argument", endpoint, err)
		}
	}
	for name, option := range map[string]Option{"nil": nil, "heartbeat": WithHeartbeat(0), "window 0": WithReceiveWindow(0),
		"window": WithReceiveWindow(receiveWindowMax + 1), "profile": WithProfile(7), "name": WithName("")} {
		if _, err := Connect(soon(t), "tcp://127.0.0.1:1", option); err == nil || errors.Is(err, ErrTimeout) {
			t.Errorf("%s: %v is no error of an argument", name, err)
		}
	}
	var nilContext context.Context
	if _, err := Connect(nilContext, "tcp://127.0.0.1:1"); err == nil {
		t.Error("a nil context is taken")
	}
}

func TestConnectTakesIPv6AndNames(t *testing.T) {
	for _, endpoint := range []string{"tcp://[::1]:6000", "tcp://engine:6000", "tcp://a.example:65535"} {
		if address, _, err := parseEndpoint(endpoint); err != nil || "tcp://"+address != endpoint {
			t.Errorf("%q: %q, %v", endpoint, address, err)
		}
	}
}

func TestConnectTakesTheEndpointFromTheEnvironment(t *testing.T) {
	f := newFake(t)
	t.Setenv(envEndpoint, f.endpoint)
	played := play(func() { f.greet().say("ok") })
	connect(t, "")
	<-played
}

func TestConnectWaitsForAnEngineThatStartsLater(t *testing.T) {
	f := newFake(t)
	address := f.listener.Addr().String()
	_ = f.listener.Close()
	client := begin(func() (*Client, error) { return Connect(soon(t), "tcp://"+address) })
	select {
	case <-client:
		t.Fatal("connected to nobody")
	case <-time.After(20 * time.Millisecond): // some tries
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("somebody else has taken the port: %v", err)
	}
	defer listener.Close()
	f.listener = listener
	f.greet().say("ok")
	connected, err := end(t, client)
	if err != nil {
		t.Fatal(err)
	}
	_ = connected.Close()
}

func TestConnectSaysWhatItWaitedFor(t *testing.T) {
	f := newFake(t)
	_ = f.listener.Close()
	_, err := Connect(shortly(t), f.endpoint)
	wantError(t, err, Timeout, "", none, "nobody listens at "+f.endpoint)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not tell the deadline", err)
	}

	// The context ends when the client has come so far, however long that takes.
	f = newFake(t)
	ctx, cancel := context.WithCancel(soon(t))
	played := play(func() {
		defer cancel()
		f.accept(readyRouter).wants("hello version=1")
	})
	_, err = Connect(ctx, f.endpoint)
	<-played
	wantError(t, err, Timeout, "", none, "the engine does not answer")

	f = newFake(t)
	ctx, cancel = context.WithCancel(soon(t))
	played = play(func() {
		defer cancel()
		f.greet("plugin=printer")
	})
	_, err = Connect(ctx, f.endpoint)
	<-played
	wantError(t, err, Timeout, "", none, "as plugin printer")
}

func TestConnectToAnUnknownHost(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := Connect(ctx, "tcp://no-such-host.invalid:6000")
	if !errors.Is(err, ErrTransport) && !errors.Is(err, ErrTimeout) { // a resolver may also be silent
		t.Errorf("%v", err)
	}
}

func TestConnectRefusesWhatIsNoEngine(t *testing.T) {
	f := newFake(t)
	go func() {
		if conn, err := f.listener.Accept(); err == nil {
			_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9\r\n"))
		}
	}()
	_, err := Connect(soon(t), f.endpoint)
	wantError(t, err, Protocol, "", none, "is no engine")

	f = newFake(t)
	played := play(func() { f.accept(readyPub) })
	_, err = Connect(soon(t), f.endpoint)
	<-played
	wantError(t, err, Protocol, "", none, "is a PUB")

	f = newFake(t)
	played = play(func() { f.accept(readyRep) })
	_, err = Connect(soon(t), f.endpoint, WithProfile(Session))
	<-played
	wantError(t, err, Protocol, "", none, "does not have the session profile")
}

func TestConnectIsRefusedByTheEngine(t *testing.T) {
	f := newFake(t)
	played := play(func() {
		k := f.accept(readyRouter)
		k.wants("hello")
		k.say("error code=unsupported-version versions=2", "only 2")
	})
	_, err := Connect(soon(t), f.endpoint)
	<-played
	wantError(t, err, Rejected, CodeUnsupportedVersion, none, "only 2")
}

func TestConnectTriesAgainWhenTheHandshakeBreaks(t *testing.T) {
	f := newFake(t)
	played := play(func() {
		for range 3 {
			if conn, err := f.listener.Accept(); err == nil {
				half, _ := hex.DecodeString(zmtpGreeting[:40])
				_, _ = conn.Write(half)
				_ = conn.Close()
			}
		}
		f.greet().say("ok")
	})
	connect(t, f.endpoint)
	<-played
}

func TestZeroAndNilClientsAreClosed(t *testing.T) {
	for _, client := range []*Client{nil, {}} {
		_, err := client.NextEvent(soon(t))
		wantError(t, err, Closed, "", none, "never connected")
		_, err = client.Publish(soon(t), nil)
		wantError(t, err, Closed, "", none, "never connected")
		wantError(t, client.Quit(soon(t)), Closed, "", none, "never connected")
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if client.Profile() != Auto {
			t.Error("it has a profile")
		}
	}
}

func TestNilContextsAreRefused(t *testing.T) {
	client, _ := opened(t, newFake(t), nil)
	var nilContext context.Context
	if _, err := client.NextEvent(nilContext); !errors.Is(err, errNilContext) {
		t.Error(err)
	}
	if _, err := client.Publish(nilContext, nil); !errors.Is(err, errNilContext) {
		t.Error(err)
	}
	if err := client.Quit(nilContext); !errors.Is(err, errNilContext) {
		t.Error(err)
	}
}

// wantGoroutines waits until no more goroutines run than at first.
func wantGoroutines(t testing.TB, atFirst int) {
	t.Helper()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > atFirst; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines run, and %d did at first\n%s", runtime.NumGoroutine(), atFirst, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestNothingRunsAfterAFailedConnect(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, part := range map[string]func(*fake){
		"nobody":       func(f *fake) { _ = f.listener.Close() },
		"no answer":    func(f *fake) { f.accept(readyRouter).wantsEnd() },
		"no start":     func(f *fake) { f.greet().wantsEnd() },
		"no engine":    func(f *fake) { f.accept(readyPub).wantsEnd() },
		"refused":      func(f *fake) { k := f.accept(readyRouter); k.say("error code=not-allowed", "no"); k.wantsEnd() },
		"no handshake": func(f *fake) { conn, _ := f.listener.Accept(); _ = conn.Close(); _ = f.listener.Close() },
	} {
		f := newFake(t)
		played := play(func() { part(f) })
		if client, err := Connect(shortly(t), f.endpoint); err == nil {
			t.Errorf("%s: connected as %v", name, client)
		}
		<-played
	}
	wantGoroutines(t, before)
}
