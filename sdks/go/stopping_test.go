package eventengine

import (
	"runtime"
	"testing"
	"time"
)

// untilStopping waits until the client says that the application is ending.
func untilStopping(t testing.TB, client *Client) {
	t.Helper()
	for bound := time.Now().Add(patience); !client.Stopping(); runtime.Gosched() {
		if time.Now().After(bound) {
			t.Fatal("the client does not see that the application is ending")
		}
	}
}

// publishes runs a publish of the client whose number is to be id, up to where the engine has it.
func (k *talk) publishes(client *Client, id int) <-chan result[uint64] {
	k.t.Helper()
	published := begin(func() (uint64, error) { return client.Publish(soon(k.t), []byte("x")) })
	k.wants(publishOf(id))
	return published
}

func TestStoppingIsTrueWhenALaterPublishIsAccepted(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	for id, stopping := range []bool{false, true, true} {
		if stopping {
			k.say("stop reason=over")
		}
		published := k.publishes(client, id+1)
		k.say("published id=" + string(rune('1'+id)))
		if _, err := end(t, published); err != nil {
			t.Fatal(err)
		}
		if client.Stopping() != stopping {
			t.Errorf("stopping is %v after publish %d", !stopping, id+1)
		}
	}
}

func TestStoppingStaysOnANewConnection(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil)
	if client.Stopping() {
		t.Error("it is stopping at once")
	}
	k.say("stop reason=over")
	untilStopping(t, client)
	published := k.publishes(client, 1)
	k.cut()
	k = f.greet("resumed=1")
	k.wants(publishOf(1))
	k.say("published id=1")
	if _, err := end(t, published); err != nil {
		t.Fatal(err)
	}
	if !client.Stopping() {
		t.Error("it has forgotten that the application is ending")
	}
}

func TestStoppingLeavesTheReasonOfAnEnd(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	k.say("error code=internal", "oops")
	untilStopping(t, client)
	_, err := client.Publish(soon(t), []byte("x"))
	wantError(t, err, Rejected, CodeInternal, none, "oops")
	_, err = client.Publish(soon(t), []byte("x"))
	wantError(t, err, Closed, "", none, "oops")
}

func TestStoppingAtTheEndOfAClient(t *testing.T) {
	var never *Client
	if !never.Stopping() || !new(Client).Stopping() {
		t.Error("a client that was never connected is not stopping")
	}
	client, k := opened(t, newFake(t), nil)
	quit := begin(func() (struct{}, error) { return struct{}{}, client.Quit(soon(t)) })
	k.wants("ack ")
	k.wants("quit")
	untilStopping(t, client)
	k.say("bye")
	if _, err := end(t, quit); err != nil {
		t.Error(err)
	}
	client, _ = openedBasic(t, newFake(t), readyRouter)
	if client.Stopping() {
		t.Error("in the basic profile it is stopping at once")
	}
	_ = client.Close()
	if !client.Stopping() {
		t.Error("it is closed, and not stopping")
	}
}
