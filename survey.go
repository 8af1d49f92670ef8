package exchange

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/choice"
	"github.com/peer-exchange/exchange/pxp"
)

// This file chooses whom to meet. Who takes whatever its first peer offers ends
// up with that one's peers, as do those, and the network falls into cliques (ADR
// 0010). So a search asks several peers first, and takes whom few of them have; but
// in turns, so that nobody's word counts for more than another's (ADR 0012).

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

// whomToMeet is the index in ex.known of the candidate to try next; -1 if there is
// none. ex.mu is held.
func (s *search) whomToMeet() int {
	ex := s.ex
	known := make([]choice.Candidate[identity.ID, *Peer], len(ex.known))
	for i, c := range ex.known {
		known[i] = choice.Candidate[identity.ID, *Peer]{ID: c.id, Via: c.via, Busy: ex.taken(c)}
	}
	taught := make(map[identity.ID]int)
	for _, p := range ex.peers {
		if p.s.dialer {
			taught[p.s.path.Via]++ // zero for sockets, which is nobody
		}
	}
	teacher := func(via *Peer) choice.Teacher {
		return choice.Teacher{Tried: s.tried[via], Taught: taught[via.ID()]}
	}
	return choice.Meet(choice.Rules{}, known, teacher, ex.table(identity.ID{}, identity.ID{}).Share(), rand.IntN)
}
