package eventengine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// wantError checks an error's kind, code and unsettled publishes, and that its text holds words.
func wantError(t testing.TB, err error, kind Kind, code string, unsettled IDs, words string) {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("%v is not an *Error", err)
	}
	if failure.Kind != kind || failure.Code != code || failure.Unsettled != unsettled || !strings.Contains(err.Error(), words) {
		t.Fatalf("%v: kind %v, code %q, unsettled %v; not %v, %q, %v, %q", err, failure.Kind, failure.Code, failure.Unsettled,
			kind, code, unsettled, words)
	}
	if !errors.Is(err, kind) {
		t.Fatalf("errors.Is does not find the kind of %v", err)
	}
}

var none = IDs{}

// shortly returns a context for a call that is meant to time out.
func shortly(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// begin runs a call in the background.
func begin[T any](call func() (T, error)) <-chan result[T] {
	results := make(chan result[T], 1)
	go func() {
		value, err := call()
		results <- result[T]{value, err}
	}()
	return results
}

type result[T any] struct {
	value T
	err   error
}

// end waits for a call in the background.
func end[T any](t testing.TB, results <-chan result[T]) (T, error) {
	t.Helper()
	select {
	case r := <-results:
		return r.value, r.err
	case <-time.After(patience):
		t.Fatal("the call does not end")
	}
	panic("unreachable")
}

func TestTimeoutLosesNoEvent(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	_, err := client.NextEvent(shortly(t))
	wantError(t, err, Timeout, "", none, "before an event came")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not tell the deadline", err)
	}
	k.say("events seq=1", "one")
	if event := next(t, client); string(event.Data) != "one" || event.Sequence != 1 {
		t.Errorf("%v", event)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = client.NextEvent(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrTimeout) {
		t.Errorf("%v does not tell that the context was cancelled", err)
	}
}

func TestTimedOutPublishIsOnItsWay(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	data := []byte("original")
	_, err := client.Publish(shortly(t), data)
	wantError(t, err, Timeout, "", IDs{1, 1}, "accepted")
	copy(data, "changed!")
	if got := k.wants(publishOf(1)); got != "original" {
		t.Errorf("%q was sent", got)
	}
	second := begin(func() (uint64, error) { return client.Publish(soon(t), []byte("two")) })
	k.wants(publishOf(2))
	k.say("published id=2")
	if id, err := end(t, second); id != 2 || err != nil {
		t.Errorf("%d, %v", id, err)
	}
}

func TestTimedOutBatchBeyondTheWindowIsCopiedAndSentLater(t *testing.T) {
	client, k := opened(t, newFake(t), nil, "publish-window=1")
	events := [][]byte{[]byte("a"), []byte("b"), []byte("c")}
	_, err := client.PublishBatch(shortly(t), events)
	wantError(t, err, Timeout, "", IDs{1, 3}, "accepted")
	for _, event := range events {
		event[0] = '!'
	}
	_, err = client.Publish(shortly(t), []byte("d"))
	wantError(t, err, Timeout, "", IDs{4, 4}, "accepted")
	for i, want := range []string{"a", "b", "c", "d"} {
		if got := k.wants(publishOf(i + 1)); got != want {
			t.Errorf("%q, not %q", got, want)
		}
		k.say("published id=" + string(rune('1'+i)))
	}
	last := begin(func() (uint64, error) { return client.Publish(soon(t), []byte("e")) })
	if got := k.wants(publishOf(5)); got != "e" {
		t.Errorf("%q was sent", got)
	}
	k.say("published id=5")
	if id, err := end(t, last); id != 5 || err != nil {
		t.Errorf("%d, %v", id, err)
	}
}

func TestACancelledPublishDoesNotWaitForAnEngineThatDoesNotRead(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	big := bytes.Repeat([]byte("0123456789abcdef"), 2<<20) // more than the kernel takes
	_, err := client.Publish(shortly(t), big)
	wantError(t, err, Timeout, "", IDs{1, 1}, "accepted")
	clear(big)
	if got := k.wants(publishOf(1)); len(got) != len(big) || !strings.HasSuffix(got, "0123456789abcdef") {
		t.Errorf("%d bytes came, or others", len(got))
	}
}

func TestEngineErrorIsToldOnceAndThenTheSessionIsClosed(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	publish := begin(func() (uint64, error) { return client.Publish(soon(t), []byte("one")) })
	k.wants(publishOf(1))
	k.say("error code=window id=1", "too many")
	_, err := end(t, publish)
	wantError(t, err, Rejected, CodeWindow, IDs{1, 1}, "too many")
	_, err = client.NextEvent(soon(t))
	wantError(t, err, Closed, "", IDs{1, 1}, "too many")
	_, err = client.Publish(soon(t), nil)
	wantError(t, err, Closed, "", IDs{1, 1}, "too many")
	wantError(t, client.Quit(soon(t)), Closed, "", IDs{1, 1}, "too many")
	k.wantsEnd()
}

func TestLostSessionPublishesNothingAgain(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil)
	publish := begin(func() (uint64, error) { return client.Publish(soon(t), []byte("one")) })
	k.wants(publishOf(1))
	k.say("events seq=1", "buffered")
	k.cut()
	again := f.accept(readyRouter)
	again.wants("hello version=1 session=")
	again.say("welcome version=1 engine=e plugin=p resumed=0 received=0 max-event-bytes=1 publish-window=1 " +
		"publish-window-bytes=1 ping-ms=1 grace-ms=1")
	_, err := end(t, publish)
	wantError(t, err, Closed, "", IDs{1, 1}, "the session is lost")
	_, err = client.NextEvent(soon(t))
	wantError(t, err, Closed, "", IDs{1, 1}, "the session is lost")
	again.wantsEnd()
}

