// Command client is the bench's client with the Go SDK.
//
//	client receive|publish ENDPOINT EVENTS BYTES
//
// It prints one line of JSON: how many events, when (nanoseconds since 1970), and for events that carry a time, how long
// each travelled.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

const (
	filter = "bench:"
	// batch is the number of events in a PublishBatch.
	batch = 10_000
)

type result struct {
	Events      uint64  `json:"events"`
	FirstNs     int64   `json:"first_ns"`
	LastNs      int64   `json:"last_ns"`
	LatenciesNs []int64 `json:"latencies_ns"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return errors.New("usage: client receive|publish ENDPOINT EVENTS BYTES")
	}
	events, err := strconv.ParseUint(args[2], 10, 32)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	work := map[string]func(context.Context, *eventengine.Client, uint64, int) (result, error){
		"receive": receive, "publish": publish,
	}[args[0]]
	if work == nil {
		return fmt.Errorf("there is no command %q", args[0])
	}
	ctx := context.Background()
	client, err := eventengine.Connect(ctx, args[1], eventengine.WithProfile(eventengine.Session))
	if err != nil {
		return err
	}
	defer client.Close()
	got, err := work(ctx, client, events, size)
	if err != nil {
		return err
	}
	if err := client.Quit(ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

func receive(ctx context.Context, client *eventengine.Client, events uint64, size int) (result, error) {
	got := result{LatenciesNs: []int64{}}
	for event, err := range client.Events(ctx) {
		if err != nil {
			return got, err
		}
		data := event.Data
		if len(data) != size || len(data) < len(filter)+16 ||
			binary.LittleEndian.Uint64(data[len(filter):]) != got.Events {
			return got, fmt.Errorf("event %d is not the one that came", got.Events)
		}
		got.Events++
		if sent := int64(binary.LittleEndian.Uint64(data[len(filter)+8:])); sent != 0 {
			got.LatenciesNs = append(got.LatenciesNs, time.Now().UnixNano()-sent)
		}
		if got.Events == events {
			break
		}
	}
	got.LastNs = time.Now().UnixNano()
	return got, nil
}

func publish(ctx context.Context, client *eventengine.Client, events uint64, size int) (result, error) {
	made := make([][]byte, events)
	for i := range made {
		made[i] = event(uint64(i), size)
	}
	first := time.Now()
	for chunk := range slices.Chunk(made, batch) {
		if _, err := client.PublishBatch(ctx, chunk); err != nil {
			return result{}, err
		}
	}
	return result{
		Events: events, FirstNs: first.UnixNano(), LastNs: time.Now().UnixNano(), LatenciesNs: []int64{},
	}, nil
}

// event is a filter, a number, no time, and fill.
func event(number uint64, size int) []byte {
	data := binary.LittleEndian.AppendUint64([]byte(filter), number)
	data = binary.LittleEndian.AppendUint64(data, 0)
	for len(data) < size {
		data = append(data, '.')
	}
	return data
}
