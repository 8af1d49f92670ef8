package interop

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestNoChannelClosesEarly: a channel that closes as soon as it is open ends the process of an original, which asks for
// statistics then and looks at the channel when it has them, and whose @roamhq/wrtc crashes when it sends something just
// then. A Go node that changes its mind there does neither to the original at the other end.
func TestNoChannelClosesEarly(t *testing.T) {
	for _, c := range []struct {
		asks     bool
		at, then string // see trap
	}{
		{true, "answered", "giveUp"},
		{true, "answered", "close"},
		{true, "open", "giveUp"},
		{true, "open", "close"},
		{false, "open", "close"},
	} {
		t.Run(fmt.Sprintf("Go asks %v, %s when %s", c.asks, c.then, c.at), func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			for range 3 {
				closesEarly(t, c.asks, c.then, c.at)
			}
		})
	}
}

func closesEarly(t *testing.T, asks bool, then, at string) {
	ctx := limited(t)
	relay := golang.start(ctx, t, Options{Name: "relay", Network: "n"})
	defer relay.Kill()
	url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL
	ours := golang.start(ctx, t, Options{Name: "ours", Network: "n", More: map[string]any{"trap": at, "then": then}})
	defer ours.Kill()
	theirs := js.start(ctx, t, Options{Name: "theirs", Network: "n"})
	defer theirs.Kill()
	for _, p := range []*Process{ours, theirs} {
		if _, err := join(ctx, p, url); err != nil {
			t.Fatal(err)
		}
	}
	asker := theirs
	if asks {
		asker = ours
	}
	asked := asker.Begin(Command{Command: "getNewPeer"})
	await(ctx, t, ours, at, Named("trapped"))
	if asks {
		if e, err := asked.Wait(ctx); err == nil {
			t.Errorf("met %+v all the same", e)
		}
	}
	_, err := theirs.Await(ctx, "the end of the connection", Named("rtcClosed"))
	if err == nil {
		_, err = theirs.Do(ctx, Command{Command: "peers"}) // lives on
	}
	if err != nil {
		t.Error(err)
	}
}

// TestNothingKills: the situations in which a Go node could send what ends the process of an original (spec, faults of the
// original) leave it alive.
func TestNothingKills(t *testing.T) {
	for name, test := range map[string]func(ctx context.Context, t *testing.T){
		"silence, which version 2 breaks with pings": silence,
		"names that JSON escapes":                    oddNetwork,
		"a Go node that nobody may meet":             nobodyMeets,
		"originals that nobody may meet":             nobodyMeetsOriginals,
		"a Go node that introduces nobody":           refusesRelaying,
		"more questions than are answered":           manyQuestions,
		"the same candidate for many at once":        sameCandidate,
		"data streams that are reset":                resets,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			test(limited(t), t)
		})
	}
}

// started is a Go node that listens, with some originals that have joined it.
func started(ctx context.Context, t *testing.T, o Options, originals int, refuse bool) (*Process, []relayed) {
	t.Helper()
	o.Name, o.Echo = "ours", true
	if o.Network == "" {
		o.Network = "n"
	}
	ours := golang.start(ctx, t, o)
	url := do(ctx, t, ours, Command{Command: "listen", Transport: "tcp"}).URL
	var links []relayed
	for i := range originals {
		p := js.start(ctx, t, Options{Name: fmt.Sprintf("original %d", i), Network: o.Network, RefuseIncoming: refuse})
		l, err := join(ctx, p, url)
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, l)
	}
	return ours, links
}

// unharmed fails when an original or its link has suffered.
func unharmed(ctx context.Context, t *testing.T, links []relayed) {
	t.Helper()
	for _, l := range links {
		if err := pass(ctx, l.process, l.stream, l.process, l.stream, 77, 1000, 0); err != nil {
			t.Error(err)
		}
		if err := l.process.Alive(); err != nil {
			t.Error(err)
		}
	}
}

func silence(ctx context.Context, t *testing.T) {
	const dead = 2 * time.Second
	limits := map[string]any{"KeepAlive": dead / 4, "DeadAfter": dead}
	ours, links := started(ctx, t, Options{More: map[string]any{"limits": limits}}, 1, false)
	<-time.After(2 * dead)
	unharmed(ctx, t, links)
	ended := ours.Begin(Command{Command: "shutdown"}) // in version 2: bye
	await(ctx, t, links[0].process, "the end", Named("disconnect"))
	if _, err := ended.Wait(ctx); err != nil {
		t.Error(err)
	}
	checkPeers(ctx, t, links[0].process, 0)
}

