package interop

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWrongNetwork: who is of another network is told so where there is a word for it, and nobody is harmed.
func TestWrongNetwork(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			ctx := limited(t)
			ours := golang.start(ctx, t, Options{Name: "ours", Network: "n", Echo: true})
			other := js.start(ctx, t, Options{Name: "other", Network: "other"})
			member := js.start(ctx, t, Options{Name: "member", Network: "n"})
			url := do(ctx, t, ours, Command{Command: "listen", Transport: transport}).URL
			theirs := do(ctx, t, other, Command{Command: "listen", Transport: transport}).URL
			link, err := join(ctx, member, url)
			if err != nil {
				t.Fatal(err)
			}

			failsAs(ctx, t, ours, Command{Command: "connect", URL: theirs + "?v=1"}, "wrong network", "not a member of this network")
			await(ctx, t, other, "its own error", func(e Event) bool {
				return e.Event == "acceptError" && strings.Contains(e.Error, "does not have any networks in common")
			})
			_, err = other.Do(ctx, Command{Command: "connect", URL: url})
			if failed, ok := errors.AsType[*FailedError](err); !ok || !strings.Contains(failed.Problem, "does not have any networks in common") {
				t.Errorf("the original of another network got %v", err)
			}
			await(ctx, t, ours, "its error", func(e Event) bool {
				return e.Event == "step" && e.Phase == "handshake" && slices.Contains(e.Is, "wrong network")
			})
			checkPeers(ctx, t, ours, 1)
			unharmed(ctx, t, []relayed{link})
			allAlive(t, other)
		})
	}
}

// TestOldCandidate: an original that asks a Go relay for a candidate whose time is over, or that it was never told of, is
// refused and keeps its session. Between two originals the session is lost.
func TestOldCandidate(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	const life = 200 * time.Millisecond
	_, links := started(ctx, t, Options{More: map[string]any{"limits": map[string]any{"TokenLife": life}}}, 2, false)
	asker := links[0].process
	offered := do(ctx, t, asker, Command{Command: "candidates", Peer: 0}).Candidates
	<-time.After(2 * life)
	for _, id := range []string{offered[0].ID, "deadbeef", ""} {
		if e, err := asker.Do(ctx, Command{Command: "relay", Peer: 0, Candidate: id}); err == nil || !strings.Contains(err.Error(), "unknown token") {
			t.Errorf("relay %q: %+v, %v", id, e, err)
		}
	}
	unharmed(ctx, t, links)
}

// TestOwnOldCandidate: a Go node that asks an original does not come back to candidates whose time may be over: the original
// would close the session.
func TestOwnOldCandidate(t *testing.T) {
	t.Parallel()
	needOriginal(t)
	ctx := limited(t)
	relay := js.start(ctx, t, Options{Name: "relay", Network: "n", Echo: true})
	url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL
	for range 3 {
		if _, err := join(ctx, golang.start(ctx, t, Options{Name: "candidate", Network: "n"}), url+"?v=1"); err != nil {
			t.Fatal(err)
		}
	}
	ours := golang.start(ctx, t, Options{Name: "ours", Network: "n"})
	link, err := join(ctx, ours, url+"?v=1")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		do(ctx, t, ours, Command{Command: "getNewPeer"})
		<-time.After(candidateLife + time.Second) // two candidates are left, and are too old
	}
	unharmed(ctx, t, []relayed{link})
}

// candidateLife is how long an original knows a candidate.
const candidateLife = 15 * time.Second

// TestLongCircuit: what two originals send each other through a Go relay is bounded in bytes and in time. Both see the end of
// the circuit, and keep their sessions with the relay.
func TestLongCircuit(t *testing.T) {
	for name, limits := range map[string]map[string]any{
		"bytes": {"CircuitBytes": 100_000},
		"time":  {"CircuitTime": 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			ctx := limited(t)
			ours, links := started(ctx, t, Options{More: map[string]any{"limits": limits}}, 2, false)
			asker, candidate := links[0].process, links[1].process
			session, _ := relayedSession(ctx, t, asker)
			if session.Carrier != "relay" {
				t.Fatalf("session %+v", session)
			}
			far := await(ctx, t, candidate, "session through the relay", func(e Event) bool { return e.Event == "peer" && e.Relayed })
			stream := await(ctx, t, candidate, "its data stream", func(e Event) bool { return e.Event == "stream" && e.Peer == far.Peer })
			if err := pass(ctx, asker, session.Stream, candidate, stream.Stream, 1, 20_000, 0); err != nil {
				t.Errorf("within the limits: %v", err)
			}
			if name == "bytes" {
				asker.Begin(Command{Command: "send", Stream: &session.Stream, Bytes: 1 << 20, Seed: 1})
			}
			for p, peer := range map[*Process]int{asker: session.Peer, candidate: far.Peer} {
				await(ctx, t, p, "end of the circuit", func(e Event) bool { return e.Event == "disconnect" && e.Peer == peer })
			}
			unharmed(ctx, t, links)
			if left := do(ctx, t, ours, Command{Command: "settle", Count: 1 << 20}); left.Circuits != 0 {
				t.Errorf("%d circuits are left", left.Circuits)
			}
		})
	}
}
