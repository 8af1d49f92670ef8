package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange"
)

// TestBothVersions: one listener serves originals and nodes of this module at once, by the version that each dials with, and
// introduces everybody to those only who can follow.
func TestBothVersions(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	var n atOneListener
	if err := repeatOnce(func() (err error) { n, err = meetAtListener(ctx, t); return err }); err != nil {
		t.Fatal(err)
	}
	both, refuses := n.both, n.refuses

	// Two that both came by version 2 meet in it. The one that refuses version 1 can meet nobody else.
	metBy := await(ctx, t, both, "peers by version 1", func(e Event) bool { return e.Event == "peer" && e.Protocol == 1 })
	if metBy.Carrier != "webrtc" || !metBy.Incoming {
		t.Errorf("an original met the node as %+v", metBy)
	}
	if e := do(ctx, t, refuses, Command{Command: "getNewPeer"}); e.Protocol != 2 || e.Carrier != "webrtc" {
		t.Errorf("two of version 2 met as %+v", e)
	}
	if e, err := refuses.Do(ctx, Command{Command: "getNewPeer"}); err == nil {
		t.Errorf("a node that refuses version 1 met %+v", e)
	} else if failed, ok := errors.AsType[*FailedError](err); !ok || !strings.Contains(failed.Problem, "no candidates") {
		t.Errorf("a node that refuses version 1: %v", err)
	}
	allAlive(t, n.listener, n.first, n.second, both, refuses, n.closed)

	// Two that speak both versions meet in the second, also when one of them came by version 1.
	for _, which := range []string{"nobody", "asker", "candidate"} {
		t.Run(which+" by version 1", func(t *testing.T) {
			relay := golang.start(ctx, t, Options{Name: "relay", Network: "n"})
			url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL
			asker := golang.start(ctx, t, Options{Name: "asker", Network: "n"})
			candidate := golang.start(ctx, t, Options{Name: "candidate", Network: "n", Echo: true})
			for _, p := range []*Process{candidate, asker} {
				by := url
				if p.name == which {
					by += "?v=1"
				}
				if _, err := join(ctx, p, by); err != nil {
					t.Fatal(err)
				}
			}
			e := do(ctx, t, asker, Command{Command: "getNewPeer"})
			if e.Protocol != 2 || e.Carrier != "webrtc" {
				t.Errorf("met as %+v, want version 2", e)
			}
			if err := pass(ctx, asker, e.Stream, asker, e.Stream, 1, 100_000, 0); err != nil {
				t.Error(err)
			}
			checkPeers(ctx, t, relay, 2)
		})
	}
}

// atOneListener is a listener and who has dialed it.
type atOneListener struct{ listener, first, second, closed, both, refuses *Process }

// meetAtListener starts them, and has the originals meet all that they are offered. It is one attempt, with new processes: a
// circuit that two originals leave behind is in the way of another between them.
func meetAtListener(ctx context.Context, t *testing.T) (n atOneListener, err error) {
	t.Helper()
	listener := golang.start(ctx, t, Options{Name: "listener", Network: "n", Echo: true})
	tcp := do(ctx, t, listener, Command{Command: "listen", Transport: "tcp"}).URL
	ws := do(ctx, t, listener, Command{Command: "listen", Transport: "ws"}).URL

	first := js.start(ctx, t, Options{Name: "first original", Network: "n"})
	second := js.start(ctx, t, Options{Name: "second original", Network: "n"})
	both := golang.start(ctx, t, Options{Name: "both", Network: "n"})
	refuses := golang.start(ctx, t, Options{Name: "refuses", Network: "n", More: map[string]any{"v1": exchange.V1Refuse}})
	closed := js.start(ctx, t, Options{Name: "closed original", Network: "n", RefuseIncoming: true})
	n = atOneListener{listener, first, second, closed, both, refuses}
	var links []relayed
	for _, d := range []struct {
		p        *Process
		url      string
		protocol int
	}{{first, tcp, 1}, {second, ws, 1}, {both, ws, 2}, {refuses, tcp, 2}, {closed, tcp, 1}} {
		l, err := join(ctx, d.p, d.url)
		if err != nil {
			return n, err
		}
		links = append(links, l)
		e := await(ctx, t, listener, "peer", Named("peer"))
		if e.Protocol != d.protocol {
			t.Errorf("%s came by version %d, want %d", d.p.name, e.Protocol, d.protocol)
		}
	}
	for i, l := range links {
		if err := pass(ctx, l.process, l.stream, l.process, l.stream, uint32(i+1), 10_000, 0); err != nil {
			t.Error(err)
		}
	}

	// An original is offered the other original and the node that speaks version 1: not the node that refuses, and not
	// the original that wants no incoming peers, of which an asker would die.
	for _, asker := range []*Process{first, closed} {
		want := 2
		if asker == closed {
			want = 3
		}
		if err := followAll(ctx, asker, want, first, second); err != nil {
			return n, err
		}
	}
	return n, nil
}

