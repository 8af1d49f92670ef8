package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role is a part in a meeting.
type role string

const (
	relaying role = "relay"
	asking   role = "asker"
	met      role = "candidate"
)

// trouble is a meeting of three in which something happens to one of them at a certain point. One is a node of this module
// and has to come out of it unharmed: with an error that says what it was, in time, with nothing left, and with its other
// peers.
type trouble struct {
	tested role // in Go; the others are originals
	other  role // in Go too; "": none

	where role   // who is stopped in the middle
	at    string // where: for an original the command that comes, for a Go node see trap

	victim role   // to whom it happens
	what   string // "killed" as kill -9 does, "frozen" for good, "gone" when it closes its sessions; for a Go node also "gives up", "shuts down", "closes"

	is   string // a name of the error that the tested asker's getNewPeer ends with, or of a failed step of the tested candidate; "": any
	text string // and what stands in it. For a tested relay: in the error of the original that asked, if it gets one

	dies role // an original that may end by itself, of its own faults, whoever it talks to: swarm.connect throws once the swarm is closed
}

func (m trouble) String() string {
	also := ""
	if m.other != "" {
		also = ", Go " + string(m.other)
	}
	return fmt.Sprintf("Go %s%s: %s %s as %s is at %s", m.tested, also, m.victim, m.what, m.where, m.at)
}

var troubles = []trouble{
	// A Go node asks.
	{tested: asking, where: relaying, at: "getpeers", victim: relaying, what: "killed", is: "lost", text: "query via"},
	{tested: asking, where: relaying, at: "getpeers", victim: relaying, what: "frozen", is: "timeout", text: "to answer getpeers"},
	{tested: asking, where: relaying, at: "relay", victim: relaying, what: "killed", is: "lost", text: "circuit with"},
	{tested: asking, where: relaying, at: "relay", victim: relaying, what: "frozen", is: "timeout", text: "circuit with"},
	{tested: asking, where: met, at: "incoming", victim: met, what: "killed", is: "timeout", text: "circuit with"},
	{tested: asking, where: met, at: "incoming", victim: met, what: "frozen", is: "timeout", text: "circuit with"},
	{tested: asking, other: relaying, where: met, at: "incoming", victim: met, what: "killed", is: "all failed", text: "circuit with"},
	{tested: asking, other: relaying, where: met, at: "incoming", victim: met, what: "frozen", is: "all failed", text: "circuit with"},
	{tested: asking, where: met, at: "upgrade", victim: met, what: "killed", is: "timeout", text: "upgrade with"},
	{tested: asking, where: met, at: "upgrade", victim: met, what: "frozen", is: "timeout", text: "upgrade with"},
	{tested: asking, other: relaying, where: met, at: "upgrade", victim: met, what: "killed", is: "lost", text: "upgrade with"},
	{tested: asking, other: relaying, where: met, at: "upgrade", victim: met, what: "frozen", is: "timeout", text: "upgrade with"},
	{tested: asking, where: asking, at: "begin", victim: relaying, what: "killed", is: "lost", text: "upgrade with"},
	{tested: asking, where: asking, at: "answered", victim: met, what: "killed", is: "timeout", text: "upgrade with"},
	{tested: asking, where: asking, at: "open", victim: met, what: "killed", is: "all failed", text: "connect with"},

	// It changes its mind, or ends.
	{tested: asking, where: asking, at: "begin", victim: asking, what: "gives up", is: "cancelled"},
	{tested: asking, where: asking, at: "offer", victim: asking, what: "gives up", is: "cancelled"},
	{tested: asking, where: asking, at: "answered", victim: asking, what: "gives up", is: "cancelled"},
	{tested: asking, where: asking, at: "open", victim: asking, what: "gives up", is: "cancelled"},
	{tested: asking, where: asking, at: "begin", victim: asking, what: "shuts down", is: "closed"},
	{tested: asking, where: asking, at: "answered", victim: asking, what: "shuts down", is: "closed"},
	{tested: asking, where: asking, at: "open", victim: asking, what: "shuts down", is: "closed"},
	{tested: asking, where: asking, at: "open", victim: asking, what: "closes", is: "closed"},

	// A Go node relays.
	{tested: relaying, where: met, at: "incoming", victim: met, what: "killed", text: "unreachable"},
	{tested: relaying, where: met, at: "incoming", victim: met, what: "frozen", text: "unreachable"},
	{tested: relaying, where: met, at: "incoming", victim: asking, what: "killed"},
	{tested: relaying, where: met, at: "upgrade", victim: met, what: "killed"},
	{tested: relaying, where: met, at: "upgrade", victim: met, what: "frozen"},
	{tested: relaying, where: met, at: "upgrade", victim: asking, what: "killed"},
	{tested: relaying, where: met, at: "upgrade", victim: asking, what: "gone", dies: asking},
	{tested: relaying, where: met, at: "incoming", victim: relaying, what: "shuts down"},
	{tested: relaying, where: met, at: "upgrade", victim: relaying, what: "shuts down"},
	{tested: relaying, where: met, at: "upgrade", victim: relaying, what: "closes"},

	// A Go node is met.
	{tested: met, where: met, at: "begin", victim: relaying, what: "killed", is: "lost"},
	{tested: met, where: met, at: "offered", victim: relaying, what: "killed", is: "lost"},
	{tested: met, where: met, at: "answer", victim: asking, what: "killed", is: "timeout"},
	{tested: met, other: relaying, where: met, at: "answer", victim: asking, what: "killed", is: "lost"},
	{tested: met, where: met, at: "offered", victim: asking, what: "frozen", is: "timeout"},
	{tested: met, where: met, at: "open", victim: asking, what: "killed"},
	{tested: met, where: met, at: "offered", victim: asking, what: "gone", dies: asking},
	{tested: met, where: met, at: "begin", victim: met, what: "shuts down"},
	{tested: met, where: met, at: "answer", victim: met, what: "shuts down"},
	{tested: met, where: met, at: "open", victim: met, what: "shuts down"},
	{tested: met, where: met, at: "open", victim: met, what: "closes"},
}

