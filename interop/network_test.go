package interop

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// healthy is how many others each kind of node is to have.
const (
	goTarget = 4
	jsLeast  = 2
)

// network is nodes that all joined the first, which know each other by name.
type network struct {
	members []*member
	url     string // of the first
	how     string // see the command seek
}

type member struct {
	*Process
	name     string
	language language
	want     int
}

func newNetwork(ctx context.Context, t *testing.T, how string, kinds ...language) *network {
	n := &network{how: how}
	for i, l := range kinds {
		m := &member{name: fmt.Sprintf("%s %d", l.name, i), language: l, want: jsLeast}
		if l.name == golang.name {
			m.want = goTarget
		}
		n.members = append(n.members, m)
		m.start(ctx, t)
	}
	n.url = do(ctx, t, n.members[0].Process, Command{Command: "listen", Transport: "tcp"}).URL
	return n
}

// The originals run as an application runs that follows the package's readme: it handles the events of the swarm and passes
// callbacks, and does not touch the peers, whose second error ends the process.
func (m *member) start(ctx context.Context, t *testing.T) {
	m.Process = m.language.start(ctx, t, Options{Name: m.name, Network: "n", More: map[string]any{"says": m.name}})
}

// join has a member join, and seek.
func (n *network) join(ctx context.Context, m *member) error {
	if m != n.members[0] {
		if _, err := join(ctx, m.Process, n.url); err != nil {
			return err
		}
	}
	_, err := m.Do(ctx, Command{Command: "seek", Count: m.want, How: n.how})
	return err
}

// others are the processes that a node has a session with that does not run through a relay; itself does not count, nor
// a second session.
func (m *member) others() []string {
	direct, named := make(map[int]bool), make(map[int]string)
	for _, e := range m.Events() {
		switch e.Event {
		case "peer":
			direct[e.Peer] = !e.Relayed
		case "name":
			named[e.Peer] = e.Name
		case "disconnect":
			delete(named, e.Peer)
		}
	}
	others := make(map[string]bool)
	for peer, name := range named {
		if direct[peer] && name != m.name {
			others[name] = true
		}
	}
	return slices.Sorted(maps.Keys(others))
}

// healthy says whether everybody has as many others as it is to have, who have it likewise.
func (n *network) healthy() bool {
	have := make(map[string][]string)
	for _, m := range n.members {
		have[m.name] = m.others()
	}
	for _, m := range n.members {
		mutual := 0
		for _, other := range have[m.name] {
			if slices.Contains(have[other], m.name) {
				mutual++
			}
		}
		if mutual < m.want || m.Alive() != nil {
			return false
		}
	}
	return true
}

func (n *network) String() string {
	var text strings.Builder
	for _, m := range n.members {
		fmt.Fprintf(&text, ", %s has %d", m.name, len(m.others()))
		if m.Alive() != nil {
			text.WriteString(" (and has ended)")
		}
	}
	return text.String()[2:]
}

// changed waits until something happens in the network, or ctx is done, or until is.
func (n *network) changed(ctx context.Context, until <-chan time.Time, seen []<-chan struct{}) {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(until)},
	}
	for i, m := range n.members {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(seen[i])})
		if m.Alive() == nil {
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(m.Done())})
		}
	}
	reflect.Select(cases)
}

func (n *network) look() (seen []<-chan struct{}) {
	for _, m := range n.members {
		seen = append(seen, m.Changed())
	}
	return seen
}

// stays is how long a network has to be healthy without a break. Its nodes look for peers each second, or more often.
const stays = 5 * time.Second

// settle waits until the network is healthy and stays so, and returns when it became so. No member may end.
func (n *network) settle(ctx context.Context) (time.Time, error) {
	var since time.Time
	for {
		seen := n.look()
		for _, m := range n.members {
			if err := m.Alive(); err != nil {
				return since, err
			}
		}
		var until <-chan time.Time
		switch {
		case ctx.Err() != nil:
			return since, context.Cause(ctx)
		case !n.healthy():
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
			until = time.After(stays)
		case time.Since(since) >= stays:
			return since, nil
		default:
			until = time.After(stays - time.Since(since))
		}
		n.changed(ctx, until, seen)
	}
}

// satisfied waits until a member has as many others as it is to have.
func (m *member) satisfied(ctx context.Context) error {
	for {
		changed := m.Changed()
		if len(m.others()) >= m.want {
			return nil
		}
		select {
		case <-changed:
		case <-m.Done():
			return m.Alive()
		case <-ctx.Done():
			return fmt.Errorf("%s has %d others: %w", m.name, len(m.others()), context.Cause(ctx))
		}
	}
}

var (
	fourAndFour    = []language{golang, js, golang, js, golang, js, golang, js}
	eightOriginals = []language{js, js, js, js, js, js, js, js}
)

// TestNetwork: four Go nodes, which maintain their peers, and four originals, which ask for peers each second while they have
// less than two, all from one Go node, are healthy within 30 s. No original may end, and none is started again.
//
// An original ends when another tells it of somebody who has just come to that one through a relay and has not said hello
// (spec, faults of the original). Both that take part are originals, so that no node of this module could prevent it. Hence
// they do not all seek at the same instant: each joins when the one before has what it wants, and asks Go nodes first, as it
// knows nobody else.
func TestNetwork(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	n := newNetwork(ctx, t, "again", fourAndFour...)
	began := time.Now()
	var pace time.Duration // of one original that joins and meets somebody
	for _, l := range []language{golang, js} {
		for _, m := range n.members {
			if m.language.name != l.name {
				continue
			}
			joins := time.Now()
			if err := n.join(ctx, m); err != nil {
				t.Fatal(err)
			}
			if l.name == golang.name {
				continue
			}
			if err := m.satisfied(ctx); err != nil {
				t.Fatal(err)
			}
			if pace == 0 {
				pace = time.Since(joins)
			}
		}
	}
	joined := time.Now()
	healthy, err := n.settle(ctx)
	t.Log(n)
	if err != nil {
		t.Fatal(err)
	}
	took, allowed := healthy.Sub(began), max(networkTime, paces*pace)
	t.Logf("the first original joined and met somebody in %v, all had joined after %v, healthy after %v, and for %v",
		pace.Round(time.Millisecond), joined.Sub(began).Round(time.Millisecond), took.Round(time.Millisecond), stays)
	if took > allowed {
		t.Errorf("healthy after %v, want %v", took, allowed)
	}
	// And they themselves say so.
	for _, m := range n.members {
		if e := do(ctx, t, m.Process, Command{Command: "peers"}); len(e.Peers) < m.want {
			t.Errorf("%s says it has %d peers", m.name, len(e.Peers))
		}
	}
}

// networkTime is when a network is to be healthy, counted from before the first joins. On a busy machine it may take more: a
// multiple of what joining and its first meeting took one original, in which no Go node's Maintain has a part.
const (
	networkTime = 30 * time.Second
	paces       = 20
)
