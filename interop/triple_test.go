package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// triple is three nodes: the relay introduces the candidate to the asker.
type triple struct {
	relay, asker, candidate language
	transport               string // of the links to the relay
}

func (m triple) String() string {
	return fmt.Sprintf("%s relays by %s, %s asks, %s is met", m.relay.name, m.transport, m.asker.name, m.candidate.name)
}

// links says whether the relay is known to keep its links to both others when they have met. The original takes the
// destroy frames that end a relayed stream for the end of the session.
func (m triple) links() bool { return m.relay.name != js.name }

// TestTriples: the asker's getNewPeer meets the candidate over WebRTC, and hashed data goes both ways.
func TestTriples(t *testing.T) {
	for _, relay := range languages {
		for _, asker := range languages {
			for _, candidate := range languages {
				for _, transport := range []string{"tcp", "ws"} {
					m := triple{relay, asker, candidate, transport}
					t.Run(m.String(), func(t *testing.T) {
						together(t, m.relay, m.asker, m.candidate)
						ctx := limited(t)
						attempts := 0
						err := repeatOnce(func() error {
							if attempts++; attempts > 1 {
								t.Logf("again, because %v", errOrder)
							}
							return m.meet(ctx, t)
						})
						if err != nil {
							t.Fatal(err)
						}
					})
				}
			}
		}
	}
}

// meet is one attempt, with new processes.
func (m triple) meet(ctx context.Context, t *testing.T) error {
	relay := m.relay.start(ctx, t, Options{Name: "relay", Network: "n", Echo: true})
	asker := m.asker.start(ctx, t, Options{Name: "asker", Network: "n"})
	candidate := m.candidate.start(ctx, t, Options{Name: "candidate", Network: "n"})
	defer relay.Kill()
	defer asker.Kill()
	defer candidate.Kill()

	listening, err := relay.Do(ctx, Command{Command: "listen", Transport: m.transport})
	if err != nil {
		return err
	}
	candidateLink, err := join(ctx, candidate, m.candidate.url(listening.URL, m.relay))
	if err != nil {
		return err
	}
	askerLink, err := join(ctx, asker, m.asker.url(listening.URL, m.relay))
	if err != nil {
		return err
	}

	var offerer *Process
	if m.asker.name == golang.name {
		offerer = asker
	}
	ctx, stop := watchOrder(ctx, candidate, offerer)
	defer stop()
	met, err := asker.Do(ctx, Command{Command: "getNewPeer"})
	if err != nil {
		return err
	}
	if met.Carrier != "webrtc" || met.Incoming || met.Relayed {
		return fmt.Errorf("the asker met %+v, want by WebRTC", met)
	}
	was, err := candidate.Await(ctx, "peer by WebRTC", func(e Event) bool { return e.Event == "peer" && e.Carrier == "webrtc" })
	if err != nil {
		return err
	}
	if !was.Incoming || was.Relayed {
		return fmt.Errorf("the candidate was met as %+v, want incoming by WebRTC", was)
	}
	stream, err := candidate.Await(ctx, "data stream by WebRTC", func(e Event) bool { return e.Event == "stream" && e.Peer == was.Peer })
	if err != nil {
		return err
	}

	direct := link{dialer: asker, dialerStream: met.Stream, acceptor: candidate, acceptorStream: stream.Stream}
	for i, bytes := range []int{1, 1000, 300_000} {
		if err := direct.passBoth(ctx, uint32(10*i), bytes, 0); err != nil {
			return fmt.Errorf("%d bytes over WebRTC: %w", bytes, err)
		}
	}
	// The most that the original's channel bears in one write.
	if err := direct.passBoth(ctx, 50, 262_144, 262_144); err != nil {
		return fmt.Errorf("one write over WebRTC: %w", err)
	}
	if err := m.checkLinks(ctx, t, relay, askerLink, candidateLink); err != nil {
		return err
	}
	// The session lives on, whatever became of the relay.
	if err := direct.passBoth(ctx, 100, 1000, 0); err != nil {
		return fmt.Errorf("over WebRTC after the links: %w", err)
	}
	return errors.Join(asker.Alive(), candidate.Alive())
}

// relayed is a link to the relay, which echoes.
type relayed struct {
	process *Process
	stream  int
}

func join(ctx context.Context, p *Process, url string) (relayed, error) {
	e, err := p.Do(ctx, Command{Command: "connect", URL: url})
	return relayed{p, e.Stream}, err
}

// checkLinks fails when a link to the relay does not work, for a relay that keeps them; of others it reports what is left.
func (m triple) checkLinks(ctx context.Context, t *testing.T, relay *Process, links ...relayed) error {
	if !m.links() {
		if e, err := relay.Do(ctx, Command{Command: "peers"}); errors.Is(err, ErrEnded) {
			t.Log("the relay's process has ended")
		} else if err != nil {
			return err
		} else {
			t.Logf("the relay has %d of 2 links left", len(e.Peers))
		}
		return nil
	}
	for _, l := range links {
		if err := pass(ctx, l.process, l.stream, l.process, l.stream, 1000, 1000, 0); err != nil {
			return fmt.Errorf("link to the relay: %w", err)
		}
	}
	e, err := relay.Do(ctx, Command{Command: "peers"})
	if err == nil && len(e.Peers) != len(links) {
		err = fmt.Errorf("the relay has %d links left, want %d", len(e.Peers), len(links))
	}
	return err
}