// TestTroubles: whatever becomes of one of three, at whatever point of their meeting.
func TestTroubles(t *testing.T) {
	for _, m := range troubles {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			m.run(limited(t), t)
		})
	}
}

func (m trouble) language(r role) language {
	if r == m.tested || r == m.other {
		return golang
	}
	return js
}

func (m trouble) options(r role) Options {
	o := Options{Name: string(r), Network: "n", Echo: true}
	if r == m.where {
		o.More = map[string]any{"trap": m.at}
	}
	if r == relaying && r == m.tested {
		o.More = map[string]any{"limits": map[string]any{"CircuitTime": 10 * time.Second}}
	}
	return o
}

func (m trouble) run(ctx context.Context, t *testing.T) {
	began := time.Now()
	defer func() { t.Logf("took %v", time.Since(began)) }()
	nodes := make(map[role]*Process)
	urls := make(map[role]string)
	for _, r := range []role{relaying, met, asking} {
		p := m.language(r).start(ctx, t, m.options(r))
		nodes[r] = p
		urls[r] = do(ctx, t, p, Command{Command: "listen", Transport: "tcp"}).URL
	}
	tested := nodes[m.tested]
	bystander := js.start(ctx, t, Options{Name: "bystander", Network: "n", RefuseIncoming: true})
	aside, err := join(ctx, bystander, urls[m.tested])
	if err != nil {
		t.Fatal(err)
	}
	// Its echo shows that all is there which serves the bystander.
	if err := pass(ctx, bystander, aside.stream, bystander, aside.stream, 4, 1000, 0); err != nil {
		t.Fatal(err)
	}
	before := do(ctx, t, tested, Command{Command: "steady"}).Goroutines

	for _, r := range []role{met, asking} {
		if _, err := join(ctx, nodes[r], m.language(r).url(urls[relaying], m.language(relaying))); err != nil {
			t.Fatal(err)
		}
	}
	trapped, stop := unless(ctx, nodes[asking], func(e Event) error {
		if e.Event == "failed" {
			return fmt.Errorf("the meeting did not get there: %s", e.Error)
		}
		return nil
	})
	defer stop()
	asked := nodes[asking].Begin(Command{Command: "getNewPeer"})
	await(trapped, t, nodes[m.where], m.at, Named("trapped"))
	ends := m.act(ctx, t, nodes[m.victim])
	m.goOn(ctx, t, nodes[m.where])
	if ends != nil {
		if _, err := ends.Wait(ctx); err != nil {
			t.Errorf("%s: %v", m.what, err)
		}
	}
	m.check(ctx, t, nodes, asked)
	if m.tested == relaying && m.at == "incoming" && (m.victim == asking || m.what == "frozen") {
		m.checkCandidate(ctx, t, nodes[met], urls[met])
	}
	if m.ended() {
		m.checkEnd(ctx, t, nodes, bystander)
	}

	// What is left of the others goes, too: then nothing must remind of the meeting.
	for r, p := range nodes {
		gone := m.victim == r && (m.what == "killed" || m.what == "frozen")
		if !gone && r != m.dies {
			m.checkLife(ctx, t, p)
		}
		if r != m.tested {
			p.Kill()
		}
	}
	m.checkLife(ctx, t, bystander)
	if m.ended() {
		return
	}
	if left := do(ctx, t, tested, Command{Command: "settle", Count: before}); left.Circuits > 0 || left.Goroutines > before {
		t.Errorf("%d circuits and %d goroutines are left, %d before", left.Circuits, left.Goroutines, before)
	}
	if err := pass(ctx, bystander, aside.stream, bystander, aside.stream, 5, 1000, 0); err != nil {
		t.Errorf("another peer was harmed: %v", err)
	}
}

// ended says that the tested node itself has ended.
func (m trouble) ended() bool { return m.victim == m.tested && m.what != "gives up" }

