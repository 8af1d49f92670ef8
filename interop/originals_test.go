package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The outcomes of trouble between originals alone, as chapter 16 of the specification compares them to those of a node.
// They are facts about a package that is pinned, and show what a network had before there was a node of this module in it.

// never is how long what does not come is waited for, while the process goes on answering. The original has no timer that
// could be longer but ICE's, for which see TestOriginalsUpgrade.
const never = 10 * time.Second

// iceTime is when ICE gives up, if it does.
const iceTime = 20 * time.Second

// threeOriginals are a relay, a candidate and an asker, both connected to it.
type threeOriginals struct {
	relay, candidate, asker *Process
	url                     string
}

// originals starts three with a trap in one of them, if any.
func originals(ctx context.Context, t *testing.T, where role, at string) threeOriginals {
	t.Helper()
	needOriginal(t)
	start := func(r role) *Process {
		o := Options{Name: string(r), Network: "n", Echo: r == relaying}
		if r == where {
			o.More = map[string]any{"trap": at}
		}
		return js.start(ctx, t, o)
	}
	three := threeOriginals{relay: start(relaying), candidate: start(met), asker: start(asking)}
	three.url = do(ctx, t, three.relay, Command{Command: "listen", Transport: "tcp"}).URL
	for _, p := range []*Process{three.candidate, three.asker} {
		if _, err := join(ctx, p, three.url); err != nil {
			t.Fatal(err)
		}
	}
	return three
}

func (o threeOriginals) process(r role) *Process {
	return map[role]*Process{relaying: o.relay, met: o.candidate, asking: o.asker}[r]
}

// unanswered fails the test if a call is answered, or who was asked has ended.
func unanswered(ctx context.Context, t *testing.T, c *Call) {
	t.Helper()
	wait, cancel := context.WithTimeout(ctx, never)
	defer cancel()
	e, err := c.Wait(wait)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: %+v, %v; want no answer", c.command.Command, e, err)
	}
	do(ctx, t, c.process, Command{Command: "peers"})
}

// TestOriginalsUnanswered: an original that asks is not answered when the relay or the candidate goes, or is silent.
func TestOriginalsUnanswered(t *testing.T) {
	for _, c := range []struct {
		who role
		at  string
	}{{relaying, "getpeers"}, {relaying, "relay"}, {met, "incoming"}, {met, "upgrade"}} {
		for _, what := range []string{"killed", "frozen"} {
			t.Run(fmt.Sprintf("the %s is %s at %s", c.who, what, c.at), func(t *testing.T) {
				t.Parallel()
				ctx := limited(t)
				three := originals(ctx, t, c.who, c.at)
				asked := three.asker.Begin(Command{Command: "getNewPeer"})
				await(ctx, t, three.process(c.who), c.at, Named("trapped"))
				if what == "killed" {
					three.process(c.who).Kill()
				}
				unanswered(ctx, t, asked)
			})
		}
	}
}

// TestOriginalsUpgrade: an original whose candidate goes after it has answered the offer is told by ICE, in some 15 s, or
// never: that hangs on which of the candidate's addresses have come by then.
func TestOriginalsUpgrade(t *testing.T) {
	t.Parallel()
	ctx := limited(t)
	three := originals(ctx, t, asking, "answer")
	asked := three.asker.Begin(Command{Command: "getNewPeer"})
	await(ctx, t, three.asker, "answer", Named("trapped"))
	three.candidate.Kill()
	wake(ctx, t, three.asker)
	wait, cancel := context.WithTimeout(ctx, iceTime+never)
	defer cancel()
	switch e, err := asked.Wait(wait); {
	case errors.Is(err, context.DeadlineExceeded):
		t.Log("not answered")
		do(ctx, t, three.asker, Command{Command: "peers"})
	case err == nil || !strings.Contains(err.Error(), "Ice connection failed"):
		t.Errorf("%+v, %v", e, err)
	}
}

