package eventengine

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// vector is one example of the specification; its shape is described in spec/vectors/README.md.
type vector struct {
	ID     string          `json:"id"`
	Given  json.RawMessage `json:"given"`
	Expect json.RawMessage `json:"expect"`
}

// replay runs a test for each vector of a file of the specification.
func replay[G, E any](t *testing.T, file string, test func(t *testing.T, given G, expect E)) {
	t.Helper()
	octets, err := os.ReadFile(filepath.Join("..", "..", "spec", "vectors", file))
	if err != nil {
		t.Fatalf("the specification's vectors belong to these tests: %v", err)
	}
	var content struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(octets, &content); err != nil || len(content.Vectors) == 0 {
		t.Fatalf("%s holds no vectors: %v", file, err)
	}
	for _, v := range content.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			var given G
			var expect E
			if err := json.Unmarshal(v.Given, &given); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(v.Expect, &expect); err != nil {
				t.Fatal(err)
			}
			test(t, given, expect)
		})
	}
}

// octets is a byte string that vectors write in hexadecimal digits.
type octets []byte

func (o *octets) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	decoded, err := hex.DecodeString(digits)
	*o = decoded
	return err
}

// clientVerbs is everything that a client says: the vectors hold it, and our own headers are checked against it.
var clientVerbs = map[string]verbRule{
	verbHello: {keys: []keyRule{{key: "version", kind: integerKey}, {key: "session", kind: sessionKey}, {key: "client"}}},
	verbReady: {},
	verbAck:   {keys: []keyRule{{key: "seq", kind: integerKey}, {key: "upto", kind: integerKey}}},
	verbPublish: {payload: true, keys: []keyRule{
		{key: "id", kind: positiveKey}, {key: "count", kind: positiveKey, optional: true}}},
	verbPong: {},
	verbQuit: {},
}

func TestHeaderVectors(t *testing.T) {
	type given struct {
		From   string
		Header octets
	}
	type expect struct {
		Verb  string
		Keys  map[string]any
		Error string
	}
	replay(t, "session-headers.json", func(t *testing.T, given given, expect expect) {
		prefix, verbs := commandPrefix, clientVerbs
		if given.From == "engine" {
			prefix, verbs = replyPrefix, engineVerbs
		}
		h, code := parseHeader(prefix, verbs, given.Header)
		if code != expect.Error {
			t.Fatalf("code %q, not %q", code, expect.Error)
		}
		if code != "" {
			return
		}
		keys := map[string]any{}
		for _, rule := range verbs[h.verb].keys {
			switch {
			case !h.has(rule.key):
			case rule.kind == textKey || rule.kind == sessionKey:
				keys[rule.key] = h.text(rule.key)
			default:
				keys[rule.key] = float64(h.number(rule.key)) // as JSON has them
			}
		}
		if h.verb != expect.Verb || !reflect.DeepEqual(keys, expect.Keys) {
			t.Errorf("%s %v, not %s %v", h.verb, keys, expect.Verb, expect.Keys)
		}
	})
}

func TestBatchVectors(t *testing.T) {
	type given struct {
		Count   *uint64
		Payload octets
		Zeros   int
	}
	type expect struct {
		Events []octets
		Error  string
	}
	replay(t, "session-batches.json", func(t *testing.T, given given, expect expect) {
		b := batch{count: 1, payload: append(given.Payload, make([]byte, given.Zeros)...)}
		if given.Count != nil {
			b.count, b.packed = *given.Count, true
			if code := checkBatch(b.payload, b.count); code != expect.Error {
				t.Fatalf("code %q, not %q", code, expect.Error)
			} else if code != "" {
				return
			}
		}
		events := []octets{}
		for b.count > 0 {
			events = append(events, b.next())
		}
		if fmt.Sprint(events) != fmt.Sprint(expect.Events) {
			t.Errorf("events %v, not %v", events, expect.Events)
		}
	})
}

// sessionStep is something that happens to a client's session, and what has to come of it.
type sessionStep struct {
	Do     string
	Frames []octets
	Events []octets
	Sends  [][]octets
	Event  json.RawMessage
	Error  *vectorError
	sessionOutcome
}

type vectorError struct{ Kind, Code string }

type sessionOutcome struct {
	State     string
	Settled   *uint64
	Unsettled *[]uint64
}

