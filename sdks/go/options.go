package eventengine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Profile is a way of talking to an engine.
type Profile int

const (
	// Auto takes [Session] if the engine has it, else [Basic]. The engine says which in the first bytes of a connection.
	Auto Profile = iota
	// Basic is one request, one reply. Every engine has it, those of version 0.2 included. Events are neither numbered nor
	// acknowledged: one that was sent to a client which dies is lost.
	Basic
	// Session streams both ways, acknowledges, and survives broken connections.
	Session
)

// String returns the profile's name in small letters.
func (p Profile) String() string {
	switch p {
	case Auto:
		return "auto"
	case Basic:
		return "basic"
	case Session:
		return "session"
	}
	return fmt.Sprintf("profile %d", int(p))
}

// Option changes how [Connect] connects.
type Option func(*settings) error

type settings struct {
	profile   Profile
	heartbeat time.Duration
	name      string
	window    uint64
}

func newSettings(options []Option) (*settings, error) {
	s := &settings{heartbeat: heartbeatInterval, name: "go/" + specVersion, window: receiveWindow}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("eventengine: an option is nil")
		}
		if err := option(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// WithProfile forces a profile, or leaves the choice to the engine: [Auto], the default.
func WithProfile(profile Profile) Option {
	return func(s *settings) error {
		if profile < Auto || profile > Session {
			return fmt.Errorf("eventengine: there is no %s", profile)
		}
		s.profile = profile
		return nil
	}
}

// WithHeartbeat sets how often the client asks the engine for a sign of life, 60 s unless said. A connection on which
// nothing comes within the same time after that counts as broken. In the basic profile use no less than 60 s.
func WithHeartbeat(interval time.Duration) Option {
	return func(s *settings) error {
		if interval <= 0 {
			return fmt.Errorf("eventengine: a heartbeat interval of %v is not positive", interval)
		}
		s.heartbeat = interval
		return nil
	}
}

// WithReceiveWindow sets how many events the engine may send ahead of those handled, 8192 unless said, at most 16384. A
// small window shares events more evenly between several clients of one plugin.
func WithReceiveWindow(events int) Option {
	return func(s *settings) error {
		if events < 1 || events > receiveWindowMax {
			return fmt.Errorf("eventengine: a receive window of %d events is not between 1 and %d", events, receiveWindowMax)
		}
		s.window = uint64(events)
		return nil
	}
}

// WithName sets the name and version that the engine's log shows for this client, as in "printer/1.2".
func WithName(name string) Option {
	return func(s *settings) error {
		if name == "" || len(name) > 200 {
			return fmt.Errorf("eventengine: a name of %d bytes is not between 1 and 200", len(name))
		}
		s.name = name
		return nil
	}
}

// parseEndpoint returns host:port of tcp://host:port, and the endpoint itself: that of the environment if it is empty.
func parseEndpoint(endpoint string) (address, used string, err error) {
	if endpoint == "" {
		endpoint = os.Getenv(envEndpoint)
		if endpoint == "" {
			return "", "", fmt.Errorf("eventengine: no endpoint was given and %s is not set: "+
				"say tcp://HOST:PORT with the port of the plugin", envEndpoint)
		}
	}
	wrong := func(what string) error {
		return fmt.Errorf("eventengine: the endpoint %q %s; it has to be tcp://HOST:PORT", endpoint, what)
	}
	address, ok := strings.CutPrefix(endpoint, "tcp://")
	if !ok {
		return "", "", wrong("does not begin with tcp://")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", "", wrong("does not end with a host and a port")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", "", wrong("has no port between 1 and 65535")
	}
	if host == "" || strings.ContainsAny(host, " /*@") {
		return "", "", wrong("has no host")
	}
	return address, endpoint, nil
}
