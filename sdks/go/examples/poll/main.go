// Poll waits for events at most a moment at a time, does something else in between, and ends at an interrupt, as a
// program with a loop of its own would.
//
// Usage: EVENT_ENGINE_ENDPOINT=tcp://HOST:PORT go run ./examples/poll
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := eventengine.Connect(ctx, "")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for ctx.Err() == nil {
		event, err := nextWithin(ctx, client, 100*time.Millisecond)
		switch {
		case err == nil:
			fmt.Printf("%s\n", event.Data)
		case errors.Is(err, eventengine.ErrTimeout):
			// Nothing yet, and nothing lost: the moment for other work.
		case errors.Is(err, eventengine.ErrClosed):
			fmt.Println("the application is ending")
			stop()
		default:
			log.Fatal(err)
		}
	}
	if err := client.Quit(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func nextWithin(ctx context.Context, client *eventengine.Client, wait time.Duration) (eventengine.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return client.NextEvent(ctx)
}
