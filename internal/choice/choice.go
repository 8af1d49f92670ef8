// Package choice decides whom a node asks for peers, whom it meets of those that it is told, whom it takes in, and whom it
// names to others. It is arithmetic on what a node knows, without I/O and time, so that the library and the simulator of
// hostile networks (fuzz/eclipse) run the same code (ADR 0012).
package choice

// Chance returns a random number in [0, n), as math/rand/v2.IntN does; n is above 0.
type Chance func(n int) int

// shuffle brings all in random order.
func shuffle[T any](all []T, chance Chance) {
	for i := len(all) - 1; i > 0; i-- {
		j := chance(i + 1)
		all[i], all[j] = all[j], all[i]
	}
}

// Defence is a set of defences against peers that name only their friends.
type Defence uint8

// The defences, for the simulator to measure what each is worth.
const (
	Turns  Defence = 1 << 0 // among the rarest candidates each teacher has its turn; without: the newest of them
	Half   Defence = 1 << 1 // a teacher through whom half of our peers came is last, and brings no more than half of all
	Own    Defence = 1 << 2 // peers that we dialed are asked first
	Places Defence = 1 << 3 // half of the target is kept for peers that we dial, and is filled
)

// Rules is the choice; its zero value is what the library does.
type Rules struct {
	Without Defence // those that are off
}

func (r Rules) has(d Defence) bool { return r.Without&d == 0 }
