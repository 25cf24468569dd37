package eventengine

import (
	"context"
	"fmt"
	"strings"
)

// Kind says what an [Error] means for its caller. The kinds are the same in every language's client.
type Kind int

const (
	// Timeout: the call's context ended first. No event is lost: call again for the next event; do not publish again what
	// [Error.Unsettled] holds.
	Timeout Kind = iota + 1
	// Closed: the client was closed or has quit, the application is ending, or the session is lost.
	Closed
	// Rejected: the engine, or this package in its place, refused something; [Error.Code] says what.
	Rejected
	// Protocol: the peer broke the protocol, or does not speak it.
	Protocol
	// Transport: the engine's host has no address, or, in the basic profile, a connection broke before the reply to a
	// publish.
	Transport
)

var kindNames = map[Kind]string{
	Timeout: "timeout", Closed: "closed", Rejected: "rejected", Protocol: "protocol", Transport: "transport",
}

// String returns the kind's name in small letters.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Error makes kinds usable as targets of errors.Is, by the names below.
func (k Kind) Error() string { return k.String() }

// Targets for errors.Is: errors.Is(err, ErrClosed) holds for every [*Error] whose Kind is [Closed].
var (
	ErrTimeout   error = Timeout
	ErrClosed    error = Closed
	ErrRejected  error = Rejected
	ErrProtocol  error = Protocol
	ErrTransport error = Transport
)

// IDs is a range of publish ids, both ends included. The zero value is the empty range.
type IDs struct{ First, Last uint64 }

// Empty reports whether the range holds no id.
func (r IDs) Empty() bool { return r.First == 0 || r.Last < r.First }

// String returns the range for people: "none", "7", or "7 to 9".
func (r IDs) String() string {
	switch {
	case r.Empty():
		return "none"
	case r.First == r.Last:
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d to %d", r.First, r.Last)
}

// Error is what the methods of [Client] fail with, wrong arguments excepted. Take it out with errors.As, or ask for its
// kind with errors.Is and [ErrTimeout], [ErrClosed], [ErrRejected], [ErrProtocol], [ErrTransport]. If a context ended,
// errors.Is also finds context.Canceled or context.DeadlineExceeded.
type Error struct {
	Kind Kind
	// Code is the engine's word for a rejection, such as [CodeTooLarge]; empty if there is none. In the basic profile, where
	// the engine does not say why it refuses something, it is "bad-msg".
	Code string
	// Unsettled holds the publishes of which it is not known that the engine accepted them. With [Timeout] they are
	// those of the failed call, and they are still on their way: publishing them again would publish them twice. With any
	// other kind they are all of the client's, and their outcome stays unknown.
	Unsettled IDs

	reason  string
	cause   error
	regular bool // it tells of an end that is none of an error: iteration just ends
}

// Error says what happened, what is unsettled, and the cause.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "eventengine: %s: %s", e.Kind, e.reason)
	if !e.Unsettled.Empty() {
		fmt.Fprintf(&text, " (unsettled publishes: %s)", e.Unsettled)
	}
	if e.cause != nil {
		fmt.Fprintf(&text, ": %s", strings.TrimPrefix(e.cause.Error(), "eventengine: "))
	}
	return text.String()
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is e's kind.
func (e *Error) Is(target error) bool { return target == error(e.Kind) }

func newError(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, cause: cause, reason: fmt.Sprintf(format, args...)}
}

const (
	reasonQuit   = "the client has quit"
	reasonClosed = "the client was closed"
)

// regularEnd is for calls after the application's or the client's own end.
func regularEnd(format string, args ...any) *Error {
	e := newError(Closed, nil, format, args...)
	e.regular = true
	return e
}

// timeoutError is for a call whose context has ended while it was waiting for what.
func timeoutError(ctx context.Context, what string) *Error {
	return newError(Timeout, ctx.Err(), "the context ended %s", what)
}

// ended reports whether ctx has ended, faster than ctx.Err does.
func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}
