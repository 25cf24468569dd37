// Command conformance is the testee of the Go SDK: it does what the conformance harness tells it, and says what it
// observed. The protocol is that of conformance/adapter.md: JSON lines on a TCP connection to $CONFORMANCE_ADDRESS.
//
//	go build -o testee .      and then      conformance run --adapter ./testee
//
// Each command runs in a goroutine of its own (this file); calls.go has the calls of a client, load.go those that are
// counted and timed, sealing.go the envelope. It never prints. It is a module of its own because it needs both the SDK
// and the envelope, of which the SDK needs nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

// sdkVersion is that of the SDK, which does not say it by itself.
const sdkVersion = "0.3.0"

// command is what the harness asks for: all fields of all ops.
type command struct {
	ID, Call                      uint64
	Op, Client, Endpoint, Profile string
	Environment                   map[string]string
	TimeoutMS                     *int64          `json:"timeout_ms"`
	HeartbeatMS                   *int64          `json:"heartbeat_ms"`
	Data                          json.RawMessage // Base64: a string, or a list of them
	Prefix, Filter, Event         []byte
	Envelope                      attributes
	Max, First, Count, Size       int
	ReceiveWindow                 *int `json:"receive_window"`
}

// object is what stands behind ok.
type object map[string]any

// failure is what stands behind error.
type failure struct {
	Kind      string   `json:"kind"`
	Code      string   `json:"code,omitempty"`
	Unsettled []uint64 `json:"unsettled,omitempty"`
	Text      string   `json:"text"`
}

func (f *failure) Error() string { return f.Text }

type answer struct {
	ID    uint64   `json:"id"`
	OK    *object  `json:"ok,omitempty"`
	Error *failure `json:"error,omitempty"`
}

// testee is what the commands share.
type testee struct {
	mu      sync.Mutex
	answers *json.Encoder
	clients map[string]*eventengine.Client
	running map[uint64]context.CancelFunc
}

var ops = map[string]func(*testee, context.Context, *command) (object, error){
	"hello": (*testee).hello, "cancel": (*testee).cancel,
	"connect": (*testee).connect, "next": (*testee).next, "events": (*testee).events,
	"publish": (*testee).publish, "publish_batch": (*testee).publishBatch,
	"quit": (*testee).quit, "close": (*testee).close, "stopping": (*testee).stopping,
	"flood": (*testee).flood, "drain": (*testee).drain, "round_trips": (*testee).roundTrips,
	"seal": (*testee).seal, "open": (*testee).open,
}

func main() {
	conn, err := net.Dial("tcp", os.Getenv("CONFORMANCE_ADDRESS"))
	if err != nil {
		os.Exit(1)
	}
	t := &testee{
		answers: json.NewEncoder(conn),
		clients: make(map[string]*eventengine.Client),
		running: make(map[uint64]context.CancelFunc),
	}
	for commands := json.NewDecoder(conn); ; {
		asked := new(command)
		if commands.Decode(asked) != nil {
			return // the connection has ended, and so do all goroutines
		}
		ctx, cancel := context.WithCancel(context.Background())
		t.mu.Lock()
		t.running[asked.ID] = cancel // before the next command is read, which may be its cancel
		t.mu.Unlock()
		go func() {
			ok, err := t.run(ctx, asked)
			t.answer(asked.ID, ok, err)
		}()
	}
}

// run carries out one command. What panics is reported: the SDK must not.
func (t *testee) run(ctx context.Context, asked *command) (ok object, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &failure{Kind: "other", Text: fmt.Sprint("panic: ", reason)}
		}
	}()
	op, found := ops[asked.Op]
	if !found {
		return nil, &failure{Kind: "unsupported", Text: "there is no op " + asked.Op}
	}
	return op(t, ctx, asked)
}

func (t *testee) answer(id uint64, ok object, err error) {
	said := answer{ID: id}
	if err != nil {
		said.Error = describe(err)
	} else {
		said.OK = &ok
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running[id]()
	delete(t.running, id)
	_ = t.answers.Encode(said) // if it fails the connection has ended, and the loop over the commands sees it
}

// describe returns err in the words of the protocol.
func describe(err error) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	var failed *eventengine.Error
	if !errors.As(err, &failed) {
		return &failure{Kind: "other", Text: err.Error()}
	}
	said := &failure{Kind: failed.Kind.String(), Code: failed.Code, Text: failed.Error()}
	if !failed.Unsettled.Empty() {
		said.Unsettled = []uint64{failed.Unsettled.First, failed.Unsettled.Last}
	}
	return said
}

func (t *testee) hello(context.Context, *command) (object, error) {
	return object{
		"name": "event-engine-go", "version": sdkVersion, "role": "sdk", "language": runtime.Version(),
		"profiles": []string{"basic", "session"},
		"features": []string{
			"timeouts", "batch", "iterate", "unsettled", "cancel", "concurrent", "heartbeat", "environment", "profiles",
			"codes", "late-connect", "envelope", "receive-window",
		},
	}, nil
}

// cancel ends the context of a running command; there is nothing to do for one that has ended.
func (t *testee) cancel(_ context.Context, asked *command) (object, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if end, running := t.running[asked.Call]; running {
		end()
	}
	return object{}, nil
}

// limited gives ctx the time-out of the command, if it has one.
func (c *command) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.TimeoutMS == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, milliseconds(*c.TimeoutMS))
}

func milliseconds(count int64) time.Duration { return time.Duration(count) * time.Millisecond }
