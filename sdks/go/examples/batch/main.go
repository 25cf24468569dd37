// Batch publishes 100,000 numbered events in batches and quits.
//
// Usage: EVENT_ENGINE_ENDPOINT=tcp://HOST:PORT go run ./examples/batch
package main

import (
	"context"
	"fmt"
	"log"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

const (
	total = 100_000
	batch = 1_000
)

func main() {
	ctx := context.Background()
	client, err := eventengine.Connect(ctx, "")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for first := 0; first < total; first += batch {
		events := make([][]byte, batch)
		for i := range events {
			events[i] = fmt.Appendf(nil, "up:%08d", first+i)
		}
		last, err := client.PublishBatch(ctx, events)
		if err != nil {
			log.Fatal(err)
		}
		if last%(total/10) == 0 {
			fmt.Println(last, "accepted")
		}
	}
	if err := client.Quit(ctx); err != nil {
		log.Fatal(err)
	}
}
