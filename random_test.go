package exchange_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
)

// Who comes first is no proof of a random order: a map that is ranged over begins anywhere, too, but each of its keys
// always has the same successor. So these tests count pairs.
type pairs map[[2]identity.ID]bool

// mustVary wants more than half of the ordered pairs of n peers.
func (p pairs) mustVary(t *testing.T, n int) {
	t.Helper()
	if all := n * (n - 1); len(p) <= all/2 {
		t.Errorf("of %d ordered pairs of %d peers only %d came", all, n, len(p))
	}
}

func withManyQueries() func(*exchange.Config) {
	return withLimits(exchange.Limits{QueryEvery: 1, QueryBurst: 1000})
}

// The candidates in an answer are a random sample of the peers (PXP §8.2).
func TestSampleIsRandom(t *testing.T) {
	const peers, queries = 8, 300
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node(withManyQueries())
		asker := rawJoin(t, a)
		for range peers {
			go rawJoin(t, a).idle() // ends with the session
		}
		seen := make(pairs)
		for range queries {
			asker.send(pxp.GetPeers{ID: asker.id(), Max: 2})
			got := expect[pxp.Res](asker).Candidates
			if len(got) != 2 {
				t.Fatalf("%d candidates of %d, want 2", len(got), peers)
			}
			seen[[2]identity.ID{got[0].Peer, got[1].Peer}] = true
		}
		seen.mustVary(t, peers)
	})
}

// Each search asks the peers in an order of its own.
func TestPeersAreAskedInRandomOrder(t *testing.T) {
	const relays, searches = 6, 150
	bubble.Run(t, func(t *testing.T) {
		v := newWorld(t).node(withManyQueries())
		var mu sync.Mutex
		var asked []identity.ID // by one search
		for range relays {
			r := rawJoin(t, v)
			go r.haveNobody(func() { // ends with the session
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, r.key.ID())
			})
		}
		seen := make(pairs)
		for range searches {
			if _, err := v.GetNewPeer(t.Context()); !errors.Is(err, exchange.ErrNoCandidates) {
				t.Fatalf("%v, want ErrNoCandidates", err)
			}
			mu.Lock()
			order := asked
			asked = nil
			mu.Unlock()
			if len(order) != relays {
				t.Fatalf("%d peers were asked, want %d", len(order), relays)
			}
			seen[[2]identity.ID{order[0], order[1]}] = true
		}
		seen.mustVary(t, relays)
	})
}

// haveNobody answers that there are no candidates, after calling asked, and pings, until the session ends.
func (r *raw) haveNobody(asked func()) {
	for {
		m, err := r.receive()
		if err != nil {
			return
		}
		var id uint32
		switch m := m.(type) {
		case pxp.GetPeers:
			asked()
			id = m.ID
		case pxp.Ping:
			id = m.ID
		default:
			continue
		}
		b, err := pxp.Append(nil, pxp.Res{ID: id})
		if err != nil {
			return
		}
		if _, err := r.control.Write(b); err != nil {
			return
		}
	}
}
