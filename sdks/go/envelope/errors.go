package envelope

import "errors"

// Why an event could not be sealed or opened; for errors.Is.
var (
	// ErrFilterMismatch says that the event does not begin with the filter: it is of another kind, or was sealed with
	// another filter.
	ErrFilterMismatch = errors.New(
		"envelope: the event does not begin with the filter; open it with the filter that it was sealed with")
	// ErrMalformed says that what follows the filter is no envelope, or that an attribute has a value that no envelope
	// can carry. The error that wraps it says what is wrong.
	ErrMalformed = errors.New("malformed envelope")
	// ErrMissing says that a mandatory attribute is absent or empty. A [MissingError] says which one.
	ErrMissing = errors.New("missing attribute")
)

// MissingError says which mandatory attribute is absent or empty. It is [ErrMissing], too.
type MissingError struct {
	// Attribute is "id", "source" or "type".
	Attribute string
}

func (e *MissingError) Error() string {
	return "envelope: it lacks its " + e.Attribute + "; id, source and type are mandatory"
}

// Is makes errors.Is(err, ErrMissing) true.
func (e *MissingError) Is(target error) bool { return target == ErrMissing }

type malformedError string

func (e malformedError) Error() string        { return "envelope: malformed: " + string(e) }
func (e malformedError) Is(target error) bool { return target == ErrMalformed }
