package main

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tapis-project/event-engine/examples/trail-camera/scorer/internal/pb"
	eventengine "github.com/tapis-project/event-engine/sdks/go"
)

func TestScores(t *testing.T) {
	for _, test := range []struct {
		name    string
		animals []*pb.Animal
		scores  []uint32
		best    uint32
	}{
		{"nobody", nil, nil, 0},
		{"small and dark", []*pb.Animal{{Area: 29, Brightness: 128}}, []uint32{263}, 263},
		{"large", []*pb.Animal{{Area: 5025, Brightness: 128}}, []uint32{746}, 746},
		{"never above 1000", []*pb.Animal{{Area: 1 << 31, Brightness: 255}}, []uint32{1000}, 1000},
		{"the best counts", []*pb.Animal{{Area: 40, Brightness: 200}, {Area: 80, Brightness: 200}, {}}, []uint32{410, 420, 0}, 420},
	} {
		if scores, best := scoresOf(test.animals); !slices.Equal(scores, test.scores) || best != test.best {
			t.Errorf("%s: %v, %d; want %v, %d", test.name, scores, best, test.scores, test.best)
		}
	}
}

func TestAnswerDependsOnTheDetectionAlone(t *testing.T) {
	detection, err := proto.Marshal(&pb.Detected{Id: 258, Animals: []*pb.Animal{{Area: 80, Brightness: 200}}})
	if err != nil {
		t.Fatal(err)
	}
	event := append([]byte("DT"), detection...)
	for _, again := range []bool{false, true} {
		for threshold, order := range map[uint32]string{420: "ST", 421: "DE"} {
			answer, err := answerTo(eventengine.Event{Data: event, Redelivered: again}, threshold)
			if err != nil {
				t.Fatal(err)
			}
			if want := order + "\x00\x00\x01\x02\x01\xa4"; string(answer[1]) != want {
				t.Errorf("the order is %q, want %q", answer[1], want)
			}
			scored := new(pb.Scored)
			if err := proto.Unmarshal(bytes.TrimPrefix(answer[0], []byte("SC")), scored); err != nil {
				t.Fatal(err)
			}
			if scored.Id != 258 || scored.Score != 420 || scored.Again != again || scored.AtNs == 0 {
				t.Errorf("scored: %v", scored)
			}
		}
	}
}

func TestNoDetectionIsAnError(t *testing.T) {
	for _, event := range []string{"", "DT\xff", "SC"} {
		if _, err := answerTo(eventengine.Event{Data: []byte(event)}, 0); err == nil {
			t.Errorf("%q: no error", event)
		}
	}
}
