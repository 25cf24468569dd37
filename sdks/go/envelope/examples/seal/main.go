// Seal makes an event of a reading, and opens it again as a subscriber of "reading: " would.
package main

import (
	"errors"
	"fmt"
	"log"

	"github.com/tapis-project/event-engine/sdks/go/envelope"
)

func main() {
	event, err := envelope.Seal([]byte("reading: "), &envelope.Envelope{
		ID:              "1",
		Source:          "/sensors/7",
		Type:            "org.example.reading",
		DataContentType: "text/plain",
		Subject:         "room/1",
		Data:            []byte("21.5"),
	})
	if err != nil {
		log.Fatal(err)
	}
	// Publish event; another plugin gets it from NextEvent.

	received, err := envelope.Open([]byte("reading: "), event)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s from %s: %s\n", received.Type, received.ID, received.Source, received.Data)

	if _, err := envelope.Open([]byte("alarm: "), event); errors.Is(err, envelope.ErrFilterMismatch) {
		fmt.Println("not an alarm:", err)
	}
}
