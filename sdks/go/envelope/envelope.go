package envelope

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapis-project/event-engine/sdks/go/envelope/internal/pb"
)

// Envelope is the metadata and data of one event. The attributes have CloudEvents' names; an empty text is an absent
// attribute.
type Envelope struct {
	// ID names this event; no two different events of one source have the same. Mandatory.
	ID string
	// Source names what the event comes from: a URI reference, such as "/sensors/7". Mandatory.
	Source string
	// Type says what kind of event this is, such as "org.example.reading". Mandatory.
	Type string
	// Time says when it happened, to the nanosecond; the zero Time is an absent attribute. In an opened envelope it is
	// in UTC.
	Time time.Time
	// DataContentType is the media type of Data, such as "application/json".
	DataContentType string
	// Subject says what the event is about, within its source.
	Subject string
	// CauseID is the id of the event that led to this one.
	CauseID string
	// Data is the event itself.
	Data []byte
}

// Seal makes an event: the bytes of filter, and after them the envelope. The same envelope always gives the same bytes.
//
// The error is [ErrMissing] if ID, Source or Type is empty, and [ErrMalformed] if a text is not UTF-8 or contains U+0000,
// or if the time is not in the years 1 to 9999.
func Seal(filter []byte, envelope *Envelope) ([]byte, error) {
	if envelope == nil {
		return nil, malformedError("there is none (nil)")
	}
	message := &pb.Envelope{
		Id:              envelope.ID,
		Source:          envelope.Source,
		Type:            envelope.Type,
		Datacontenttype: envelope.DataContentType,
		Subject:         envelope.Subject,
		CauseId:         envelope.CauseID,
		Data:            envelope.Data,
	}
	if err := checkMandatory(message); err != nil {
		return nil, err
	}
	texts := []string{
		message.Id, message.Source, message.Type, message.Datacontenttype, message.Subject, message.CauseId,
	}
	for _, text := range texts {
		if strings.ContainsRune(text, 0) {
			return nil, errNul
		}
		if !utf8.ValidString(text) {
			return nil, malformedError("a text is not UTF-8")
		}
	}
	if !envelope.Time.IsZero() {
		message.Time = timestamppb.New(envelope.Time)
		if message.Time.CheckValid() != nil {
			return nil, errTime
		}
	}
	options := proto.MarshalOptions{Deterministic: true}
	event := make([]byte, 0, len(filter)+options.Size(message))
	event, err := options.MarshalAppend(append(event, filter...), message)
	if err != nil {
		return nil, malformedError(err.Error())
	}
	return event, nil
}

// Open reads the envelope of an event that was sealed with filter, also where the plugin subscribes to a shorter one. The
// envelope keeps nothing of the event's memory. Fields that this version does not know are skipped.
//
// The error is [ErrFilterMismatch] if the event does not begin with filter, [ErrMalformed] if what follows is no
// envelope, and [ErrMissing] if it lacks its id, source or type.
func Open(filter, event []byte) (*Envelope, error) {
	body, found := bytes.CutPrefix(event, filter)
	if !found {
		return nil, ErrFilterMismatch
	}
	if err := check(body); err != nil {
		return nil, err
	}
	message := new(pb.Envelope)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, message); err != nil {
		return nil, malformedError(err.Error())
	}
	if err := checkMandatory(message); err != nil {
		return nil, err
	}
	envelope := &Envelope{
		ID:              message.Id,
		Source:          message.Source,
		Type:            message.Type,
		DataContentType: message.Datacontenttype,
		Subject:         message.Subject,
		CauseID:         message.CauseId,
		Data:            message.Data,
	}
	if message.Time != nil {
		envelope.Time = message.Time.AsTime()
	}
	return envelope, nil
}

func checkMandatory(message *pb.Envelope) error {
	names := []string{"id", "source", "type"}
	if first := slices.Index([]string{message.Id, message.Source, message.Type}, ""); first >= 0 {
		return &MissingError{Attribute: names[first]}
	}
	return nil
}