// followAll has an original meet everybody that it is offered, which must be as many as want. The others are the originals
// among them, or some of them.
func followAll(ctx context.Context, asker *Process, want int, others ...*Process) error {
	for _, p := range others {
		var stop func()
		ctx, stop = watchOrder(ctx, p, nil)
		defer stop()
	}
	answer, err := asker.Do(ctx, Command{Command: "candidates", Peer: 0})
	if err != nil {
		return err
	}
	if len(answer.Candidates) != want {
		return fmt.Errorf("%s is offered %+v, want %d", asker.name, answer.Candidates, want)
	}
	for _, c := range answer.Candidates {
		if c.Network != "n" || c.ConnectInfo["pxp"] != true || c.ConnectInfo["v2"] != nil {
			return fmt.Errorf("%s is offered %+v", asker.name, c)
		}
		e, err := asker.Do(ctx, Command{Command: "meet", Peer: 0, Candidate: c.ID})
		if err == nil && e.Carrier != "webrtc" {
			err = fmt.Errorf("met by %s", e.Carrier)
		}
		if err != nil {
			return fmt.Errorf("%s follows %+v: %w", asker.name, c, err)
		}
	}
	return nil
}

func allAlive(t *testing.T, all ...*Process) {
	t.Helper()
	for _, p := range all {
		if err := p.Alive(); err != nil {
			t.Error(err)
		}
	}
}

// TestFindVersion2: two nodes of this module that an original introduces find out that they both speak version 2, and meet in
// it, knowing each other's identity; one that takes only version 1 is met in that.
func TestFindVersion2(t *testing.T) {
	for name, test := range map[string]struct {
		asker, candidate exchange.V1Policy
		want             int
	}{
		"both":                                {exchange.V1Accept, exchange.V1Accept, 2},
		"the candidate speaks version 1 only": {exchange.V1Accept, exchange.V1Only, 1},
		"the asker speaks version 1 only":     {exchange.V1Only, exchange.V1Accept, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			ctx := limited(t)
			relay := js.start(ctx, t, Options{Name: "relay", Network: "n"})
			url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL + "?v=1"
			candidate := golang.start(ctx, t, Options{Name: "candidate", Network: "n", Echo: true, More: map[string]any{"v1": test.candidate}})
			asker := golang.start(ctx, t, Options{Name: "asker", Network: "n", More: map[string]any{"v1": test.asker}})
			for _, p := range []*Process{candidate, asker} {
				if _, err := join(ctx, p, url); err != nil {
					t.Fatal(err)
				}
			}
			e := do(ctx, t, asker, Command{Command: "getNewPeer"})
			if e.Protocol != test.want || e.Carrier != "webrtc" {
				t.Errorf("met as %+v, want version %d", e, test.want)
			}
			if err := pass(ctx, asker, e.Stream, asker, e.Stream, 1, 100_000, 0); err != nil {
				t.Error(err)
			}
			checkPeers(ctx, t, relay, 2) // neither destroys its circuit
			allAlive(t, relay, candidate, asker)
		})
	}
}

// relayedSession has the original asker keep a session through the relay with the only candidate.
func relayedSession(ctx context.Context, t *testing.T, asker *Process) (Event, Candidate) {
	t.Helper()
	offered := do(ctx, t, asker, Command{Command: "candidates", Peer: 0}).Candidates
	if len(offered) != 1 {
		t.Fatalf("offered %+v, want one", offered)
	}
	return do(ctx, t, asker, Command{Command: "relay", Peer: 0, Candidate: offered[0].ID}), offered[0]
}
