package envelope_test

import (
	"fmt"

	"github.com/tapis-project/event-engine/sdks/go/envelope"
)

func Example() {
	filter := []byte("reading: ")
	event, err := envelope.Seal(filter, &envelope.Envelope{
		ID: "1", Source: "/sensors/7", Type: "org.example.reading", Data: []byte("21.5"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", event[:len(filter)]) // publish event; later, after NextEvent:

	reading, err := envelope.Open(filter, event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s from %s: %s\n", reading.Type, reading.Source, reading.Data)
	// Output:
	// "reading: "
	// org.example.reading from /sensors/7: 21.5
}
