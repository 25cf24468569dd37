package eventengine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// wantNumbered takes the numbered events from first to last and checks that they come once and in order.
func wantNumbered(t testing.TB, client *Client, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		if event := next(t, client); !strings.HasPrefix(string(event.Data), fmt.Sprintf("down:%08d", i)) {
			t.Fatalf("%v, not number %d", event, i)
		}
	}
}

func wantQuit(t testing.TB, client *Client) {
	t.Helper()
	if err := client.Quit(soon(t)); err != nil {
		t.Fatal(err)
	}
}

func wantEnd(t testing.TB, engine *peer, outcome string) {
	t.Helper()
	if end := engine.ask(fmt.Sprintf("wait %d", patience.Milliseconds()), ""); !strings.HasPrefix(end, "ended "+outcome) {
		t.Fatalf("the application: %s", end)
	}
}

func TestEventsBothWaysAndQuit(t *testing.T) {
	forProfiles(t, func(t *testing.T, profile Option) {
		engine := startPeer(t, "engine")
		client := connect(t, engine.endpoint, profile)
		engine.say("publish 100")
		wantNumbered(t, client, 0, 99)
		engine.answer("published 100")
		for i := range 100 {
			if id := mustPublish(t, client, fmt.Sprintf("up:%08d", i)); id != uint64(i)+1 {
				t.Fatalf("id %d, not %d", id, i+1)
			}
		}
		engine.wantCollected(100)
		wantQuit(t, client)
		wantEnd(t, engine, "COMPLETED")
	})
}

func TestAutoTakesTheSession(t *testing.T) {
	engine := startPeer(t, "engine")
	if profile := connect(t, engine.endpoint).Profile(); profile != Session {
		t.Errorf("the profile is %v", profile)
	}
}

func TestAnyBytesAreEvents(t *testing.T) {
	forProfiles(t, func(t *testing.T, profile Option) {
		engine := startPeer(t, "engine", "--subscribe", "")
		client := connect(t, engine.endpoint, profile)
		for _, event := range []string{"", "\x00", "\xff\xfe", msgPublished, replyPrefix + "error code=internal",
			strings.Repeat("x", 65535), strings.Repeat("y", 65537), strings.Repeat("z", 5<<20)} {
			mustPublish(t, client, event)
			if got := string(next(t, client).Data); got != event {
				t.Errorf("%s came, not %s", quoted([]byte(got)), quoted([]byte(event)))
			}
		}
	})
}

func TestCommandsAreEventsInASessionOnly(t *testing.T) {
	engine := startPeer(t, "engine", "--replicas", "2")
	basic := connect(t, engine.endpoint, WithProfile(Basic))
	_, err := basic.Publish(soon(t), []byte(quit))
	wantError(t, err, Rejected, CodeBadCommand, none, "event 1 of 1")
	mustPublish(t, connect(t, engine.endpoint), quit)
	if other := engine.ask(fmt.Sprintf("other-wait 1 %d", patience.Milliseconds()), ""); !strings.HasPrefix(other, "other 1 706c7567") {
		t.Error(other)
	}
}

func TestCancellingAtRandomLosesNothing(t *testing.T) {
	forProfiles(t, func(t *testing.T, profile Option) {
		const count = 10_000
		engine := startPeer(t, "engine")
		client := connect(t, engine.endpoint, profile)
		engine.say("publish %d", count)
		cancelled := 0
		for i := 0; i < count; {
			ctx, cancel := context.WithCancel(context.Background())
			timer := time.AfterFunc(rand.N(300*time.Microsecond), cancel)
			event, err := client.NextEvent(ctx)
			switch {
			case err == nil:
				if want := fmt.Sprintf("down:%08d", i); string(event.Data) != want {
					t.Fatalf("%v, not %s", event, want)
				}
				i++
			case errors.Is(err, context.Canceled):
				cancelled++
			default:
				t.Fatal(err)
			}
			timer.Stop()
			cancel()
			if i == count/2 && cancelled == 0 {
				// The events were there all the time: let some calls wait for sure.
				engine.answer("published")
				wantNumbered(t, client, i, count-1)
				_, err := client.NextEvent(shortly(t))
				wantError(t, err, Timeout, "", none, "")
				engine.say("publish 1")
				wantNumbered(t, client, count, count)
				return
			}
		}
		t.Logf("%d calls were cancelled", cancelled)
		_, err := client.NextEvent(shortly(t))
		wantError(t, err, Timeout, "", none, "")
	})
}