func TestBrokenConnectionIsTakenUpAgain(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil)
	k.say("events seq=1 count=2", "\x00\x00\x00\x01a\x00\x00\x00\x01b")
	next(t, client)
	publish := begin(func() (uint64, error) { return client.PublishBatch(soon(t), [][]byte{{'x'}, {'y'}}) })
	if got := k.wants("publish id=1 count=2"); got != "\x00\x00\x00\x01x\x00\x00\x00\x01y" {
		t.Errorf("%q", got)
	}
	k.cut()
	k = f.greet("resumed=1", "received=1")
	k.wants(publishOf(2))
	k.say("ok")
	k.say("published id=2")
	if id, err := end(t, publish); id != 2 || err != nil {
		t.Errorf("%d, %v", id, err)
	}
	k.say("events seq=1", "a")
	k.say("events seq=2", "b")
	k.say("events seq=3 redelivered=1", "c")
	if event := next(t, client); string(event.Data) != "b" || event.Sequence != 2 {
		t.Errorf("%v, not b", event)
	}
	if event := next(t, client); string(event.Data) != "c" || !event.Redelivered {
		t.Errorf("%v, not c", event)
	}
}

func TestGraceEndsReconnecting(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil, "grace-ms=50")
	_ = f.listener.Close()
	k.cut()
	_, err := client.NextEvent(soon(t))
	wantError(t, err, Closed, "", none, "no connection")
}

func TestGraceEndsWaitingForWelcome(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil, "grace-ms=50")
	k.cut()
	silent := f.accept(readyRouter)
	_, err := client.NextEvent(soon(t))
	wantError(t, err, Closed, "", none, "no connection")
	silent.wantsEnd()
}

func TestSilentEngineIsNoticed(t *testing.T) {
	f := newFake(t)
	client, _ := opened(t, f, []Option{WithHeartbeat(20 * time.Millisecond)})
	event := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
	k := f.greet("resumed=1") // the fake answers no PING
	k.say("ok")
	k.say("events seq=1", "one")
	if event, err := end(t, event); err != nil || string(event.Data) != "one" {
		t.Errorf("%v, %v", event, err)
	}
}

func TestPingOfTheEngineIsAnswered(t *testing.T) {
	_, k := opened(t, newFake(t), nil)
	k.say("ping")
	k.wants("pong")
}

