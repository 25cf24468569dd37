// Package eventengine is the Go client of event-engine: with it a process takes part in an application as one of its
// plugins. It receives the events that its plugin subscribed to and publishes events for others. An event is a byte
// string whose first bytes say what it is.
//
//	client, err := eventengine.Connect(ctx, "tcp://127.0.0.1:6000")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	for event, err := range client.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		if _, err := client.Publish(ctx, answer(event.Data)); err != nil {
//			return err
//		}
//	}
//	return client.Quit(ctx)
//
// # What is promised
//
// Every event comes in order. As long as the session lasts, over any number of broken connections, each comes exactly
// once; a client that comes after one that died gets what that one had not handled, marked [Event.Redelivered]. An event
// is handled when the next one is asked for, see [Client.NextEvent]. [Client.Publish] returns when the engine has accepted
// the event. A context that ends loses nothing.
//
// With an engine of version 0.2, or if [WithProfile] says so, the basic profile is used: events are neither numbered nor
// acknowledged, and a process that dies may take with it the event that it was about to get.
//
// # Errors
//
// All methods fail with an [*Error], whose [Kind] says what it means for the caller. Wrong arguments and nil contexts are
// plain errors. The package prints and logs nothing.
package eventengine