func TestPublishingWhileAnotherGoroutineWaits(t *testing.T) {
	forProfiles(t, func(t *testing.T, profile Option) {
		const publishers, each, down = 8, 500, 2000
		engine := startPeer(t, "engine")
		client := connect(t, engine.endpoint, profile)
		var group sync.WaitGroup
		for p := range publishers {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := range each {
					if _, err := client.Publish(soon(t), fmt.Appendf(nil, "up:p%d:%08d", p, i)); err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
		received := begin(func() (struct{}, error) {
			for i := range down {
				event, err := client.NextEvent(soon(t))
				if want := fmt.Sprintf("down:%08d", i); err != nil || string(event.Data) != want {
					return struct{}{}, fmt.Errorf("%v (%v), not %s", event, err, want)
				}
			}
			return struct{}{}, nil
		})
		engine.say("publish-slowly %d 4000", down)
		group.Wait()
		if _, err := end(t, received); err != nil {
			t.Fatal(err)
		}
		engine.answer("published")
		want := fmt.Sprintf("collected %d distinct %d in_order true", publishers*each, publishers*each)
		// Accepted is not yet taken: the sink may be behind.
		got := engine.ask(fmt.Sprintf("collected-wait %d 10000", publishers*each), "collected ")
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
	})
}

func TestABrokenNetworkLosesAndDoublesNothing(t *testing.T) {
	t.Run("cut now and then", func(t *testing.T) { useBrokenNetwork(t, 100_000, "--cut-after-bytes", "100000") })
	t.Run("cut all the time", func(t *testing.T) { useBrokenNetwork(t, 20_000, "--cut-after-bytes", "20000") })
	t.Run("reset", func(t *testing.T) { useBrokenNetwork(t, 50_000, "--cut-after-bytes", "50000", "--reset") })
	t.Run("slow", func(t *testing.T) { useBrokenNetwork(t, 20_000, "--cut-after-bytes", "20000", "--delay-ms", "5") })
}

// useBrokenNetwork sends count numbered events each way, at the same time, through a proxy that does harm. The proxy draws when
// it cuts. An event takes about 32 bytes both ways together, so every use above expects 32 cuts or more, and less than four do not
// happen by chance.
func useBrokenNetwork(t *testing.T, count int, harm ...string) {
	const inACall, least = 500, 4
	engine := startPeer(t, "engine")
	seed := strconv.Itoa(rand.IntN(1_000_000))
	t.Log("seed", seed)
	proxy := startPeer(t, "proxy", append(harm, "--target", "127.0.0.1:"+engine.port(), "--seed", seed)...)
	client := connect(t, proxy.endpoint)
	published := begin(func() (uint64, error) {
		var last uint64
		for i := 0; i < count; i += inACall {
			events := make([][]byte, inACall)
			for j := range events {
				events[j] = fmt.Appendf(nil, "up:%08d", i+j)
			}
			var err error
			if last, err = client.PublishBatch(soon(t), events); err != nil {
				return last, err
			}
		}
		return last, nil
	})
	engine.say("publish %d", count)
	for i := range count {
		event := next(t, client)
		if want := fmt.Sprintf("down:%08d", i); string(event.Data) != want || event.Sequence != uint64(i)+1 || event.Redelivered {
			t.Fatalf("%v, not %s", event, want)
		}
	}
	if last, err := end(t, published); err != nil || last != uint64(count) {
		t.Fatalf("%d publishes, %v", last, err)
	}
	engine.answer("published")
	engine.wantCollected(count)
	stats := proxy.ask("stats", "")
	t.Log(stats)
	var connections, open, cuts int
	if _, err := fmt.Sscanf(stats, "connections %d open %d cuts %d", &connections, &open, &cuts); err != nil || cuts < least {
		t.Errorf("the network was hardly broken: %s", stats)
	}
	wantQuit(t, client)
	wantEnd(t, engine, "COMPLETED")
}

func TestQuitWhileTheNetworkIsBroken(t *testing.T) {
	engine := startPeer(t, "engine")
	proxy := startPeer(t, "proxy", "--target", "127.0.0.1:"+engine.port())
	client := connect(t, proxy.endpoint)
	mustPublish(t, client, "up:00000000")
	proxy.ask("refuse", "")
	proxy.ask("cut reset", "")
	quit := begin(func() (struct{}, error) { return struct{}{}, client.Quit(soon(t)) })
	proxy.ask("accept", "")
	if _, err := end(t, quit); err != nil {
		t.Error(err)
	}
	wantEnd(t, engine, "COMPLETED")
}

// ledger is the engine's account of the client.
type ledger struct {
	Matched, Delivered, Queued, Redelivered uint64
	InFlight                                uint64 `json:"in_flight"`
	DeadLettered                            uint64 `json:"dead_lettered"`
	Balances                                bool
}

func ledgerOf(t testing.TB, engine *peer) (l ledger) {
	t.Helper()
	if err := json.Unmarshal([]byte(engine.ask("ledger", "")), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCloseLeavesWhatIsNotHandledToTheNextClient(t *testing.T) {
	engine := startPeer(t, "engine")
	client := connect(t, engine.endpoint)
	engine.ask("publish 10", "")
	wantNumbered(t, client, 0, 4)
	_ = client.Close()
	client = connect(t, engine.endpoint)
	// Events 0 to 3 are handled, and Close says so.
	for number := 4; number < 10; number++ {
		event := next(t, client)
		if want := fmt.Sprintf("down:%08d", number); string(event.Data) != want || !event.Redelivered {
			t.Fatalf("%v instead of %s, redelivered", event, want)
		}
	}
	wantQuit(t, client)
	if l := ledgerOf(t, engine); l.Delivered != 10 || l.Queued+l.InFlight != 0 || !l.Balances {
		t.Errorf("%+v", l)
	}
}

func TestReplicasShareTheEvents(t *testing.T) {
	const count = 1000
	engine := startPeer(t, "engine", "--replicas", "2")
	one, two := connect(t, engine.endpoint, WithReceiveWindow(10)), connect(t, engine.endpoint, WithReceiveWindow(10))
	seen := make(chan string, count)
	var group sync.WaitGroup
	for _, client := range []*Client{one, two} {
		group.Add(1)
		go func() {
			defer group.Done()
			for event, err := range client.Events(soon(t)) {
				if err != nil {
					t.Error(err)
					return
				}
				seen <- string(event.Data)
			}
			if err := client.Quit(soon(t)); err != nil {
				t.Error(err)
			}
		}()
	}
	engine.ask(fmt.Sprintf("publish %d", count), "")
	distinct := map[string]bool{}
	for range count {
		distinct[<-seen] = true
	}
	engine.ask("stop", "stopping")
	group.Wait()
	if len(distinct) != count || len(seen) != 0 {
		t.Errorf("%d different events, %d more", len(distinct), len(seen))
	}
	wantEnd(t, engine, "")
}

func TestStopEndsTheIteration(t *testing.T) {
	engine := startPeer(t, "engine")
	client := connect(t, engine.endpoint)
	engine.ask("publish 100", "")
	engine.ask("stop", "stopping")
	count := 0
	for event, err := range client.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("down:%08d", count); string(event.Data) != want {
			t.Fatalf("%v, not %s", event, want)
		}
		count++
	}
	if count != 100 {
		t.Errorf("%d events came", count)
	}
	mustPublish(t, client, "up:00000000") // goes on until quit
	wantQuit(t, client)
}

func TestASourceSeesStop(t *testing.T) {
	engine := startPeer(t, "engine")
	client := connect(t, engine.endpoint)
	published, ctx := uint64(0), soon(t)
	for !client.Stopping() {
		id, err := client.Publish(ctx, fmt.Appendf(nil, "up:%08d", published))
		if err != nil {
			t.Fatal(err)
		}
		if published = id; published == 100 {
			engine.ask("stop", "stopping")
		}
	}
	if published < 100 {
		t.Errorf("it ends after %d events, before the application does", published)
	}
	mustPublish(t, client, "up:00000000") // goes on until quit
	wantQuit(t, client)
	if !client.Stopping() {
		t.Error("the client has quit, and is not stopping")
	}
}

// startPausing starts an engine, and a proxy before it that can be paused.
func startPausing(t testing.TB) (engine, proxy *peer) {
	t.Helper()
	engine = startPeer(t, "engine")
	return engine, startPeer(t, "proxy", "--target", "127.0.0.1:"+engine.port())
}

func TestARestartedEngineClosesTheSession(t *testing.T) {
	engine, proxy := startPausing(t)
	client := connect(t, proxy.endpoint)
	mustPublish(t, client, "up:00000000")
	proxy.ask("pause", "")
	_, err := client.PublishBatch(shortly(t), [][]byte{[]byte("up:00000001"), []byte("up:00000002")})
	wantError(t, err, Timeout, "", IDs{2, 3}, "")
	engine.end()
	startPeer(t, "engine", "--port", engine.port())
	proxy.ask("resume", "")
	_, err = client.Publish(soon(t), []byte("down:x"))
	var failure *Error
	if !errors.As(err, &failure) || failure.Kind != Closed || failure.Unsettled.First != 2 || failure.Unsettled.Last < 3 {
		t.Fatalf("%v", err)
	}
	_, err = client.NextEvent(soon(t))
	if !errors.Is(err, ErrClosed) {
		t.Fatalf("%v", err)
	}
}

func TestAnEngineThatRestartsServesBasicClientsOn(t *testing.T) {
	engine := startPeer(t, "engine")
	client := connect(t, engine.endpoint, WithProfile(Basic))
	mustPublish(t, client, "up:00000000")
	event := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
	engine.end()
	engine = startPeer(t, "engine", "--port", engine.port())
	engine.ask("text down:hello", "")
	if event, err := end(t, event); err != nil || string(event.Data) != "down:hello" {
		t.Fatalf("%v, %v", event, err)
	}
	mustPublish(t, client, "up:00000000")
	engine.wantCollected(1)
}

func TestBasicPublishWhoseConnectionBreaksIsUnknown(t *testing.T) {
	engine, proxy := startPausing(t)
	client := connect(t, proxy.endpoint, WithProfile(Basic))
	mustPublish(t, client, "up:00000000")
	proxy.ask("pause", "")
	_, err := client.Publish(shortly(t), []byte("up:00000001"))
	wantError(t, err, Timeout, "", IDs{2, 2}, "")
	_, err = client.Publish(shortly(t), []byte("up:00000002"))
	wantError(t, err, Timeout, "", none, "")
	proxy.ask("cut reset", "")
	_, err = client.Publish(soon(t), []byte("up:00000002"))
	wantError(t, err, Transport, "", IDs{2, 2}, "the event of this call was not published")
	proxy.ask("resume", "")
	if id := mustPublish(t, client, "up:00000002"); id != 3 {
		t.Errorf("id %d", id)
	}
	if got := engine.ask("collected-wait 2 10000", ""); got != "collected 2 distinct 2 in_order true last 2" {
		t.Errorf("%q", got)
	}
}

func TestTimedOutBasicPublishIsSettledByTheNext(t *testing.T) {
	engine, proxy := startPausing(t)
	client := connect(t, proxy.endpoint, WithProfile(Basic))
	mustPublish(t, client, "up:00000000")
	proxy.ask("pause", "")
	_, err := client.Publish(shortly(t), []byte("up:00000001"))
	wantError(t, err, Timeout, "", IDs{2, 2}, "")
	proxy.ask("resume", "")
	if id := mustPublish(t, client, "up:00000002"); id != 3 {
		t.Errorf("id %d", id)
	}
	engine.wantCollected(3)
}

func TestTooLargeEventsAreRejected(t *testing.T) {
	forProfiles(t, func(t *testing.T, profile Option) {
		engine := startPeer(t, "engine", "--max-event-bytes", "1000")
		client := connect(t, engine.endpoint, profile)
		_, err := client.Publish(soon(t), make([]byte, 1001))
		if !errors.Is(err, ErrRejected) {
			t.Fatalf("%v", err)
		}
		mustPublish(t, client, "up:00000000")
		engine.wantCollected(1)
	})
}

func TestAfterTheEndEverythingIsClosed(t *testing.T) {
	forProfiles(t, func(t *testing.T, profile Option) {
		for name, finish := range map[string]func(*Client) error{
			"quit":  func(c *Client) error { return c.Quit(soon(t)) },
			"close": (*Client).Close,
		} {
			engine := startPeer(t, "engine")
			client := connect(t, engine.endpoint, profile)
			waiting := begin(func() (Event, error) { return client.NextEvent(soon(t)) })
			if err := finish(client); err != nil {
				t.Fatal(name, err)
			}
			if _, err := end(t, waiting); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: a call that waited: %v", name, err)
			}
			_, err := client.NextEvent(soon(t))
			wantError(t, err, Closed, "", none, "the client")
			_, err = client.Publish(soon(t), []byte("up:00000000"))
			wantError(t, err, Closed, "", none, "the client")
			if err := client.Quit(soon(t)); (err == nil) != (name == "quit") {
				t.Errorf("%s, then quit: %v", name, err)
			}
			if err := client.Close(); err != nil {
				t.Errorf("%s, then close: %v", name, err)
			}
			for event, err := range client.Events(soon(t)) {
				t.Errorf("%s: an iteration gives %v, %v", name, event, err)
			}
		}
	})
}

func TestQuitTwiceAtOnceCountsOnce(t *testing.T) {
	forProfiles(t, func(t *testing.T, profile Option) {
		engine := startPeer(t, "engine", "--replicas", "2")
		client := connect(t, engine.endpoint, profile)
		var group sync.WaitGroup
		for range 4 {
			group.Add(1)
			go func() {
				defer group.Done()
				if err := client.Quit(soon(t)); err != nil {
					t.Error(err)
				}
			}()
		}
		group.Wait()
		if end := engine.ask("wait 50", ""); end != "running" {
			t.Errorf("the application: %s", end)
		}
		wantQuit(t, connect(t, engine.endpoint, profile))
		wantEnd(t, engine, "COMPLETED")
	})
}

func TestNothingRunsAfterTheEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	forProfiles(t, func(t *testing.T, profile Option) {
		for range 20 {
			engine := startPeer(t, "engine")
			client := connect(t, engine.endpoint, profile)
			mustPublish(t, client, "down:x")
			next(t, client)
			wantQuit(t, client)
			engine.end()
			for range engine.answers { // until its reader has ended
			}
		}
	})
	wantGoroutines(t, before)
}

func TestTheAncestorsEngine(t *testing.T) {
	ancestor := startPeer(t, "ancestor")
	client := connect(t, ancestor.endpoint)
	if client.Profile() != Basic {
		t.Fatalf("the profile is %v", client.Profile())
	}
	// What is published right after its start may reach nobody.
	for published := false; !published; {
		mustPublish(t, client, "up:00000000")
		published = !strings.HasPrefix(ancestor.ask("collected-wait 1 50", ""), "collected 0 ")
	}
	_, err := client.NextEvent(shortly(t)) // owed from now on
	wantError(t, err, Timeout, "", none, "")
	ancestor.ask("publish 50", "")
	wantNumbered(t, client, 0, 49)
	for i := 1; i < 50; i++ {
		mustPublish(t, client, fmt.Sprintf("up:%08d", i))
	}
	if got := ancestor.ask("collected-wait 50 10000", ""); !strings.Contains(got, "distinct 50 in_order") {
		t.Errorf("%q", got)
	}
	if other := ancestor.ask("other", ""); other != "other 0" {
		t.Errorf("something was published that nobody has published: %s", other)
	}
	wantQuit(t, client)
	wantEnd(t, ancestor, "COMPLETED")
}
