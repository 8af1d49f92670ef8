package interop

import (
	"context"
	"errors"
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
	deaths   []string
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

// ownFault is how an original ends that asks another for peers. The other tells of all it has, those too that have just
// reached it through a relay and have not said hello yet, of whom it has no connectInfo. A node of this module tells of
// nobody without one, as its tap sees to.
const ownFault = "TypeError: Cannot read properties of null (reading 'pxp')"

// revive starts an original again that has ended of its own fault, as who runs such processes does, and fails the test if
// it was another.
func (n *network) revive(ctx context.Context, t *testing.T, m *member) {
	t.Helper()
	err := m.Alive()
	if m.language.name != js.name || !strings.Contains(err.Error(), ownFault) {
		t.Fatal(err)
	}
	m.deaths = append(m.deaths, ownFault)
	m.start(ctx, t)
	if err := n.join(ctx, m); err != nil && !errors.Is(err, ErrEnded) {
		t.Fatal(err)
	}
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
		if len(m.deaths) > 0 {
			fmt.Fprintf(&text, " (and was started %d times)", 1+len(m.deaths))
		}
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

// settle waits until the network is healthy and stays so, and returns how long it took to become so. Originals that have
// ended are revived.
func (n *network) settle(ctx context.Context, t *testing.T) (time.Duration, error) {
	began := time.Now()
	var since time.Time
	for {
		seen := n.look()
		for _, m := range n.members {
			if m.Alive() != nil {
				n.revive(ctx, t, m)
				seen = n.look()
			}
		}
		var until <-chan time.Time
		switch {
		case ctx.Err() != nil:
			return 0, context.Cause(ctx)
		case !n.healthy():
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
			until = time.After(stays)
		case time.Since(since) >= stays:
			return since.Sub(began), nil
		default:
			until = time.After(stays - time.Since(since))
		}
		n.changed(ctx, until, seen)
	}
}

var (
	fourAndFour    = []language{golang, js, golang, js, golang, js, golang, js}
	eightOriginals = []language{js, js, js, js, js, js, js, js}
)

// TestNetwork: four Go nodes, which maintain their peers, and four originals, which ask for peers each second while they have
// less than two, all from one Go node. It is to be healthy after 30 s; the time is logged.
func TestNetwork(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	n := newNetwork(ctx, t, "again", fourAndFour...)
	for _, m := range n.members {
		if err := n.join(ctx, m); err != nil && !errors.Is(err, ErrEnded) {
			t.Fatal(err)
		}
	}
	took, err := n.settle(ctx, t)
	t.Log(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("healthy %v after the last had joined, and for %v", took.Round(100*time.Millisecond), stays)
	// And they themselves say so.
	for _, m := range n.members {
		if e := do(ctx, t, m.Process, Command{Command: "peers"}); len(e.Peers) < m.want {
			t.Errorf("%s says it has %d peers", m.name, len(e.Peers))
		}
	}
}
