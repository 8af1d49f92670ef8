// Package model is a network of which some nodes are hostile, in rounds. Who is asked, met, named and taken in is decided
// by internal/choice, as in the library; all else is simple: what is allowed works, at once. TestModelIsTrue of the root
// package compares it with real exchanges.
package model

import (
	"math/rand/v2"
	"slices"

	"github.com/peer-exchange/exchange/internal/choice"
)

// Setup is what is simulated.
type Setup struct {
	Nodes   int
	Rounds  int          // at least 100
	Hostile float64      // share of the nodes
	Churn   float64      // probability for an honest node to leave in a round; another comes in its place
	Target  int          // peers that everybody looks for
	Limit   int          // places for peers
	Doors   int          // nodes by chance that a newcomer dials, hostile ones too
	Kept    bool         // it dials others when they leave
	Reach   int          // honest nodes that each hostile one keeps dialed, whom it picks by chance
	Victims int          // if not 0, how many there are of such whom all hostile nodes dial; they dial nobody else
	Rules   choice.Rules // of the honest
	Seed    uint64
}

// world is a network. It is all in the order of slices, so that one seed always makes the same.
type world struct {
	Setup
	random  *rand.Rand
	nodes   []*node
	hostile []*node
}

func newWorld(s Setup) *world {
	w := &world{Setup: s, random: rand.New(rand.NewPCG(s.Seed, 0))}
	bad := make([]bool, s.Nodes)
	for _, i := range w.random.Perm(s.Nodes - s.Victims)[:int(float64(s.Nodes)*s.Hostile+0.5)] {
		bad[s.Victims+i] = true
	}
	for i := range s.Nodes {
		n := &node{w: w, hostile: bad[i], victim: i < s.Victims}
		w.nodes = append(w.nodes, n)
		if n.hostile {
			w.hostile = append(w.hostile, n)
		}
		n.knock()
	}
	return w
}

// round lets everybody do what there is to do: hostile nodes dial, honest ones leave, come and look for peers.
func (w *world) round() {
	for _, h := range w.hostile {
		w.push(h)
	}
	for _, i := range w.random.Perm(len(w.nodes)) {
		n := w.nodes[i]
		if n.hostile {
			continue
		}
		fresh := w.random.Float64() < w.Churn
		if fresh {
			n.leave()
			n = &node{w: w, victim: n.victim}
			w.nodes[i] = n
		}
		if fresh || w.Kept {
			n.knock()
		}
		if fresh && n.victim { // they are quicker than it
			for _, h := range w.hostile {
				h.dial(n, nil)
			}
		}
		for w.Rules.Wanted(n.table(nil)) > 0 && n.search() {
		}
	}
}

// push has a hostile node dial.
func (w *world) push(h *node) {
	if w.Victims > 0 {
		for _, n := range w.nodes[:w.Victims] {
			h.dial(n, nil)
		}
		return
	}
	for tries := 0; tries < 3*w.Reach && h.dialed() < w.Reach; tries++ {
		if n := w.nodes[w.random.IntN(len(w.nodes))]; !n.hostile {
			h.dial(n, nil)
		}
	}
}

// friends is the 8 next hostile nodes that the asker does not have: it hears of no one twice before it has heard of all.
func (w *world) friends(of, asker *node) []*node {
	var named []*node
	for range w.hostile {
		h := w.hostile[asker.told%len(w.hostile)]
		asker.told++
		if h != of && !asker.has(h) {
			if named = append(named, h); len(named) == answer {
				break
			}
		}
	}
	return named
}

// Simulate returns what is seen at the end: the mean of ten of the last tenth of the rounds. One setup always has one
// outcome.
func Simulate(s Setup) View {
	w := newWorld(s)
	var seen []View
	for i := range s.Rounds {
		w.round()
		if left := s.Rounds - 1 - i; left < s.Rounds/10 && left%(s.Rounds/100) == 0 {
			seen = append(seen, w.view())
		}
	}
	return mean(seen)
}

// View is what honest nodes see, or the victims if there are.
type View struct {
	Eclipsed float64 // share of those who have no honest peer
	Hostile  float64 // mean share of hostile peers
	Chosen   float64 // the same of the peers that they dialed
	Worst    float64 // share of hostile peers that one in twenty exceeds
	Peers    float64 // mean number
}

func (w *world) view() View {
	var v View
	var shares []float64
	for _, n := range w.nodes {
		if n.hostile || n.victim != (w.Victims > 0) {
			continue
		}
		var all, bad, dialed, badDialed float64
		for _, l := range n.links {
			all++
			if l.dialed {
				dialed++
			}
			if l.to.hostile {
				bad++
				if l.dialed {
					badDialed++
				}
			}
		}
		if bad == all {
			v.Eclipsed++
		}
		v.Hostile += bad / max(all, 1)
		v.Chosen += badDialed / max(dialed, 1)
		v.Peers += all
		shares = append(shares, bad/max(all, 1))
	}
	count := float64(len(shares))
	slices.Sort(shares)
	v.Worst = shares[len(shares)*19/20]
	v.Eclipsed /= count
	v.Hostile /= count
	v.Chosen /= count
	v.Peers /= count
	return v
}

func mean(all []View) (m View) {
	count := float64(len(all))
	for _, v := range all {
		m.Eclipsed += v.Eclipsed / count
		m.Hostile += v.Hostile / count
		m.Chosen += v.Chosen / count
		m.Worst += v.Worst / count
		m.Peers += v.Peers / count
	}
	return m
}