// TestOriginalsAskerGoes: the candidate keeps the session through the relay.
func TestOriginalsAskerGoes(t *testing.T) {
	t.Parallel()
	ctx := limited(t)
	three := originals(ctx, t, met, "incoming")
	three.asker.Begin(Command{Command: "getNewPeer"})
	await(ctx, t, three.candidate, "incoming", Named("trapped"))
	three.asker.Kill()
	wake(ctx, t, three.candidate)
	circuit := await(ctx, t, three.candidate, "the circuit session", func(e Event) bool { return e.Event == "peer" && e.Relayed })
	<-time.After(never)
	if e := do(ctx, t, three.candidate, Command{Command: "peers"}); !slices.Contains(e.Peers, circuit.Peer) {
		t.Errorf("peers %v: the circuit session, %d, has ended", e.Peers, circuit.Peer)
	}
}

// TestOriginalsIDs: who asks for an id that is old or unknown gets an error, and loses the session. One that was used is
// good for another circuit.
func TestOriginalsIDs(t *testing.T) {
	for _, c := range []string{"unknown", "old", "used"} {
		t.Run(c, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t)
			three := originals(ctx, t, "", "")
			id := "deadbeef"
			switch c {
			case "old":
				id = do(ctx, t, three.asker, Command{Command: "candidates", Peer: 0}).Candidates[0].ID
				<-time.After(candidateLife + time.Second)
			case "used":
				_, candidate := relayedSession(ctx, t, three.asker)
				e := do(ctx, t, three.asker, Command{Command: "relay", Peer: 0, Candidate: candidate.ID})
				if e.Carrier != "relay" {
					t.Errorf("%+v", e)
				}
				if e := do(ctx, t, three.asker, Command{Command: "peers"}); len(e.Peers) != 3 {
					t.Errorf("peers %v, want the relay and the candidate twice", e.Peers)
				}
				return
			}
			_, err := three.asker.Do(ctx, Command{Command: "relay", Peer: 0, Candidate: id})
			if err == nil || !strings.Contains(err.Error(), "Peer requested unknown candidate: id="+id) {
				t.Error(err)
			}
			await(ctx, t, three.asker, "the end of its session", func(e Event) bool { return e.Event == "disconnect" && e.Peer == 0 })
			checkPeers(ctx, t, three.relay, 1)
		})
	}
}

// TestOriginalsCircuit: two keep a session through a third, with a data stream; it is slow, and has no end.
func TestOriginalsCircuit(t *testing.T) {
	t.Parallel()
	ctx := limited(t)
	three := originals(ctx, t, "", "")
	session, _ := relayedSession(ctx, t, three.asker)
	far := await(ctx, t, three.candidate, "session through the relay", func(e Event) bool { return e.Event == "peer" && e.Relayed })
	stream := await(ctx, t, three.candidate, "its data stream", func(e Event) bool { return e.Event == "stream" && e.Peer == far.Peer })
	const bytes, rate = 500_000, 50_000
	began := time.Now()
	if err := pass(ctx, three.asker, session.Stream, three.candidate, stream.Stream, 1, bytes, 0); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d bytes took %v", bytes, took)
	if least := bytes * time.Second / rate * 8 / 10; took < least { // what it has saved before comes on top
		t.Errorf("%d bytes took %v, want at least %v", bytes, took, least)
	}
	checkPeers(ctx, t, three.relay, 2)
}

// TestOriginalsOtherNetwork: both get an error.
func TestOriginalsOtherNetwork(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	acceptor := js.start(ctx, t, Options{Name: "acceptor", Network: "n"})
	dialer := js.start(ctx, t, Options{Name: "dialer", Network: "other"})
	const problem = "does not have any networks in common"
	_, err := join(ctx, dialer, do(ctx, t, acceptor, Command{Command: "listen", Transport: "tcp"}).URL)
	if err == nil || !strings.Contains(err.Error(), problem) {
		t.Error(err)
	}
	await(ctx, t, acceptor, "its error", func(e Event) bool { return e.Event == "acceptError" && strings.Contains(e.Error, problem) })
	allAlive(t, acceptor, dialer)
}
