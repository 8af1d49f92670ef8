package exchange_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/fuzz/eclipse/model"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
)

// What the simulator of hostile networks (fuzz/eclipse) says is what real exchanges do, as far as 40 of them can show it: as much
// of their views is hostile, and they have as many peers.
func TestModelIsTrue(t *testing.T) {
	s := model.Setup{Nodes: 40, Rounds: 100, Hostile: 0.2, Churn: 0.02, Target: 6, Limit: 50, Doors: 2, Reach: 4}
	const seeds = 20
	var want model.View
	for seed := range uint64(seeds) {
		s.Seed = seed
		v := model.Simulate(s)
		want.Hostile += v.Hostile / seeds
		want.Peers += v.Peers / seeds
	}
	bubble.Run(t, func(t *testing.T) {
		hostile, peers := realNetwork(t, s)
		t.Logf("hostile in a view: %.2f, simulated %.2f; peers: %.1f, simulated %.1f", hostile, want.Hostile, peers, want.Peers)
		if math.Abs(hostile-want.Hostile) > 0.12 {
			t.Errorf("%.2f of a view are hostile, and %.2f in the simulation", hostile, want.Hostile)
		}
		if math.Abs(peers-want.Peers) > 1.5 {
			t.Errorf("a node has %.1f peers, and %.1f in the simulation", peers, want.Peers)
		}
	})
}

// realNetwork does with exchanges what model.Simulate does, and returns the share of hostile peers in the views of honest
// nodes and how many peers these have, means over the second half of the rounds.
func realNetwork(t *testing.T, s model.Setup) (hostileShare, peers float64) {
	w := newWorld(t)
	hostile := make(map[identity.ID]bool) // written before anybody is asked
	var bad, all []*node
	add := func() *node {
		n := w.node()
		go func() { // ends with the exchange
			for {
				if _, err := n.Listener().Accept(); err != nil {
					return
				}
			}
		}()
		return n
	}
	dial := func(n, to *node) {
		if n != to && n.Peer(to.ID()) == nil {
			_, _ = n.Connect(context.Background(), n.dial(to)) // or it has no place
		}
	}
	knock := func(n *node) {
		for range s.Doors {
			dial(n, all[rand.IntN(len(all))])
		}
	}
	for range int(float64(s.Nodes) * s.Hostile) {
		n := add()
		hostile[n.ID()] = true
		n.NameOnly(func(id identity.ID) bool { return hostile[id] })
		bad, all = append(bad, n), append(all, n)
	}
	for len(all) < s.Nodes {
		all = append(all, add())
	}
	for _, n := range bad { // friends know each other
		for _, other := range bad {
			dial(n, other)
		}
	}
	for _, n := range all[len(bad):] {
		knock(n)
		n.Maintain(s.Target)
	}
	seen := 0.0
	for round := range s.Rounds {
		for _, n := range bad {
			dialed := 0
			for p := range n.Peers() {
				if !p.Incoming() && !hostile[p.ID()] {
					dialed++
				}
			}
			for ; dialed < s.Reach; dialed++ {
				dial(n, all[len(bad)+rand.IntN(s.Nodes-len(bad))])
			}
		}
		for i := len(bad); i < len(all); i++ {
			if rand.Float64() < s.Churn {
				all[i].Close()
				all[i] = add()
				knock(all[i])
				all[i].Maintain(s.Target)
			}
		}
		time.Sleep(15 * time.Second)
		if round < s.Rounds/2 {
			continue
		}
		for _, n := range all[len(bad):] {
			have := 0.0
			for p := range n.Peers() {
				have++
				if hostile[p.ID()] {
					hostileShare++
				}
			}
			peers += have
			seen++
		}
	}
	return hostileShare / peers, peers / seen
}
