package interop

import (
	"strings"
	"testing"
)

// TestUsedCandidate: an original that asks a Go relay a second time for a candidate that it has a circuit to is refused, and
// keeps its session and its circuit. An original relays as often as it is asked.
func TestUsedCandidate(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	_, links := started(ctx, t, Options{}, 2, false)
	asker := links[0].process
	session, candidate := relayedSession(ctx, t, asker)
	if e, err := asker.Do(ctx, Command{Command: "relay", Peer: 0, Candidate: candidate.ID}); err == nil || !strings.Contains(err.Error(), "unknown token") {
		t.Errorf("again: %+v, %v", e, err)
	}
	far := await(ctx, t, links[1].process, "data stream of the circuit", func(e Event) bool { return e.Event == "stream" && e.Peer != 0 })
	if err := pass(ctx, asker, session.Stream, links[1].process, far.Stream, 1, 1000, 0); err != nil {
		t.Errorf("the circuit: %v", err)
	}
	unharmed(ctx, t, links)
}

// TestCircuitIsForSignaling: an original that keeps the session with a Go node that it reaches through a relay, where it would
// find a data stream with another original, sees it end. All keep their sessions with a Go relay.
func TestCircuitIsForSignaling(t *testing.T) {
	for _, relaying := range languages {
		t.Run(relaying.name+" relays", func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			ctx := limited(t)
			relay := relaying.start(ctx, t, Options{Name: "relay", Network: "n", Echo: true})
			url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL
			ours := golang.start(ctx, t, Options{Name: "ours", Network: "n"})
			asker := js.start(ctx, t, Options{Name: "asker", Network: "n"})
			if _, err := join(ctx, ours, url+"?v=1"); err != nil {
				t.Fatal(err)
			}
			link, err := join(ctx, asker, url)
			if err != nil {
				t.Fatal(err)
			}
			offered := do(ctx, t, asker, Command{Command: "candidates", Peer: 0}).Candidates
			if len(offered) != 1 {
				t.Fatalf("offered %+v, want one", offered)
			}
			asker.Begin(Command{Command: "relay", Peer: 0, Candidate: offered[0].ID}) // not answered
			circuit := await(ctx, t, asker, "session through the relay", func(e Event) bool { return e.Event == "peer" && e.Relayed })
			await(ctx, t, asker, "its end", func(e Event) bool { return e.Event == "disconnect" && e.Peer == circuit.Peer })
			checkPeers(ctx, t, ours, 1)
			if relaying.name == golang.name {
				unharmed(ctx, t, []relayed{link})
			}
			allAlive(t, relay, ours, asker)
		})
	}
}