func TestSessionVectors(t *testing.T) {
	type given struct {
		Session, Client string
		Window          uint64
		Steps           []sessionStep
	}
	replay(t, "session-client.json", func(t *testing.T, given given, expect sessionOutcome) {
		c := newCore(given.Session, given.Client, given.Window)
		for i, step := range given.Steps {
			c.isReported = false
			result, failure := perform(t, c, step)
			compareError(t, fmt.Sprintf("step %d, %s", i, step.Do), failure, step.Error)
			if step.Event != nil {
				compareEvent(t, i, result, step.Event)
			}
			compareSends(t, i, c.out, step.Sends)
			c.out = nil
			compareOutcome(t, fmt.Sprintf("step %d, %s", i, step.Do), c, step.sessionOutcome)
		}
		compareOutcome(t, "the end", c, expect)
	})
}

// perform does a step and returns the event and the error that come of it.
func perform(t *testing.T, c *core, step sessionStep) (event *Event, failure *Error) {
	t.Helper()
	switch step.Do {
	case "connected":
		c.connected()
	case "disconnected":
		c.disconnected()
	case "receive":
		open := c.phase != stateEnded
		c.received(plain(step.Frames))
		if open && c.phase == stateEnded {
			failure = c.failure
		}
	case "publish":
		_, failure = c.publish(plain(step.Events))
	case "next":
		var next Event
		var ok bool
		if next, ok, failure = c.next(); ok {
			event = &next
		}
	case "quit":
		failure = c.quit()
	case "close":
		c.close()
	default:
		t.Fatalf("there is no step %q", step.Do)
	}
	return event, failure
}

func plain(list []octets) (result [][]byte) {
	for _, o := range list {
		result = append(result, o)
	}
	return result
}

func compareEvent(t *testing.T, i int, got *Event, want json.RawMessage) {
	t.Helper()
	var expected *struct {
		Data        octets
		Sequence    uint64
		Redelivered bool
	}
	if err := json.Unmarshal(want, &expected); err != nil {
		t.Fatal(err)
	}
	switch {
	case got == nil && expected == nil:
	case got == nil || expected == nil:
		t.Errorf("step %d: event %v, not %v", i, got, expected)
	case string(got.Data) != string(expected.Data) || got.Sequence != expected.Sequence || got.Redelivered != expected.Redelivered:
		t.Errorf("step %d: %v, not %v", i, got, expected)
	}
}

func compareSends(t *testing.T, i int, got [][][]byte, want [][]octets) {
	t.Helper()
	show := func(messages int, frames func(int) [][]byte) (text string) {
		for m := range messages {
			text += fmt.Sprintf(" %.80q", frames(m))
		}
		return text
	}
	gotText := show(len(got), func(m int) [][]byte { return got[m] })
	wantText := show(len(want), func(m int) [][]byte { return plain(want[m]) })
	equal := len(got) == len(want)
	for m := 0; equal && m < len(got); m++ {
		equal = reflect.DeepEqual(got[m], plain(want[m]))
	}
	if !equal {
		t.Errorf("step %d: sends%s, not%s", i, gotText, wantText)
	}
}

func compareOutcome(t *testing.T, where string, c *core, want sessionOutcome) {
	t.Helper()
	if want.State != "" && string(c.state()) != want.State {
		t.Errorf("%s: state %s, not %s", where, c.state(), want.State)
	}
	if want.Settled != nil && c.settled != *want.Settled {
		t.Errorf("%s: settled %d, not %d", where, c.settled, *want.Settled)
	}
	if want.Unsettled != nil {
		var expected IDs
		if len(*want.Unsettled) == 2 {
			expected = IDs{(*want.Unsettled)[0], (*want.Unsettled)[1]}
		}
		if c.unsettled() != expected {
			t.Errorf("%s: unsettled %v, not %v", where, c.unsettled(), expected)
		}
	}
}

func compareError(t *testing.T, where string, got *Error, want *vectorError) {
	t.Helper()
	switch {
	case got == nil && want == nil:
	case got == nil:
		t.Errorf("%s: no error, not %v", where, *want)
	case want == nil:
		t.Errorf("%s: %v", where, got)
	case got.Kind.String() != want.Kind || got.Code != want.Code:
		t.Errorf("%s: %v with code %q, not %v", where, got, got.Code, *want)
	}
}
