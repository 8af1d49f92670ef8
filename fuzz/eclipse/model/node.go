package model

import (
	"slices"

	"github.com/peer-exchange/exchange/internal/choice"
)

// What the library does: candidates in an answer, and peers that a search asks at once.
const (
	answer   = 8
	surveyed = 4
)

// node is one of the network.
type node struct {
	w       *world
	hostile bool
	victim  bool
	links   []link
	told    int // hostile nodes that it was told of
}

// link is a peer, as a node sees it.
type link struct {
	to     *node
	via    *node // who introduced them; nil: nobody
	dialed bool
}

func (n *node) has(other *node) bool {
	return slices.ContainsFunc(n.links, func(l link) bool { return l.to == other })
}

func (n *node) dialed() (count int) {
	for _, l := range n.links {
		if l.dialed {
			count++
		}
	}
	return count
}

// table is what choice goes by; via is who introduces the one in question.
func (n *node) table(via *node) choice.Table {
	t := choice.Table{Peers: len(n.links), Limit: n.w.Limit, Target: n.w.Target}
	for _, l := range n.links {
		if !l.dialed {
			t.Incoming++
			if via != nil && l.via == via {
				t.Through++
			}
		}
	}
	return t
}

// dial makes two nodes peers, if the other takes n in. Hostile ones take in everybody.
func (n *node) dial(to, via *node) bool {
	if n == to || n.has(to) || !to.hostile && !n.w.Rules.Admits(to.table(via)) {
		return false
	}
	n.links = append(n.links, link{to: to, via: via, dialed: true})
	to.links = append(to.links, link{to: n, via: via})
	return true
}

// knock dials nodes by chance until there are enough that nobody introduced.
func (n *node) knock() {
	doors := 0
	for _, l := range n.links {
		if l.dialed && l.via == nil {
			doors++
		}
	}
	for tries := 0; tries < 20 && doors < n.w.Doors && len(n.links) < n.w.Limit; tries++ {
		if n.dial(n.w.nodes[n.w.random.IntN(len(n.w.nodes))], nil) {
			doors++
		}
	}
}

func (n *node) leave() {
	for _, l := range n.links {
		l.to.links = slices.DeleteFunc(l.to.links, func(back link) bool { return back.to == n })
	}
	n.links = nil
}

// names is what n answers to one who asks.
func (n *node) names(asker *node) []*node {
	if n.hostile {
		return n.w.friends(n, asker)
	}
	var all []*node
	for _, l := range n.links {
		if l.to != asker {
			all = append(all, l.to)
		}
	}
	return choice.Name(all, answer, n.w.random.IntN)
}

// search is a GetNewPeer: a survey, and then one candidate after the other.
func (n *node) search() bool {
	rules, chance := n.w.Rules, n.w.random.IntN
	relays := slices.Clone(n.links)
	choice.Ask(rules, relays, func(l link) bool { return l.dialed }, chance)
	asked := min(surveyed, len(relays))
	slices.SortStableFunc(relays[:asked], func(a, b link) int { return late(a.to) - late(b.to) })
	var known []choice.Candidate[*node, *node]
	ask := func(l link) {
		for _, c := range l.to.names(n) {
			if c != n && !n.has(c) {
				known = append(known, choice.Candidate[*node, *node]{ID: c, Via: l.to})
			}
		}
	}
	for _, l := range relays[:asked] {
		ask(l)
	}
	tried := make(map[*node]int)
	teacher := func(via *node) choice.Teacher {
		t := choice.Teacher{Tried: tried[via]}
		for _, l := range n.links {
			if l.dialed && l.via == via {
				t.Taught++
			}
		}
		return t
	}
	share := n.table(nil).Share()
	for {
		i := choice.Meet(rules, known, teacher, share, chance)
		if i < 0 {
			if asked == len(relays) {
				return false
			}
			ask(relays[asked])
			asked++
			continue
		}
		c := known[i]
		known = slices.Delete(known, i, i+1)
		tried[c.Via]++
		if n.dial(c.ID, c.Via) {
			return true
		}
	}
}

// late puts the hostile answers last: the newest of the rarest was once the one to be met.
func late(n *node) int {
	if n.hostile {
		return 1
	}
	return 0
}