func TestBreachOfTheProtocol(t *testing.T) {
	for name, says := range map[string][]string{
		"gap":           {replyPrefix + "events seq=2", "x"},
		"no header":     {"hello", "x"},
		"three frames":  {replyPrefix + "events seq=1", "x", "y"},
		"unknown verb":  {replyPrefix + "dance"},
		"beyond credit": {replyPrefix + "events seq=1 count=3", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		"early bye":     {replyPrefix + "bye"},
		"long header":   {replyPrefix + "ok x=" + strings.Repeat("y", 2000)},
	} {
		t.Run(name, func(t *testing.T) {
			client, k := opened(t, newFake(t), []Option{WithReceiveWindow(2)})
			k.send(says...)
			_, err := client.NextEvent(soon(t))
			wantError(t, err, Protocol, "", none, "the engine broke the protocol")
			k.wantsEnd()
			_, err = client.NextEvent(soon(t))
			wantError(t, err, Closed, "", none, "the engine broke the protocol")
		})
	}
}

func TestStopEndsTheIterationAfterWhatIsBuffered(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	k.say("events seq=1 count=2", "\x00\x00\x00\x01a\x00\x00\x00\x01b")
	k.say("stop reason=done%20with%20it")
	var got []string
	for event, err := range client.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(event.Data))
	}
	if strings.Join(got, "") != "ab" {
		t.Errorf("%q", got)
	}
	_, err := client.NextEvent(soon(t))
	wantError(t, err, Closed, "", none, "done with it")
	k.wants("ack seq=2 ")
	quit := begin(func() (struct{}, error) { return struct{}{}, client.Quit(soon(t)) })
	k.wants("ack seq=2 ")
	k.wants("quit")
	k.say("bye")
	if _, err := end(t, quit); err != nil {
		t.Error(err)
	}
	for _, err := range client.Events(soon(t)) {
		t.Errorf("an element after quit: %v", err)
	}
	if err := client.Quit(soon(t)); err != nil {
		t.Errorf("to quit again: %v", err)
	}
}

func TestIterationTellsAnErrorOnce(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	k.say("error code=internal", "oops")
	count := 0
	for _, err := range client.Events(soon(t)) {
		wantError(t, err, Rejected, CodeInternal, none, "oops")
		count++
	}
	if count != 1 {
		t.Errorf("%d elements", count)
	}
}

func TestQuitIsSaidAgainOnANewConnection(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil)
	quit := begin(func() (struct{}, error) { return struct{}{}, client.Quit(soon(t)) })
	k.wants("ack")
	k.wants("quit")
	k.cut()
	k = f.accept(readyRouter)
	k.wants("hello")
	k.say("bye")
	if _, err := end(t, quit); err != nil {
		t.Error(err)
	}
}

func TestQuitSucceedsWhenThePortCloses(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil)
	quit := begin(func() (struct{}, error) { return struct{}{}, client.Quit(soon(t)) })
	k.wants("ack")
	k.wants("quit")
	_ = f.listener.Close()
	k.cut()
	if _, err := end(t, quit); err != nil {
		t.Error(err)
	}
}

func TestQuitIsBounded(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	wantError(t, client.Quit(shortly(t)), Timeout, "", none, "not answered quit")
	k.wants("ack")
	k.wants("quit")
	k.wantsEnd()
}

func TestQuitIsSentAlthoughPublishesAreUnsettled(t *testing.T) {
	client, k := opened(t, newFake(t), nil, "publish-window=1")
	_, err := client.PublishBatch(shortly(t), [][]byte{{'a'}, {'b'}})
	wantError(t, err, Timeout, "", IDs{1, 2}, "")
	wantError(t, client.Quit(shortly(t)), Timeout, "", IDs{1, 2}, "accepted")
	k.wants(publishOf(1))
	k.wants("ack")
	k.wants("quit")
	k.wantsEnd()
}

