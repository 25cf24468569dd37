package eventengine_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

func ExampleConnect() {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := eventengine.Connect(ctx, "tcp://127.0.0.1:1")
	fmt.Println(errors.Is(err, eventengine.ErrTimeout), errors.Is(err, context.DeadlineExceeded))

	_, err = eventengine.Connect(ctx, "127.0.0.1:6000")
	fmt.Println(err)
	// Output:
	// true true
	// eventengine: the endpoint "127.0.0.1:6000" does not begin with tcp://; it has to be tcp://HOST:PORT
}

func ExampleClient_Events() {
	ctx := context.Background()
	client, err := eventengine.Connect(ctx, "tcp://127.0.0.1:6000")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for event, err := range client.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", event.Data)
	}
	if err := client.Quit(ctx); err != nil { // the application is ending: say that this plugin has finished
		log.Fatal(err)
	}
}

func ExampleClient_NextEvent() {
	client, err := eventengine.Connect(context.Background(), "")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	event, err := client.NextEvent(ctx)
	switch {
	case err == nil:
		fmt.Printf("%s\n", event.Data)
	case errors.Is(err, eventengine.ErrTimeout):
		fmt.Println("nothing within a second, and nothing lost")
	default:
		log.Fatal(err)
	}
}

func ExampleClient_PublishBatch() {
	ctx := context.Background()
	client, err := eventengine.Connect(ctx, "tcp://127.0.0.1:6000", eventengine.WithName("thermometer/1.0"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	last, err := client.PublishBatch(ctx, [][]byte{[]byte("reading: 21.5"), []byte("reading: 21.7")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("accepted up to", last)
}

func ExampleClient_Stopping() {
	ctx := context.Background()
	client, err := eventengine.Connect(ctx, "")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for !client.Stopping() {
		if _, err := client.Publish(ctx, []byte("reading: 21.5")); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Quit(ctx); err != nil {
		log.Fatal(err)
	}
}

func ExampleError() {
	publish := func() error {
		return &eventengine.Error{Kind: eventengine.Closed, Unsettled: eventengine.IDs{First: 7, Last: 9}}
	}
	var failure *eventengine.Error
	if err := publish(); errors.As(err, &failure) {
		fmt.Println(failure.Kind, "with publishes of unknown outcome:", failure.Unsettled)
	}
	// Output: closed with publishes of unknown outcome: 7 to 9
}
