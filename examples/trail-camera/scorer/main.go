// The scorer: says what each picture is worth, and orders the store to keep or to delete it.
//
// It remembers nothing. When it is killed between publishing a score and asking for the next event, the next scorer gets
// the detection again, computes the same and publishes the same once more; the store and the timeline, where scores have
// an effect, take each picture's score once.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/tapis-project/event-engine/examples/trail-camera/scorer/internal/pb"
	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

// receiveWindow is how many detections may be sent ahead. The client acknowledges at least every quarter of it, so a scorer
// that is killed costs its successor at most 16 scores that were computed already.
const receiveWindow = 64

func main() {
	log.SetFlags(0)
	log.SetPrefix("scorer: ")
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	threshold, err := strconv.ParseUint(os.Getenv("THRESHOLD"), 10, 16)
	if err != nil {
		return fmt.Errorf("THRESHOLD has to be a score: %w", err)
	}
	client, err := eventengine.Connect(ctx, "", eventengine.WithReceiveWindow(receiveWindow))
	if err != nil {
		return err
	}
	defer client.Close()
	for event, err := range client.Events(ctx) {
		if err != nil {
			return err
		}
		answer, err := answerTo(event, uint32(threshold))
		if err != nil {
			return err
		}
		// One batch, so that score and order travel together. Accepted means that both are in their readers' queues;
		// only then does the loop ask for the next event, which says that this one is handled.
		if _, err := client.PublishBatch(ctx, answer); err != nil {
			return err
		}
	}
	// The application is ending.
	if err := client.Quit(ctx); err != nil && !errors.Is(err, eventengine.ErrClosed) {
		return err
	}
	return nil
}

// answerTo returns what is to be published about a detection.
func answerTo(event eventengine.Event, threshold uint32) ([][]byte, error) {
	detected, err := readDetected(event.Data)
	if err != nil {
		return nil, err
	}
	scores, best := scoresOf(detected.GetAnimals())
	scored, err := scoredEvent(&pb.Scored{
		Id:           detected.GetId(),
		AtNs:         uint64(time.Now().UnixNano()),
		Score:        best,
		AnimalScores: scores,
		Again:        event.Redelivered,
	})
	if err != nil {
		return nil, err
	}
	return [][]byte{scored, orderEvent(detected.GetId(), best, threshold)}, nil
}
