package bootstrap

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/secure"
)

// seed is a URL that a Keeper dials. It is owned by Keeper.run.
type seed struct {
	url    URL
	cached bool        // from the cache, not from the configuration
	peer   identity.ID // who was there last; zero: not known

	dialing bool
	tried   bool      // an attempt has ended
	up      bool      // reached, and not seen to be lost since
	since   time.Time // when it was reached
	fails   int       // in a row
	wrong   bool      // it is not what we look for, which was reported
	next    time.Time // not dialed before
}

func (s *seed) reached(id identity.ID, now time.Time) {
	s.peer, s.up, s.since, s.wrong = id, true, now, false
}

// missed says whether s is to be dialed though the exchange has enough peers.
func (s *seed) missed() bool { return !s.cached && s.tried && !s.up && !s.peer.IsZero() && !s.wrong }

func (s *seed) failed(k *Keeper, now time.Time) {
	s.fails++
	s.next = now.Add(backoff(k.cfg.MinBackoff, k.cfg.MaxBackoff, s.fails))
}

// noticeLoss sees when the peer of a seed has left. One that stayed for long is
// dialed again soon, though not by all who had it at the same moment; one that
// did not has failed.
func (s *seed) noticeLoss(k *Keeper, now time.Time) {
	if !s.up || k.connected(s.peer) {
		return
	}
	s.up = false
	if now.Sub(s.since) < k.cfg.MaxBackoff {
		s.failed(k, now)
		return
	}
	s.fails = 0
	s.next = now.Add(rand.N(k.cfg.MinBackoff))
}

// backoff returns how long to wait after so many failures in a row: a random
// time from shortest to a limit that doubles with each, up to longest.
func backoff(shortest, longest time.Duration, fails int) time.Duration {
	limit := shortest
	for range fails {
		if limit > longest/2 {
			limit = longest
			break
		}
		limit *= 2
	}
	return shortest + rand.N(limit-shortest+1)
}

// isWrong says whether err means that a seed works and is not what we look
// for. That seldom changes soon.
func isWrong(err error) bool {
	for _, wrong := range []error{
		exchange.ErrWrongNetwork, exchange.ErrSelf, exchange.ErrNotPXP, exchange.ErrVersion1, secure.ErrIdentity,
	} {
		if errors.Is(err, wrong) {
			return true
		}
	}
	return false
}
