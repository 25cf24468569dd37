package main

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/tapis-project/event-engine/sdks/go/envelope"
)

// attributes is an envelope as the vectors write it: data in hex, the time in two numbers, nothing that is empty.
type attributes struct {
	ID              string    `json:"id,omitempty"`
	Source          string    `json:"source,omitempty"`
	Type            string    `json:"type,omitempty"`
	Time            *unixTime `json:"time,omitempty"`
	DataContentType string    `json:"datacontenttype,omitempty"`
	Subject         string    `json:"subject,omitempty"`
	CauseID         string    `json:"cause_id,omitempty"`
	Data            string    `json:"data,omitempty"`
}

type unixTime struct {
	Seconds int64 `json:"seconds"`
	Nanos   int64 `json:"nanos"`
}

var codes = map[error]string{
	envelope.ErrFilterMismatch: "filter-mismatch",
	envelope.ErrMalformed:      "malformed",
	envelope.ErrMissing:        "missing",
}

// refused describes an error of the envelope; of a missing attribute its name stands in the text.
func refused(err error) error {
	for known, code := range codes {
		if errors.Is(err, known) {
			return &failure{Kind: "invalid", Code: code, Text: err.Error()}
		}
	}
	return err
}

func (t *testee) seal(_ context.Context, asked *command) (object, error) {
	given := asked.Envelope
	data, err := hex.DecodeString(given.Data)
	if err != nil {
		return nil, err
	}
	sealed := &envelope.Envelope{
		ID: given.ID, Source: given.Source, Type: given.Type, DataContentType: given.DataContentType,
		Subject: given.Subject, CauseID: given.CauseID, Data: data,
	}
	if given.Time != nil {
		if given.Time.Nanos < 0 || given.Time.Nanos >= 1e9 {
			return nil, &failure{Kind: "unsupported", Text: "a time.Time has no such nanoseconds"}
		}
		sealed.Time = time.Unix(given.Time.Seconds, given.Time.Nanos)
	}
	event, err := envelope.Seal(asked.Filter, sealed)
	if err != nil {
		return nil, refused(err)
	}
	return object{"event": event}, nil
}

func (t *testee) open(_ context.Context, asked *command) (object, error) {
	opened, err := envelope.Open(asked.Filter, asked.Event)
	if err != nil {
		return nil, refused(err)
	}
	said := attributes{
		ID: opened.ID, Source: opened.Source, Type: opened.Type, DataContentType: opened.DataContentType,
		Subject: opened.Subject, CauseID: opened.CauseID, Data: hex.EncodeToString(opened.Data),
	}
	if !opened.Time.IsZero() {
		said.Time = &unixTime{Seconds: opened.Time.Unix(), Nanos: int64(opened.Time.Nanosecond())}
	}
	return object{"envelope": said}, nil
}
