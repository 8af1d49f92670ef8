package interop

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// healthy is how many peers each kind of node is to have.
const (
	goTarget = 4
	jsLeast  = 2
)

// TestNetwork: four Go nodes and four originals, all from one Go node, find each other until every original has two peers and
// every Go node the four that it wants. The originals ask for peers again and again, as applications do.
func TestNetwork(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	began := time.Now()
	var nodes []*Process
	least := make(map[*Process]int)
	for i := range 8 {
		l, want := golang, goTarget
		if i%2 == 1 {
			l, want = js, jsLeast
		}
		p := l.start(ctx, t, Options{Name: fmt.Sprintf("node %d", i), Network: "n", More: map[string]any{"patient": true}})
		nodes = append(nodes, p)
		least[p] = want
	}
	url := do(ctx, t, nodes[0], Command{Command: "listen", Transport: "tcp"}).URL
	for _, p := range nodes[1:] {
		if _, err := join(ctx, p, url); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range nodes {
		do(ctx, t, p, Command{Command: "seek", Count: least[p]})
	}
	counts := awaitNetwork(ctx, nodes, func(p *Process, peers int) bool { return peers >= least[p] })
	if ctx.Err() != nil {
		t.Errorf("peers %v: %v", counts, context.Cause(ctx))
	}
	t.Logf("peers %v after %v", counts, time.Since(began).Round(100*time.Millisecond))
	allAlive(t, nodes...)
}

// TestNetworkOfOriginals is for comparison, and fails for nothing that the originals do: eight of them, from one.
func TestNetworkOfOriginals(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	var nodes []*Process
	for i := range 8 {
		nodes = append(nodes, js.start(ctx, t, Options{Name: fmt.Sprintf("node %d", i), Network: "n", More: map[string]any{"patient": true}}))
	}
	url := do(ctx, t, nodes[0], Command{Command: "listen", Transport: "tcp"}).URL
	for _, p := range nodes[1:] {
		if _, err := join(ctx, p, url); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range nodes {
		p.Begin(Command{Command: "seek", Count: jsLeast})
	}
	within, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	counts := awaitNetwork(within, nodes, func(_ *Process, peers int) bool { return peers >= jsLeast })
	ended := 0
	for _, p := range nodes {
		if p.Alive() != nil {
			ended++
		}
	}
	t.Logf("8 originals alone: peers %v, %d processes have ended", counts, ended)
}

// awaitNetwork waits until all nodes have enough peers at once, or ctx is done. It returns how many they have.
func awaitNetwork(ctx context.Context, nodes []*Process, enough func(p *Process, peers int) bool) []int {
	for {
		cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
		counts := make([]int, len(nodes))
		all := true
		for i, p := range nodes {
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.Changed())})
			counts[i] = directPeers(p)
			all = all && enough(p, counts[i])
		}
		if all {
			return counts
		}
		if chosen, _, _ := reflect.Select(cases); chosen == 0 {
			return counts
		}
	}
}

// directPeers counts the peers that a node has and that are not behind a relay.
func directPeers(p *Process) int {
	have := make(map[int]bool)
	for _, e := range p.Events() {
		switch {
		case e.Event == "peer" && !e.Relayed:
			have[e.Peer] = true
		case e.Event == "disconnect":
			delete(have, e.Peer)
		}
	}
	return len(have)
}
