package eventengine

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"
)

// openedBasic connects a client to a fake in the basic profile and returns both ends of its first connection.
func openedBasic(t testing.TB, f *fake, ready string, options ...Option) (*Client, *talk) {
	t.Helper()
	talks := make(chan *talk, 1)
	go func() { talks <- f.accept(ready) }()
	client := connect(t, f.endpoint, append(options, WithProfile(Basic))...)
	k := <-talks
	t.Cleanup(k.cut)
	return client, k
}

// wantsRequest hears a request of the basic profile.
func (k *talk) wantsRequest(body string) {
	k.t.Helper()
	if frames := k.hear(); len(frames) != 2 || frames[0] != "" || frames[1] != body {
		k.t.Fatalf("the client says %.100q, not %q", frames, body)
	}
}

func TestBasicAsksOnceForWhatItGetsLater(t *testing.T) {
	for name, ready := range map[string]string{"ROUTER": readyRouter, "REP": readyRep} {
		t.Run(name, func(t *testing.T) {
			client, k := openedBasic(t, newFake(t), ready)
			for range 3 {
				_, err := client.NextEvent(shortly(t))
				wantError(t, err, Timeout, "", none, "before the engine answered")
			}
			k.wantsRequest(nextMsg)
			k.send("", "one")
			if event := next(t, client); string(event.Data) != "one" || event.Sequence != 0 || event.Redelivered {
				t.Errorf("%v", event)
			}
			event := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
			k.wantsRequest(nextMsg)
			k.send("", badMsg) // looks like an error and is an event
			if event, err := end(t, event); err != nil || string(event.Data) != badMsg {
				t.Errorf("%v, %v", event, err)
			}
		})
	}
}

func TestBasicAsksAgainOnANewConnection(t *testing.T) {
	f := newFake(t)
	client, k := openedBasic(t, f, readyRouter)
	_, err := client.NextEvent(shortly(t))
	wantError(t, err, Timeout, "", none, "")
	event := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
	for range 3 {
		k.wantsRequest(nextMsg)
		k.cut()
		k = f.accept(readyRouter)
	}
	k.wantsRequest(nextMsg)
	k.send("", "one")
	if event, err := end(t, event); err != nil || string(event.Data) != "one" {
		t.Errorf("%v, %v", event, err)
	}
}

func TestBasicNoticesASilentEngine(t *testing.T) {
	f := newFake(t)
	client, k := openedBasic(t, f, readyRouter, WithHeartbeat(20*time.Millisecond))
	event := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
	k.wantsRequest(nextMsg) // the fake answers no PING
	k = f.accept(readyRouter)
	k.wantsRequest(nextMsg)
	k.send("", "one")
	if _, err := end(t, event); err != nil {
		t.Error(err)
	}
}

func TestBasicPublishesOnAConnectionOfItsOwn(t *testing.T) {
	f := newFake(t)
	client, k := openedBasic(t, f, readyRouter)
	event := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
	k.wantsRequest(nextMsg)
	publish := begin(func() (uint64, error) { return client.PublishBatch(soon(t), [][]byte{{'a'}, {'b'}}) })
	p := f.accept(readyRouter)
	for _, body := range []string{"a", "b"} {
		p.wantsRequest(body)
		p.send("", msgPublished)
	}
	if id, err := end(t, publish); id != 2 || err != nil {
		t.Errorf("%d, %v", id, err)
	}
	publish = begin(func() (uint64, error) { return client.Publish(soon(t), bytes.Repeat([]byte("x"), 100_000)) })
	p.hear()
	p.send("", badMsg)
	_, err := end(t, publish)
	wantError(t, err, Rejected, codeBadMsg, none, "refused")
	k.send("", "one")
	if event, err := end(t, event); err != nil || string(event.Data) != "one" {
		t.Errorf("%v, %v", event, err)
	}
}

