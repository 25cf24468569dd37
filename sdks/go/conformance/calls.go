package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

var profiles = map[string]eventengine.Profile{
	"": eventengine.Auto, "auto": eventengine.Auto, "basic": eventengine.Basic, "session": eventengine.Session,
}

// connect makes a client. The one that had its name is let go first, so that the two do not share the plugin's events.
func (t *testee) connect(ctx context.Context, asked *command) (object, error) {
	profile, known := profiles[asked.Profile]
	if !known {
		return nil, &failure{Kind: "unsupported", Text: "there is no profile " + asked.Profile}
	}
	for name, value := range asked.Environment {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	if err := t.client(asked).Close(); err != nil {
		return nil, err
	}
	options := []eventengine.Option{eventengine.WithProfile(profile)}
	if asked.ReceiveWindow != nil {
		options = append(options, eventengine.WithReceiveWindow(*asked.ReceiveWindow))
	}
	if asked.HeartbeatMS != nil {
		options = append(options, eventengine.WithHeartbeat(milliseconds(*asked.HeartbeatMS)))
	}
	ctx, cancel := asked.limited(ctx)
	defer cancel()
	client, err := eventengine.Connect(ctx, asked.Endpoint, options...)
	if err != nil {
		var failed *eventengine.Error
		if !errors.As(err, &failed) { // what Connect documents as a wrong argument
			err = &failure{Kind: "invalid", Text: err.Error()}
		}
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clients[asked.Client] = client
	return object{"profile": client.Profile().String()}, nil
}

// client returns the client that is asked for; nil, which the SDK takes for a closed one, if it was never connected.
func (t *testee) client(asked *command) *eventengine.Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clients[asked.Client]
}

// told is an event as the harness wants it. The basic profile has no sequence.
func told(event eventengine.Event) object {
	said := object{"data": event.Data, "redelivered": event.Redelivered}
	if event.Data == nil {
		said["data"] = ""
	}
	if event.Sequence != 0 {
		said["sequence"] = event.Sequence
	}
	return said
}

func (t *testee) next(ctx context.Context, asked *command) (object, error) {
	ctx, cancel := asked.limited(ctx)
	defer cancel()
	event, err := t.client(asked).NextEvent(ctx)
	if err != nil {
		return nil, err
	}
	return told(event), nil
}

func (t *testee) events(ctx context.Context, asked *command) (object, error) {
	ctx, cancel := asked.limited(ctx)
	defer cancel()
	events := []object{}
	for event, err := range t.client(asked).Events(ctx) {
		if err != nil {
			return nil, err
		}
		if events = append(events, told(event)); len(events) == asked.Max {
			return object{"events": events, "ended": false}, nil
		}
	}
	return object{"events": events, "ended": true}, nil
}

func (t *testee) publish(ctx context.Context, asked *command) (object, error) {
	var data []byte
	if err := json.Unmarshal(asked.Data, &data); err != nil {
		return nil, err
	}
	ctx, cancel := asked.limited(ctx)
	defer cancel()
	id, err := t.client(asked).Publish(ctx, data)
	return object{"id": id}, err
}

func (t *testee) publishBatch(ctx context.Context, asked *command) (object, error) {
	var data [][]byte
	if err := json.Unmarshal(asked.Data, &data); err != nil {
		return nil, err
	}
	ctx, cancel := asked.limited(ctx)
	defer cancel()
	id, err := t.client(asked).PublishBatch(ctx, data)
	return object{"id": id}, err
}

func (t *testee) quit(ctx context.Context, asked *command) (object, error) {
	ctx, cancel := asked.limited(ctx)
	defer cancel()
	return object{}, t.client(asked).Quit(ctx)
}

func (t *testee) stopping(_ context.Context, asked *command) (object, error) {
	return object{"stopping": t.client(asked).Stopping()}, nil
}

func (t *testee) close(_ context.Context, asked *command) (object, error) {
	return object{}, t.client(asked).Close()
}
