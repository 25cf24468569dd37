package eventengine

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes this test program a plugin's process, for tests that kill or stop one.
const roleVariable = "EVENT_ENGINE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "reader":
		readEvents()
	case "publisher":
		publishAndExit()
	}
}

// readEvents prints each event before it asks for the next one, until the application is ending.
func readEvents() {
	client, err := Connect(context.Background(), "")
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for event, err := range client.Events(context.Background()) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(strings.TrimPrefix(string(event.Data), "down:"), event.Redelivered)
	}
	if err := client.Quit(context.Background()); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// publishAndExit ends the process as soon as the publish has returned: no quit, no close.
func publishAndExit() {
	profile, _ := strconv.Atoi(os.Args[1])
	client, err := Connect(context.Background(), "", WithProfile(Profile(profile)))
	if err == nil {
		_, err = client.Publish(context.Background(), []byte("up:00000000"))
	}
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// plugin is a process of its own.
type plugin struct {
	t       testing.TB
	process *exec.Cmd
	lines   chan string
}

func startPlugin(t testing.TB, role, endpoint string, arguments ...string) *plugin {
	t.Helper()
	p := &plugin{t: t, process: exec.Command(os.Args[0], arguments...), lines: make(chan string, 100_000)}
	p.process.Env = append(os.Environ(), roleVariable+"="+role, envEndpoint+"="+endpoint,
		"GORACE=atexit_sleep_ms=0") // the race detector's exit takes a second otherwise
	stdout, err := p.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() { _ = p.process.Process.Kill(); _ = p.process.Wait() })
	return p
}

func (p *plugin) signal(signal os.Signal) {
	p.t.Helper()
	if err := p.process.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// line returns the number of the next event that the process has printed, or ok = false at the end of its output.
func (p *plugin) line() (number int, redelivered, ok bool) {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			return 0, false, false
		}
		if _, err := fmt.Sscanf(line, "%d %t", &number, &redelivered); err != nil {
			p.t.Fatalf("the process says %q", line)
		}
		return number, redelivered, true
	case <-time.After(patience):
		p.t.Fatal("the process says nothing")
	}
	return 0, false, false
}

func TestAKilledProcessMissesNothing(t *testing.T) {
	const count, kills = 5_000, 10
	engine := startPeer(t, "engine", "--redelivery-limit", "100")
	engine.say("publish %d", count)
	seen := make([]int, count)
	note := func(number int, redelivered bool) {
		if seen[number] > 0 && !redelivered {
			t.Errorf("number %d came again and was not marked", number)
		}
		seen[number]++
	}
	for range kills {
		p := startPlugin(t, "reader", engine.endpoint)
		for range 1 + rand.IntN(count/kills/2) {
			number, redelivered, ok := p.line()
			if !ok {
				t.Fatal("the process has ended by itself")
			}
			note(number, redelivered)
		}
		_ = p.process.Process.Kill()
		for { // what it had printed before
			number, redelivered, ok := p.line()
			if !ok {
				break
			}
			note(number, redelivered)
		}
	}
	engine.answer("published")
	engine.ask("stop", "stopping")
	p := startPlugin(t, "reader", engine.endpoint)
	for {
		number, redelivered, ok := p.line()
		if !ok {
			break
		}
		note(number, redelivered)
	}
	if err := p.process.Wait(); err != nil {
		t.Errorf("the last process: %v", err)
	}
	again := 0
	for number, times := range seen {
		if times == 0 {
			t.Errorf("number %d is missing", number)
		}
		again += times - 1
	}
	t.Logf("%d kills, %d events came again", kills, again)
}

func TestAStoppedProcessGoesOn(t *testing.T) {
	const heartbeat = 200 * time.Millisecond
	engine := startPeer(t, "engine", "--heartbeat-ms", strconv.FormatInt(heartbeat.Milliseconds(), 10))
	proxy := startPeer(t, "proxy", "--target", "127.0.0.1:"+engine.port())
	p := startPlugin(t, "reader", proxy.endpoint)
	engine.ask("publish 10", "")
	want := 0
	take := func(count int) {
		t.Helper()
		for range count {
			number, redelivered, ok := p.line()
			if !ok || number != want || redelivered {
				t.Fatalf("number %d (redelivered %t), not %d", number, redelivered, want)
			}
			want++
		}
	}
	take(10)
	// What is tested is that time passes; how much of it the engine needs to notice depends on the machine.
	for stopped := 5 * heartbeat; strings.HasPrefix(proxy.ask("stats", ""), "connections 1 "); stopped *= 2 {
		if stopped > patience {
			t.Fatal("the engine does not notice that the process is stopped")
		}
		p.signal(syscall.SIGSTOP)
		engine.ask("publish 1000", "")
		<-time.After(stopped)
		p.signal(syscall.SIGCONT)
		take(1000)
	}
	engine.ask("stop", "stopping")
	if _, _, ok := p.line(); ok {
		t.Error("an event came after the last one")
	}
	if err := p.process.Wait(); err != nil {
		t.Errorf("the process: %v", err)
	}
}

func TestAProcessMayExitRightAfterPublish(t *testing.T) {
	for _, profile := range []Profile{Basic, Session} {
		for range 20 {
			engine := startPeer(t, "engine")
			p := startPlugin(t, "publisher", engine.endpoint, strconv.Itoa(int(profile)))
			if err := p.process.Wait(); err != nil {
				t.Fatalf("%v: %v", profile, err)
			}
			engine.wantCollected(1)
			engine.end()
		}
	}
}
