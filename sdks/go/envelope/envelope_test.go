package envelope_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tapis-project/event-engine/sdks/go/envelope"
)

const filter = "reading: "

func everything() *envelope.Envelope {
	return &envelope.Envelope{
		ID:              "7f3c",
		Source:          "/sensors/7",
		Type:            "org.example.reading",
		Time:            time.Unix(1_767_225_600, 123_456_789).UTC(),
		DataContentType: "text/plain",
		Subject:         "日本",
		CauseID:         "7f3b",
		Data:            []byte{0, 255, 10},
	}
}

type attributes struct {
	ID, Source, Type string
	Time             *struct{ Seconds, Nanos int64 }
	DataContentType  string
	Subject          string
	CauseID          string `json:"cause_id"`
	Data             string
}

type vector struct {
	ID    string
	Given struct {
		Filter   string
		Envelope *attributes
		Event    *string
	}
	Expect struct {
		Envelope  *attributes
		Event     string
		Error     string
		Attribute string
	}
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("../../../spec/vectors/envelope.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func (a *attributes) envelope(t *testing.T) *envelope.Envelope {
	t.Helper()
	made := &envelope.Envelope{
		ID: a.ID, Source: a.Source, Type: a.Type, DataContentType: a.DataContentType,
		Subject: a.Subject, CauseID: a.CauseID, Data: unhex(t, a.Data),
	}
	if a.Time != nil {
		made.Time = time.Unix(a.Time.Seconds, a.Time.Nanos).UTC()
	}
	return made
}

func same(a, b *envelope.Envelope) bool {
	return a.ID == b.ID && a.Source == b.Source && a.Type == b.Type && a.Time.Equal(b.Time) &&
		a.DataContentType == b.DataContentType && a.Subject == b.Subject && a.CauseID == b.CauseID &&
		bytes.Equal(a.Data, b.Data)
}

func checkError(t *testing.T, v vector, err error) {
	t.Helper()
	kinds := map[string]error{
		"filter-mismatch": envelope.ErrFilterMismatch,
		"malformed":       envelope.ErrMalformed,
		"missing":         envelope.ErrMissing,
	}
	for kind, target := range kinds {
		if errors.Is(err, target) != (kind == v.Expect.Error) {
			t.Errorf("%v, expected %q", err, v.Expect.Error)
		}
	}
	var missing *envelope.MissingError
	if errors.As(err, &missing) && missing.Attribute != v.Expect.Attribute {
		t.Errorf("%v, expected %q", err, v.Expect.Attribute)
	}
}

func TestSealingGivesTheBytesOfTheVectors(t *testing.T) {
	replayed := 0
	for _, v := range vectors(t) {
		if v.Given.Envelope == nil {
			continue
		}
		replayed++
		t.Run(v.ID, func(t *testing.T) {
			given := v.Given.Envelope
			if given.Time != nil && (given.Time.Nanos < 0 || given.Time.Nanos >= 1e9) {
				// A time.Time has no such nanoseconds.
				if v.Expect.Error != "malformed" {
					t.Errorf("expected %q", v.Expect.Error)
				}
				return
			}
			head, sealed := unhex(t, v.Given.Filter), given.envelope(t)
			event, err := envelope.Seal(head, sealed)
			if err != nil {
				checkError(t, v, err)
				return
			}
			if got := hex.EncodeToString(event); got != v.Expect.Event || v.Expect.Error != "" {
				t.Fatalf("%s, expected %s%s", got, v.Expect.Event, v.Expect.Error)
			}
			opened, err := envelope.Open(head, event)
			if err != nil {
				t.Fatal(err)
			}
			if !same(opened, sealed) {
				t.Errorf("%+v, expected %+v", opened, sealed)
			}
		})
	}
	if replayed < 15 {
		t.Errorf("%d vectors", replayed)
	}
}

func TestOpeningGivesTheEnvelopesAndErrorsOfTheVectors(t *testing.T) {
	replayed := 0
	for _, v := range vectors(t) {
		if v.Given.Event == nil {
			continue
		}
		replayed++
		t.Run(v.ID, func(t *testing.T) {
			opened, err := envelope.Open(unhex(t, v.Given.Filter), unhex(t, *v.Given.Event))
			if err != nil {
				checkError(t, v, err)
				return
			}
			if v.Expect.Envelope == nil {
				t.Fatalf("opened, expected %q", v.Expect.Error)
			}
			if expected := v.Expect.Envelope.envelope(t); !same(opened, expected) {
				t.Errorf("%+v, expected %+v", opened, expected)
			}
		})
	}
	if replayed < 50 {
		t.Errorf("%d vectors", replayed)
	}
}

func TestMutatedEventsOpenOrFail(t *testing.T) {
	whole, err := envelope.Seal([]byte(filter), everything())
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 200_000
	chance := rand.New(rand.NewPCG(0, 0x5eed))
	opened, failed := 0, 0
	for range rounds {
		event := bytes.Clone(whole)
		for range 1 + chance.IntN(4) {
			at := len(filter) + chance.IntN(len(event)-len(filter)+1)
			value := byte(chance.IntN(256))
			switch change := chance.IntN(3); {
			case at < len(event) && change == 0:
				event[at] = value
			case at < len(event) && change == 1:
				event = event[:at]
			default:
				event = append(event[:at], append([]byte{value}, event[at:]...)...)
			}
		}
		if survives(t, event) {
			opened++
		} else {
			failed++
		}
	}
	if opened < rounds/100 || failed < rounds/100 {
		t.Errorf("%d opened, %d failed: one way was hardly taken", opened, failed)
	}
}

// survives says whether event opens; if it does, sealing and opening it again must change nothing.
func survives(t *testing.T, event []byte) bool {
	t.Helper()
	opened, err := envelope.Open([]byte(filter), event)
	if err != nil {
		return false
	}
	sealed, err := envelope.Seal([]byte(filter), opened)
	if err != nil {
		t.Fatalf("%x opens and does not seal: %v", event, err)
	}
	again, err := envelope.Open([]byte(filter), sealed)
	if err != nil || !same(again, opened) {
		t.Fatalf("%x: %+v, then %+v, %v", event, opened, again, err)
	}
	return true
}

func FuzzOpen(f *testing.F) {
	whole, err := envelope.Seal([]byte(filter), everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(filter))
	f.Fuzz(func(t *testing.T, event []byte) { survives(t, event) })
}

func TestEveryShorterEventOpensOrFails(t *testing.T) {
	whole, err := envelope.Seal([]byte(filter), everything())
	if err != nil {
		t.Fatal(err)
	}
	for length := range whole {
		_, err := envelope.Open([]byte(filter), whole[:length])
		if errors.Is(err, envelope.ErrFilterMismatch) != (length < len(filter)) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func TestTextThatCannotTravelIsNotSealed(t *testing.T) {
	for _, text := range []string{"a\x00b", "\xff"} {
		sealed := everything()
		sealed.Subject = text
		if _, err := envelope.Seal(nil, sealed); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := envelope.Seal(nil, nil); !errors.Is(err, envelope.ErrMalformed) {
		t.Errorf("nil: %v", err)
	}
}

func TestAnOpenedEnvelopeKeepsNothingOfTheEvent(t *testing.T) {
	event, err := envelope.Seal([]byte(filter), everything())
	if err != nil {
		t.Fatal(err)
	}
	opened, err := envelope.Open([]byte(filter), event)
	if err != nil {
		t.Fatal(err)
	}
	clear(event)
	if !same(opened, everything()) {
		t.Errorf("%+v changed with the event", opened)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	_, err := envelope.Seal(nil, &envelope.Envelope{ID: "1", Type: "t"})
	if err == nil || err.Error() != "envelope: it lacks its source; id, source and type are mandatory" {
		t.Error(err)
	}
	_, err = envelope.Open([]byte("other"), []byte(filter))
	if err == nil || !strings.Contains(err.Error(), "open it with the filter that it was sealed with") {
		t.Error(err)
	}
}
