package eventengine

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// runExample builds a program of examples/ and starts it at endpoint. Its output comes with wait.
func runExample(t *testing.T, name, endpoint string) (wait func() string) {
	t.Helper()
	program := t.TempDir() + "/" + name
	if output, err := exec.Command("go", "build", "-o", program, "./examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	process := exec.Command(program)
	process.Env = append(os.Environ(), envEndpoint+"="+endpoint)
	var output strings.Builder
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill() })
	return func() string {
		t.Helper()
		if err := process.Wait(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, output.String())
		}
		return output.String()
	}
}

func TestExampleEcho(t *testing.T) {
	engine := startPeer(t, "engine")
	wait := runExample(t, "echo", engine.endpoint)
	engine.ask("publish 1000", "")
	engine.wantCollected(1000)
	engine.ask("stop", "stopping")
	if output := wait(); output != "" {
		t.Errorf("it says %q", output)
	}
}

func TestExampleBatch(t *testing.T) {
	engine := startPeer(t, "engine")
	output := runExample(t, "batch", engine.endpoint)()
	engine.wantCollected(100_000)
	if !strings.HasSuffix(output, "90000 accepted\n100000 accepted\n") {
		t.Errorf("it says %q", output)
	}
	wantEnd(t, engine, "COMPLETED")
}

func TestExamplePoll(t *testing.T) {
	engine := startPeer(t, "engine")
	wait := runExample(t, "poll", engine.endpoint)
	engine.ask("publish 3", "")
	engine.ask("stop", "stopping")
	var want strings.Builder
	for i := range 3 {
		fmt.Fprintf(&want, "down:%08d\n", i)
	}
	want.WriteString("the application is ending\n")
	if output := wait(); output != want.String() {
		t.Errorf("it says %q, not %q", output, want.String())
	}
}