func oddNetwork(ctx context.Context, t *testing.T) {
	var links []relayed
	err := repeatOnce(func() error { // with new processes: the circuit of the attempt before would be in the way
		_, links = started(ctx, t, Options{Network: "\" \\ / \u2028\u00e9\U0001f600<&>constructor"}, 2, false)
		ctx, stop := watchOrder(ctx, links[1].process, nil)
		defer stop()
		_, err := links[0].process.Do(ctx, Command{Command: "getNewPeer"})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	unharmed(ctx, t, links)
}

// nobodyMeets: connectInfo null would end an original that picks such a candidate.
func nobodyMeets(ctx context.Context, t *testing.T) {
	relay := js.start(ctx, t, Options{Name: "relay", Network: "n"})
	url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL
	ours := golang.start(ctx, t, Options{Name: "ours", Network: "n", RefuseIncoming: true})
	asker := js.start(ctx, t, Options{Name: "asker", Network: "n"})
	if _, err := join(ctx, ours, url+"?v=1"); err != nil {
		t.Fatal(err)
	}
	if _, err := join(ctx, asker, url); err != nil {
		t.Fatal(err)
	}
	asked := asker.Begin(Command{Command: "getNewPeer"})
	trailing := do(ctx, t, asker, Command{Command: "candidates", Peer: 0}).Candidates
	if len(trailing) != 1 || trailing[0].ConnectInfo == nil {
		t.Errorf("candidates %+v", trailing)
	}
	unanswered(ctx, t, asked) // the relay takes the refusal for a grant
	checkPeers(ctx, t, ours, 1)
	checkPeers(ctx, t, relay, 2)
	allAlive(t, relay, asker, ours)
}

func nobodyMeetsOriginals(ctx context.Context, t *testing.T) {
	_, links := started(ctx, t, Options{}, 3, true)
	for _, l := range links {
		if _, err := l.process.Do(ctx, Command{Command: "getNewPeer"}); err == nil || !strings.Contains(err.Error(), "did not return any candidates") {
			t.Error(err)
		}
	}
	unharmed(ctx, t, links)
}

func refusesRelaying(ctx context.Context, t *testing.T) {
	_, links := started(ctx, t, Options{More: map[string]any{"refuseRelaying": true}}, 2, false)
	if _, err := links[0].process.Do(ctx, Command{Command: "getNewPeer"}); err == nil || !strings.Contains(err.Error(), "did not return any candidates") {
		t.Error(err)
	}
	unharmed(ctx, t, links)
}

func manyQuestions(ctx context.Context, t *testing.T) {
	_, links := started(ctx, t, Options{}, 2, true)
	var asked []*Call
	for range 100 {
		asked = append(asked, links[0].process.Begin(Command{Command: "candidates", Peer: 0}))
	}
	refused := 0
	for _, c := range asked {
		if _, err := c.Wait(ctx); err != nil {
			refused++
			if !strings.Contains(err.Error(), "limit") {
				t.Error(err)
			}
		}
	}
	if refused == 0 {
		t.Error("all were answered")
	}
	unharmed(ctx, t, links)
}

// sameCandidate: an original as relay ends when an id is asked for twice.
func sameCandidate(ctx context.Context, t *testing.T) {
	relay := js.start(ctx, t, Options{Name: "relay", Network: "n"})
	url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL
	candidate := js.start(ctx, t, Options{Name: "candidate", Network: "n"})
	ours := golang.start(ctx, t, Options{Name: "ours", Network: "n"})
	if _, err := join(ctx, candidate, url); err != nil {
		t.Fatal(err)
	}
	if _, err := join(ctx, ours, url+"?v=1"); err != nil {
		t.Fatal(err)
	}
	var asked []*Call
	for range 3 {
		asked = append(asked, ours.Begin(Command{Command: "getNewPeer"}))
	}
	found := 0
	for _, c := range asked {
		if _, err := c.Wait(ctx); err == nil {
			found++
		}
	}
	if found == 0 {
		t.Error("nobody was met")
	}
	allAlive(t, relay, candidate, ours)
}

func resets(ctx context.Context, t *testing.T) {
	ours, links := started(ctx, t, Options{}, 1, false)
	stream := await(ctx, t, ours, "stream", Named("stream")).Stream
	p := links[0].process
	p.Begin(Command{Command: "send", Stream: &links[0].stream, Bytes: 8 << 20, Seed: 1})
	do(ctx, t, ours, Command{Command: "destroy", Stream: &stream})
	await(ctx, t, p, "the end of the stream", Named("end"))
	checkPeers(ctx, t, p, 1)
	checkPeers(ctx, t, ours, 1)
}
