// Echo answers each event of the kind "down:" with one of the kind "up:", until the application ends.
//
// Usage: EVENT_ENGINE_ENDPOINT=tcp://HOST:PORT go run ./examples/echo
package main

import (
	"bytes"
	"context"
	"log"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

func main() {
	ctx := context.Background()
	client, err := eventengine.Connect(ctx, "")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for event, err := range client.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		answer := bytes.Replace(event.Data, []byte("down:"), []byte("up:"), 1)
		if _, err := client.Publish(ctx, answer); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Quit(ctx); err != nil {
		log.Fatal(err)
	}
}