func TestCloseAcknowledgesWhatIsHandled(t *testing.T) {
	client, k := opened(t, newFake(t), nil)
	k.say("events seq=1 count=2", "\x00\x00\x00\x01a\x00\x00\x00\x01b")
	next(t, client)
	next(t, client)
	waiting := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
	k.wants("ack seq=2 ") // that call has handled both
	closed := begin(func() (struct{}, error) { return struct{}{}, client.Close() })
	_, err := end(t, waiting)
	wantError(t, err, Closed, "", none, "the client was closed")
	k.wantsEnd()
	k.cut()
	if _, err := end(t, closed); err != nil {
		t.Error(err)
	}
	wantError(t, client.Quit(soon(t)), Closed, "", none, "the client was closed")
}

func TestSupersededClientDoesNotComeBack(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil)
	k.say("error code=superseded", "newer")
	_, err := client.NextEvent(soon(t))
	wantError(t, err, Closed, "", none, "another connection")
	k.wantsEnd()
}

func TestTooLargeEventEndsNothing(t *testing.T) {
	client, k := opened(t, newFake(t), nil, "max-event-bytes=3")
	_, err := client.PublishBatch(soon(t), [][]byte{[]byte("abc"), []byte("abcd")})
	wantError(t, err, Rejected, CodeTooLarge, none, "event 2 of 2")
	publish := begin(func() (uint64, error) { return client.Publish(soon(t), []byte("abc")) })
	k.wants(publishOf(1))
	k.say("published id=1")
	if id, err := end(t, publish); id != 1 || err != nil {
		t.Errorf("%d, %v", id, err)
	}
}

func TestEmptyBatchPublishesNothing(t *testing.T) {
	client, _ := opened(t, newFake(t), nil)
	if id, err := client.PublishBatch(soon(t), nil); id != 0 || err != nil {
		t.Errorf("%d, %v", id, err)
	}
}

func TestTimeoutTellsOfABrokenConnection(t *testing.T) {
	f := newFake(t)
	client, k := opened(t, f, nil)
	_ = f.listener.Close()
	k.cut()
	for deadline := time.Now().Add(patience); ; {
		_, err := client.NextEvent(shortly(t))
		if err != nil && strings.Contains(err.Error(), "the connection is broken") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v does not tell why nothing comes", err)
		}
	}
	_, err := client.Publish(shortly(t), []byte("one"))
	wantError(t, err, Timeout, "", IDs{1, 1}, "the connection is broken")
	_, err = client.Publish(shortly(t), []byte("two"))
	wantError(t, err, Timeout, "", IDs{2, 2}, "the connection is broken")
}

func TestASessionDoesNotFallBack(t *testing.T) {
	for name, part := range map[string]struct {
		play  func(*fake)
		words string
	}{
		"another socket": {func(f *fake) { f.accept(readyRep).wantsEnd() }, "is a REP now"},
		"no engine": {func(f *fake) {
			if conn, err := f.listener.Accept(); err == nil {
				_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n"))
			}
		}, "is no engine"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			client, k := opened(t, f, nil)
			k.cut()
			played := play(func() { part.play(f) })
			_, err := client.NextEvent(soon(t))
			wantError(t, err, Protocol, "", none, part.words)
			<-played
		})
	}
}

func TestEventAndErrorForPeople(t *testing.T) {
	event := Event{Data: bytes.Repeat([]byte("x"), 300), Sequence: 7, Redelivered: true}
	if text := event.String(); !strings.HasPrefix(text, `event 7 (redelivered): "xxx`) || !strings.HasSuffix(text, "(300 bytes)") {
		t.Error(text)
	}
	for ids, want := range map[IDs]string{{}: "none", {3, 3}: "3", {3, 5}: "3 to 5"} {
		if ids.String() != want || ids.Empty() != (want == "none") {
			t.Errorf("%q, not %q", ids, want)
		}
	}
	if Auto.String() != "auto" || Kind(9).String() != "kind 9" || Profile(9).String() != "profile 9" {
		t.Error("a name is wrong")
	}
}