// checkEnd fails unless all who had a session with the tested node see that it has ended: those of its links, and who is at
// the other end of a channel that had just opened.
func (m trouble) checkEnd(ctx context.Context, t *testing.T, nodes map[role]*Process, bystander *Process) {
	t.Helper()
	see := func(p *Process, peer int) {
		t.Helper()
		await(ctx, t, p, "the end of the tested node", func(e Event) bool { return e.Event == "disconnect" && e.Peer == peer })
	}
	see(bystander, 0)
	switch m.tested {
	case relaying:
		see(nodes[met], 0)
		see(nodes[asking], 0)
	case met:
		see(nodes[relaying], 0) // whom it knows in the order in which they came
	case asking:
		see(nodes[relaying], 1)
	}
	if m.where != m.tested || m.at != "open" {
		return
	}
	other := asking
	if m.tested == asking {
		other = met
	}
	await(ctx, t, nodes[other], "the end of the channel", Named("rtcClosed"))
}

// checkLife fails unless the process lives on, and has looked at what came before.
func (m trouble) checkLife(ctx context.Context, t *testing.T, p *Process) {
	t.Helper()
	if _, err := p.Do(ctx, Command{Command: "peers"}); err != nil {
		t.Error(err)
	}
}

// act has it happen.
func (m trouble) act(ctx context.Context, t *testing.T, victim *Process) (ends *Call) {
	t.Helper()
	switch m.what {
	case "killed":
		victim.Kill()
	case "frozen":
		if err := victim.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	case "gone", "closes":
		return victim.Begin(Command{Command: "close"})
	case "shuts down":
		return victim.Begin(Command{Command: "shutdown"})
	case "gives up":
		return victim.Begin(Command{Command: "giveUp"})
	default:
		t.Fatal(m.what)
	}
	return nil
}

// goOn lets who is stopped in the middle go on, if it still can.
func (m trouble) goOn(ctx context.Context, t *testing.T, stopped *Process) {
	t.Helper()
	if m.where == m.victim && (m.what == "killed" || m.what == "frozen") {
		return
	}
	if m.language(m.where).name == js.name {
		wake(ctx, t, stopped)
		return
	}
	if m.where != m.victim { // else its own end is what ends the wait
		stopped.Begin(Command{Command: "release"})
	}
}

// wake lets an original go on that its trap has stopped. It tells that it is there before it stops, so that one signal may
// come too early: they are sent until it answers.
func wake(ctx context.Context, t *testing.T, stopped *Process) {
	t.Helper()
	answer := stopped.Begin(Command{Command: "peers"})
	for {
		if err := stopped.Signal(syscall.SIGCONT); err != nil {
			return // it has ended: who needs it alive will see
		}
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		_, err := answer.Wait(soon)
		cancel()
		switch {
		case err == nil, errors.Is(err, ErrEnded):
			return
		case ctx.Err() != nil:
			t.Fatal(err)
		}
	}
}

// check looks at what the meeting came to.
func (m trouble) check(ctx context.Context, t *testing.T, nodes map[role]*Process, asked *Call) {
	t.Helper()
	switch {
	case m.tested == asking:
		e, err := asked.Wait(ctx)
		m.checkError(t, err, e)
	case m.tested == met && m.is != "":
		await(ctx, t, nodes[met], "failed step: "+m.is, func(e Event) bool { return e.Event == "step" && slices.Contains(e.Is, m.is) })
	case m.tested == relaying && m.text != "":
		_, err := asked.Wait(ctx)
		if err == nil || !strings.Contains(err.Error(), m.text) {
			t.Errorf("the original that asked got %v, want %q", err, m.text)
		}
	}
}

// checkCandidate: an original to which a Go relay has offered somebody who does not come, and who has taken that, is rid of that
// session: else it would tell others of a peer without connectInfo, of which they die.
func (m trouble) checkCandidate(ctx context.Context, t *testing.T, candidate *Process, url string) {
	t.Helper()
	if m.what == "frozen" {
		wake(ctx, t, candidate)
	}
	circuit := await(ctx, t, candidate, "session in the circuit", func(e Event) bool { return e.Event == "peer" && e.Relayed })
	await(ctx, t, candidate, "the end of the session in the circuit", func(e Event) bool {
		return e.Event == "disconnect" && e.Peer == circuit.Peer
	})
	third := js.start(ctx, t, Options{Name: "third", Network: "n"})
	link, err := join(ctx, third, url)
	if err != nil {
		t.Fatal(err)
	}
	offered := do(ctx, t, link.process, Command{Command: "candidates", Peer: 0}).Candidates
	if len(offered) == 0 || slices.ContainsFunc(offered, func(c Candidate) bool { return c.ConnectInfo == nil }) {
		t.Errorf("the candidate offers %+v, want those with connectInfo only", offered)
	}
	third.Kill()
}

func (m trouble) checkError(t *testing.T, err error, e Event) {
	t.Helper()
	failed, ok := errors.AsType[*FailedError](err)
	if !ok {
		t.Fatalf("getNewPeer = %+v, %v; want it to fail", e, err)
	}
	t.Log(failed)
	if !slices.Contains(failed.Is, m.is) || !strings.Contains(failed.Problem, m.text) {
		t.Errorf("%v (%v), want %q and %q", failed, failed.Is, m.is, m.text)
	}
}
