// The seed application's external plugin: takes ten events, says goodbye, quits.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

const events = 10 // five of TypeA, five of TypeB

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := eventengine.Connect(ctx, cmp.Or(os.Getenv("EVENT_ENGINE_ENDPOINT"), "tcp://127.0.0.1:6000"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for range events {
		event, err := client.NextEvent(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("plugin got %s\n", event.Data)
	}
	if _, err := client.Publish(ctx, []byte("TypeCGoodbye from the external plugin")); err != nil {
		log.Fatal(err)
	}
	fmt.Println("plugin published TypeCGoodbye from the external plugin")
	if err := client.Quit(ctx); err != nil {
		log.Fatal(err)
	}
}
