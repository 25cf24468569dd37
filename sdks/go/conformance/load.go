package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"
)

// batchMax is how many events flood publishes by one call.
const batchMax = 500

// digits is how many of them a numbered event has.
const digits = 8

// numbered makes the event of a number: the prefix, the number, and dots up to the size.
func (c *command) numbered(number int) []byte {
	event := fmt.Appendf(bytes.Clone(c.Prefix), "%0*d", digits, number)
	return append(event, bytes.Repeat([]byte{'.'}, max(0, c.Size-len(event)))...)
}

// numberOf returns the number that stands behind the first colon of an event.
func numberOf(event []byte) (number int, found bool) {
	_, rest, found := bytes.Cut(event, []byte{':'})
	if !found || len(rest) < digits {
		return 0, false
	}
	number, err := strconv.Atoi(string(rest[:digits]))
	return number, err == nil
}

func (t *testee) flood(ctx context.Context, asked *command) (object, error) {
	client := t.client(asked)
	begun := time.Now()
	var id uint64
	for number, end := asked.First, asked.First+asked.Count; number < end; {
		var batch [][]byte
		for ; number < end && len(batch) < batchMax; number++ {
			batch = append(batch, asked.numbered(number))
		}
		var err error
		if id, err = client.PublishBatch(ctx, batch); err != nil {
			return nil, err
		}
	}
	return object{"id": id, "us": time.Since(begun).Microseconds()}, nil
}

// drain counts what comes. Only a time-out is an answer; any other error is one of the call.
func (t *testee) drain(ctx context.Context, asked *command) (object, error) {
	client := t.client(asked)
	seen := make(map[int]bool)
	taken, redelivered, inOrder := 0, 0, true
	var first, last any // numbers, or null
	before := -1
	var begun, ended time.Time
	for len(seen) < asked.Count {
		limited, cancel := asked.limited(ctx)
		event, err := client.NextEvent(limited)
		late := err != nil && limited.Err() == context.DeadlineExceeded && describe(err).Kind == "timeout"
		cancel()
		if late {
			break
		} else if err != nil {
			return nil, err
		}
		ended = time.Now()
		if taken++; taken == 1 {
			begun = ended
		}
		if event.Redelivered {
			redelivered++
		}
		if number, found := numberOf(event.Data); found {
			if first == nil {
				first = number
			}
			inOrder = inOrder && number > before
			last, before, seen[number] = number, number, true
		}
	}
	return object{
		"count": taken, "distinct": len(seen), "in_order": inOrder, "first": first, "last": last,
		"redelivered": redelivered, "us": ended.Sub(begun).Microseconds(),
	}, nil
}

func (t *testee) roundTrips(ctx context.Context, asked *command) (object, error) {
	client := t.client(asked)
	took := make([]int64, 0, asked.Count)
	for number := range asked.Count {
		event := asked.numbered(number)
		begun := time.Now()
		if _, err := client.Publish(ctx, event); err != nil {
			return nil, err
		}
		if _, err := client.NextEvent(ctx); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun).Microseconds())
	}
	return object{"us": took}, nil
}
