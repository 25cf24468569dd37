package eventengine

import (
	"context"
	"errors"
	"iter"
)

// Client is one process's part in a plugin. Make it with [Connect]. All methods may be called by several goroutines at
// the same time, and all are safe on a nil or zero Client, which behaves as a closed one.
type Client struct {
	transport transport
	profile   Profile
}

// transport is a client's way of talking: session or basic.
type transport interface {
	nextEvent(ctx context.Context) (Event, error)
	publish(ctx context.Context, events [][]byte) (uint64, error)
	quit(ctx context.Context) error
	close()
	stopping() bool
}

var errNilContext = errors.New("eventengine: the context is nil")

// Connect connects to the port of a plugin, tcp://HOST:PORT; if endpoint is empty, to the one that the environment
// variable EVENT_ENGINE_ENDPOINT names. It tries again until ctx ends, because the parts of an application start in any
// order; a ctx without a deadline gets one of 10 s. In a session it returns when the application has started: when
// everybody for whom the application waits is ready.
//
// Connect fails with an [*Error] of kind [Timeout], whose text says what was missing, [Transport], [Protocol] or
// [Rejected]; and with a plain error if an argument is wrong.
func Connect(ctx context.Context, endpoint string, options ...Option) (*Client, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	settings, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	address, endpoint, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if _, limited := ctx.Deadline(); !limited {
		limitedCtx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		ctx = limitedCtx
	}
	d := &dialer{address: address, endpoint: endpoint}
	conn, failure := d.connect(ctx, reconnectMin, func(error) {})
	if failure != nil {
		return nil, failure
	}
	profile, failure := choose(settings.profile, conn.PeerSocketType(), endpoint)
	if failure != nil {
		conn.CloseWith(failure)
		return nil, failure
	}
	if profile == Basic {
		return &Client{transport: newBasic(d, settings.heartbeat, conn), profile: Basic}, nil
	}
	s := newSession(d, settings)
	if failure := s.open(ctx, conn); failure != nil {
		return nil, failure
	}
	return &Client{transport: s, profile: Session}, nil
}

// choose returns the profile to use with a peer whose socket is of peerType.
func choose(wanted Profile, peerType, endpoint string) (Profile, *Error) {
	switch {
	case peerType != "ROUTER" && peerType != "REP":
		return 0, newError(Protocol, nil, "the socket at %s is a %s, not the port of a plugin", endpoint, peerType)
	case wanted == Session && peerType == "REP":
		return 0, newError(Protocol, nil, "the engine at %s does not have the session profile", endpoint)
	case wanted == Basic || peerType == "REP":
		return Basic, nil
	}
	return Session, nil
}

// Profile returns the profile that is used: [Session] or [Basic].
func (c *Client) Profile() Profile {
	if c == nil {
		return Auto
	}
	return c.profile
}

// usable returns an error if a call can't even begin.
func (c *Client) usable(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	if c == nil || c.transport == nil {
		return newError(Closed, nil, "the client was never connected")
	}
	return nil
}

// NextEvent returns the next event; it waits while there is none. Asking for the next event acknowledges those returned
// before: an event counts as handled when NextEvent is called again, or at [Client.Quit]. If this process ends before,
// the engine delivers it again, to this plugin's next client, with [Event.Redelivered] set.
//
// When ctx ends first NextEvent fails with kind [Timeout], and nothing is lost: the event comes with a later call. It
// fails with kind [Closed] when the application is ending and everything was returned, and when the session is lost.
func (c *Client) NextEvent(ctx context.Context) (Event, error) {
	if err := c.usable(ctx); err != nil {
		return Event{}, err
	}
	return c.transport.nextEvent(ctx)
}

// Events returns an iterator over all events, as [Client.NextEvent] returns them: the loop's body has handled an event
// when it ends. The loop ends by itself when the application is ending, or when the client has quit or was closed. Any
// other error is its last element.
func (c *Client) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			event, err := c.NextEvent(ctx)
			var failure *Error
			if errors.As(err, &failure) && failure.regular {
				return
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// Publish publishes an event and returns its number, counted from 1, when the engine has accepted it: when it has room
// in the queue of every plugin that subscribed to it. data may be changed after Publish has returned, whatever it
// returned.
//
// When ctx ends first Publish fails with kind [Timeout]. The event is on its way and will be accepted: do not publish it
// again. [Error.Unsettled] names it; where that is empty the event was not taken, since ctx had ended before the call, or,
// in the basic profile, since an earlier publish is unanswered or there is no connection. With every other error the
// outcome of the publishes in Unsettled is unknown. An event that is too large is [Rejected] and ends nothing.
func (c *Client) Publish(ctx context.Context, data []byte) (uint64, error) {
	return c.PublishBatch(ctx, [][]byte{data})
}

// PublishBatch publishes events in their order and returns the number of the last one when the engine has accepted all.
// It is much faster than one Publish after the other. Errors are those of [Client.Publish], for all events together; if
// one event is too large none is published. With an error it returns the number of the last event of all that is known to
// be accepted. The basic profile takes one event after the other: with [Timeout] none after Unsettled was taken.
func (c *Client) PublishBatch(ctx context.Context, events [][]byte) (uint64, error) {
	if err := c.usable(ctx); err != nil {
		return 0, err
	}
	return c.transport.publish(ctx, events)
}

// Stopping reports whether the application is ending, as far as has come; once true it stays so. It does not wait. A
// program that only publishes does so while it is false, and then quits; publishing goes on working until [Client.Quit].
//
// It is also true once the client has quit, was closed or has lost its session. In the basic profile nobody says that the
// application is ending: there it is true only then.
func (c *Client) Stopping() bool {
	return c == nil || c.transport == nil || c.transport.stopping()
}

// Quit says that this client has finished: all events returned are handled, what was not returned stays for the plugin's
// other clients. When as many clients have quit as the plugin has replicas, the plugin has finished. Quit waits for the
// engine's answer until ctx ends; a ctx without a deadline gets one of 10 s. Whatever it returns, the client is closed
// afterwards. To quit again does nothing; to quit after [Client.Close] or after the loss of the session fails with kind
// [Closed]. If publishes of other goroutines are unsettled Quit waits for them first, and fails with [Error.Unsettled] if
// that takes too long.
func (c *Client) Quit(ctx context.Context) error {
	if err := c.usable(ctx); err != nil {
		return err
	}
	if _, limited := ctx.Deadline(); !limited {
		limitedCtx, cancel := context.WithTimeout(ctx, quitTimeout)
		defer cancel()
		ctx = limitedCtx
	}
	return c.transport.quit(ctx)
}

// Close closes the connection without quitting: the engine waits for the plugin to come back, and delivers what was not
// handled again. After [Client.Quit] it does nothing, so `defer client.Close()` is always right. It returns within about
// a second, and always nil.
func (c *Client) Close() error {
	if c != nil && c.transport != nil {
		c.transport.close()
	}
	return nil
}