func TestBasicBreachesOfTheProtocol(t *testing.T) {
	for name, reply := range map[string][]string{
		"no envelope":  {"one"},
		"two bodies":   {"", "one", "two"},
		"other reply":  {"", "event-engine: what?"},
		"not an empty": {"x", msgPublished},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			client, _ := openedBasic(t, f, readyRouter)
			publish := begin(func() (uint64, error) { return client.Publish(soon(t), []byte("a")) })
			p := f.accept(readyRouter)
			p.wantsRequest("a")
			p.send(reply...)
			_, err := end(t, publish)
			wantError(t, err, Protocol, "", IDs{1, 1}, "")
			_, err = client.NextEvent(soon(t))
			wantError(t, err, Closed, "", none, "protocol")
		})
	}
	t.Run("unasked", func(t *testing.T) {
		f := newFake(t)
		client, k := openedBasic(t, f, readyRouter)
		event := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
		k.wantsRequest(nextMsg)
		k.send("", "one")
		k.send("", "two")
		if _, err := end(t, event); err != nil {
			t.Fatal(err)
		}
		// Whether "two" is here already decides whether it is recognized; then it is nobody's event.
		if event, err := client.NextEvent(shortly(t)); err == nil && string(event.Data) != "two" {
			t.Errorf("%v", event)
		}
	})
}

func TestBasicQuitSettlesWhatIsPublished(t *testing.T) {
	f := newFake(t)
	client, k := openedBasic(t, f, readyRouter)
	accepted := make(chan *talk, 1)
	go func() { accepted <- f.accept(readyRouter) }()
	_, err := client.Publish(shortly(t), []byte("a"))
	if !errors.Is(err, ErrTimeout) {
		t.Fatal(err)
	}
	p := <-accepted
	quitting := begin(func() (struct{}, error) { return struct{}{}, client.Quit(soon(t)) })
	p.wantsRequest("a")
	p.send("", msgPublished)
	k.wantsRequest(quit)
	k.cut()
	if _, err := end(t, quitting); err != nil {
		t.Error(err)
	}
}

func TestBasicGivesUpAnEngineThatIsGone(t *testing.T) {
	t.Parallel() // it takes the ten seconds that the client gives the engine
	f := newFake(t)
	client, k := openedBasic(t, f, readyRouter)
	_ = f.listener.Close()
	k.cut()
	_, err := client.NextEvent(context.Background())
	wantError(t, err, Closed, "", none, "the engine is gone")
}

func TestBasicCallsThatWaitEndWithTheClient(t *testing.T) {
	for name, finish := range map[string]func(*Client) error{
		"quit":  func(c *Client) error { return c.Quit(soon(t)) },
		"close": (*Client).Close,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			client, k := openedBasic(t, f, readyRouter)
			one := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
			k.wantsRequest(nextMsg)
			_, err := client.NextEvent(shortly(t))
			wantError(t, err, Timeout, "", none, "another call")
			two := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
			finished := begin(func() (struct{}, error) { return struct{}{}, finish(client) })
			if name == "quit" {
				k.wantsRequest(quit)
				k.cut()
			} else {
				k.wantsEnd()
			}
			if _, err := end(t, finished); err != nil {
				t.Error(err)
			}
			_, err = end(t, one)
			wantError(t, err, Closed, "", none, "the client")
			_, err = end(t, two)
			wantError(t, err, Closed, "", none, "the client")
		})
	}
}

func TestBasicPublishThatWaitsEndsWithTheClient(t *testing.T) {
	f := newFake(t)
	client, _ := openedBasic(t, f, readyRouter)
	publish := begin(func() (uint64, error) { return client.Publish(soon(t), []byte("a")) })
	p := f.accept(readyRouter)
	p.wantsRequest("a")
	_ = client.Close()
	_, err := end(t, publish)
	wantError(t, err, Closed, "", IDs{1, 1}, "the client was closed")
}

func TestBasicQuitsOnANewConnectionIfNeedBe(t *testing.T) {
	f := newFake(t)
	client, k := openedBasic(t, f, readyRouter)
	k.cut()
	<-client.transport.(*basic).receiving.reader.broken // else quit would be said to nobody, and nobody would know
	quitting := begin(func() (struct{}, error) { return struct{}{}, client.Quit(soon(t)) })
	k = f.accept(readyRouter)
	k.wantsRequest(quit)
	k.cut()
	if _, err := end(t, quitting); err != nil {
		t.Error(err)
	}
}
