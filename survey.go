package exchange

import (
	"context"
	"slices"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
)

// This file chooses whom to meet. Who takes whatever its first peer offers ends
// up with that one's peers, as do those, and the network falls into cliques (ADR
// 0010). So a search asks several peers first, and takes whom few of them have.

// surveyed is how many peers a search asks at once.
const surveyed = 4

// surveyGrace is how much longer than twice the first useful answer a survey
// waits for the others.
const surveyGrace = 50 * time.Millisecond

// ask has several peers say at once whom they have. It returns when all have
// answered or the rest is slow; that goes on by itself.
func (s *search) ask(ctx context.Context) {
	relays := s.surveyRelays()
	answers := make(chan struct{}, len(relays)) // one value a query: never blocks
	for _, relay := range relays {
		s.survey.Go(func() { // ended by ctx and Limits.RequestTime; run waits
			if err := s.ex.query(ctx, relay); err != nil {
				s.fail(&AttemptError{Via: relay.ID(), Step: "query", Err: err})
			}
			answers <- struct{}{}
		})
	}
	began, useful := time.Now(), false
	enough := time.NewTimer(attemptStagger)
	defer enough.Stop()
	for range relays {
		select {
		case <-answers:
			if !useful && s.ex.hasCandidates() {
				useful = true
				enough.Reset(min(time.Since(began)+surveyGrace, attemptStagger))
			}
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// surveyRelays takes the relays that a survey asks: such as name whom they have,
// and may be asked once more soon.
func (s *search) surveyRelays() (relays []*Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relays = slices.DeleteFunc(s.relays, func(p *Peer) bool {
		take := len(relays) < surveyed && p.s.version == pxp.Version && p.rates.asking.Tokens() >= 2
		if take {
			relays = append(relays, p)
		}
		return take
	})
	return relays
}

// leastNamed is the index of a candidate that nobody is at, the newest of those
// that the fewest of our peers have named; -1 if there is none. ex.mu is held.
func (ex *Exchange) leastNamed() int {
	type naming struct {
		id  identity.ID
		via *Peer
	}
	seen := make(map[naming]struct{}, len(ex.known))
	named := make(map[identity.ID]int, len(ex.known))
	for _, c := range ex.known {
		n := naming{c.id, c.via}
		if _, twice := seen[n]; !twice {
			seen[n] = struct{}{}
			named[c.id]++
		}
	}
	best := -1
	for i, c := range slices.Backward(ex.known) {
		if _, busy := ex.meeting[c.id]; busy {
			continue
		}
		if best < 0 || named[c.id] < named[ex.known[best].id] {
			best = i
		}
	}
	return best
}
