package main

import "github.com/tapis-project/event-engine/examples/trail-camera/scorer/internal/pb"

const (
	// scoreMax is the best score.
	scoreMax = 1000
	// sizeMax is what an animal's size contributes at most.
	sizeMax = 490
)

// scoreOf says how much one animal is worth a picture: large is good, bright is good.
func scoreOf(animal *pb.Animal) uint32 {
	return min(scoreMax, 2*animal.GetBrightness()+min(sizeMax, animal.GetArea()/4))
}

// scoresOf returns each animal's score, and the picture's: the best of them, 0 without animals. It depends on nothing but
// the detection: who scores it again gets the same.
func scoresOf(animals []*pb.Animal) (scores []uint32, best uint32) {
	for _, animal := range animals {
		score := scoreOf(animal)
		scores = append(scores, score)
		best = max(best, score)
	}
	return scores, best
}
