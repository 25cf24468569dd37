package eventengine

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkReceive takes events of 100 bytes from a full queue.
func BenchmarkReceive(b *testing.B) {
	engine := startPeer(b, "engine")
	engine.ask(fmt.Sprintf("batch %d 100", min(b.N, 200_000)), "published")
	client := connect(b, engine.endpoint)
	engine.say("batch %d 100", max(b.N-200_000, 0)+1)
	ctx := context.Background()
	b.ResetTimer()
	for range b.N {
		if _, err := client.NextEvent(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPublishBatch publishes events of 100 bytes, 10,000 in a call.
func BenchmarkPublishBatch(b *testing.B) {
	engine := startPeer(b, "engine")
	client := connect(b, engine.endpoint)
	events := make([][]byte, 10_000)
	for i := range events {
		events[i] = make([]byte, 100)
	}
	ctx := context.Background()
	b.ResetTimer()
	for left := b.N; left > 0; left -= len(events) {
		if _, err := client.PublishBatch(ctx, events[:min(left, len(events))]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPublish publishes one event of 100 bytes after the other.
func BenchmarkPublish(b *testing.B) {
	for _, profile := range []Profile{Basic, Session} {
		b.Run(profile.String(), func(b *testing.B) {
			engine := startPeer(b, "engine")
			client := connect(b, engine.endpoint, WithProfile(profile))
			event := make([]byte, 100)
			ctx := context.Background()
			var slowest time.Duration
			b.ResetTimer()
			for range b.N {
				start := time.Now()
				if _, err := client.Publish(ctx, event); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, time.Since(start))
			}
			b.ReportMetric(float64(slowest.Microseconds()), "µs-worst")
		})
	}
}
