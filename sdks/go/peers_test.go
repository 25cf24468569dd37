package eventengine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// peersVariable names the program that tests talk to: the engine, a fault proxy, the ancestor's engine.
const peersVariable = "EVENT_ENGINE_PEERS"

// patience bounds every wait of a test for something that has to happen.
const patience = 60 * time.Second

// peer is a running `peers` process.
type peer struct {
	t        testing.TB
	name     string
	process  *exec.Cmd
	stdin    io.WriteCloser
	answers  chan string
	endpoint string
}

// startPeer starts `peers NAME ARGUMENTS…`. It ends with the test.
func startPeer(t testing.TB, name string, arguments ...string) *peer {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what needs " + peersVariable)
	}
	program := os.Getenv(peersVariable)
	if program == "" {
		t.Fatalf("this test needs %s, the path of the program that `cargo build --release -p event-engine-peers` makes; "+
			"`go test -short` leaves out such tests", peersVariable)
	}
	p := &peer{t: t, name: name, answers: make(chan string, 1000)}
	p.process = exec.Command(program, append([]string{name}, arguments...)...)
	p.process.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.process.Start(); err != nil {
		t.Fatalf("%s: %v", peersVariable, err)
	}
	go func() {
		defer close(p.answers)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.answers <- lines.Text()
		}
	}()
	t.Cleanup(p.end)
	p.endpoint = "tcp://127.0.0.1:" + strings.TrimPrefix(p.answer("port "), "port ")
	return p
}

func (p *peer) port() string { return p.endpoint[strings.LastIndex(p.endpoint, ":")+1:] }

// end ends the process, as a crash would.
func (p *peer) end() {
	_ = p.process.Process.Kill()
	_ = p.process.Wait()
}

// say gives a command whose answer is read later, by answer.
func (p *peer) say(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.stdin, format+"\n", args...); err != nil {
		p.t.Fatalf("peers %s: %v", p.name, err)
	}
}

// answer returns the next answer, which has to begin with prefix.
func (p *peer) answer(prefix string) string {
	p.t.Helper()
	select {
	case line, ok := <-p.answers:
		if !ok || !strings.HasPrefix(line, prefix) {
			p.t.Fatalf("peers %s: %q, not %q", p.name, line, prefix)
		}
		return line
	case <-time.After(patience):
		p.t.Fatalf("peers %s: no %q within %v", p.name, prefix, patience)
	}
	return ""
}

// ask gives a command and returns its answer.
func (p *peer) ask(command, prefix string) string {
	p.t.Helper()
	p.say("%s", command)
	return p.answer(prefix)
}

// wantCollected waits until count events have come from the client, and checks that they came once and in order.
func (p *peer) wantCollected(count int) {
	p.t.Helper()
	got := p.ask(fmt.Sprintf("collected-wait %d %d", count, patience.Milliseconds()), "collected ")
	want := fmt.Sprintf("collected %d distinct %d in_order true last %d", count, count, count-1)
	if got != want {
		p.t.Fatalf("the engine says %q, not %q", got, want)
	}
}

// soon returns a context that bounds a call that has to succeed.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// connect connects to endpoint and closes the client with the test.
func connect(t testing.TB, endpoint string, options ...Option) *Client {
	t.Helper()
	client, err := Connect(soon(t), endpoint, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func next(t testing.TB, client *Client) Event {
	t.Helper()
	event, err := client.NextEvent(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func mustPublish(t testing.TB, client *Client, text string) uint64 {
	t.Helper()
	id, err := client.Publish(soon(t), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// forProfiles runs a test in both profiles.
func forProfiles(t *testing.T, test func(t *testing.T, profile Option)) {
	t.Helper()
	for _, profile := range []Profile{Basic, Session} {
		t.Run(profile.String(), func(t *testing.T) { test(t, WithProfile(profile)) })
	}
}
