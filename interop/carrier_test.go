package interop

import (
	"context"
	"fmt"
	"testing"
)

// sizes are those of data that is sent whole in one go, from the least to many times what any buffer holds.
var sizes = []int{1, 2, 1000, 65535, 65536, 1 << 20, 16 << 20}

// link is a session between two processes and its data streams, as each side counts them.
type link struct {
	dialer, acceptor             *Process
	dialerStream, acceptorStream int
	dialerPeer, acceptorPeer     int
}

// connect connects two new nodes over a transport.
func connect(ctx context.Context, t *testing.T, dialing, accepting language, transport string, o Options) link {
	t.Helper()
	dialer := dialing.start(ctx, t, Options{Name: "dialer", Network: "n"})
	o.Name, o.Network = "acceptor", "n"
	acceptor := accepting.start(ctx, t, o)
	url := do(ctx, t, acceptor, Command{Command: "listen", Transport: transport}).URL
	dialed := do(ctx, t, dialer, Command{Command: "connect", URL: dialing.url(url, accepting)})
	accepted := await(ctx, t, acceptor, "data stream", Named("stream"))
	await(ctx, t, dialer, "data stream", Named("stream"))
	peer := await(ctx, t, acceptor, "peer", Named("peer"))
	if dialed.Carrier != transport || dialed.Incoming || peer.Carrier != transport || !peer.Incoming {
		t.Errorf("peers over %s: %+v dialed, %+v accepted", transport, dialed, peer)
	}
	return link{
		dialer: dialer, acceptor: acceptor,
		dialerStream: dialed.Stream, acceptorStream: accepted.Stream,
		dialerPeer: dialed.Peer, acceptorPeer: accepted.Peer,
	}
}

// pass has one process send and the other hash what arrives, and says what went wrong.
func pass(ctx context.Context, from *Process, fromStream int, to *Process, toStream int, seed uint32, bytes, chunk int) error {
	expected := to.Begin(Command{Command: "expect", Stream: &toStream, Bytes: bytes})
	sent := from.Begin(Command{Command: "send", Stream: &fromStream, Bytes: bytes, Seed: seed, Chunk: chunk})
	return passed(ctx, sent, expected, seed, bytes)
}

// passed waits for both ends of what pass began.
func passed(ctx context.Context, sent, expected *Call, seed uint32, bytes int) error {
	want := PatternSum(seed, bytes)
	for _, call := range []*Call{sent, expected} {
		e, err := call.Wait(ctx)
		if err != nil {
			return err
		}
		if e.SHA256 != want || e.Bytes != bytes {
			return fmt.Errorf("%s: %s: %d bytes with hash %s, want %d with %s", call.process.name, call.command.Command, e.Bytes, e.SHA256, bytes, want)
		}
	}
	return nil
}

// passBoth passes data in both directions at once.
func (l link) passBoth(ctx context.Context, seed uint32, bytes, chunk int) error {
	begin := func(p *Process, command string, stream int, seed uint32) *Call {
		return p.Begin(Command{Command: command, Stream: &stream, Bytes: bytes, Seed: seed, Chunk: chunk})
	}
	there := begin(l.acceptor, "expect", l.acceptorStream, 0)
	back := begin(l.dialer, "expect", l.dialerStream, 0)
	sentThere := begin(l.dialer, "send", l.dialerStream, seed)
	sentBack := begin(l.acceptor, "send", l.acceptorStream, seed+1)
	if err := passed(ctx, sentThere, there, seed, bytes); err != nil {
		return err
	}
	return passed(ctx, sentBack, back, seed+1, bytes)
}

// pairs are the parties that can be dialer and acceptor; see language.
func pairs(t *testing.T, test func(t *testing.T, dialer, acceptor language, transport string)) {
	for _, dialer := range languages {
		for _, acceptor := range languages {
			for _, transport := range []string{"tcp", "ws"} {
				t.Run(fmt.Sprintf("%s to %s by %s", dialer.name, acceptor.name, transport), func(t *testing.T) {
					together(t, dialer, acceptor)
					test(t, dialer, acceptor, transport)
				})
			}
		}
	}
}

// TestEcho: what one side sends comes back whole.
func TestEcho(t *testing.T) {
	pairs(t, func(t *testing.T, dialing, accepting language, transport string) {
		ctx := limited(t)
		l := connect(ctx, t, dialing, accepting, transport, Options{Echo: true})
		dialer, acceptor := l.dialer, l.acceptor
		total := 0
		for i, bytes := range sizes {
			if err := pass(ctx, dialer, l.dialerStream, dialer, l.dialerStream, uint32(i+1), bytes, 0); err != nil {
				t.Fatalf("%d bytes: %v", bytes, err)
			}
			total += bytes
		}
		// One byte a write: frames and segments of all kinds.
		if err := pass(ctx, dialer, l.dialerStream, dialer, l.dialerStream, 99, 2000, 1); err != nil {
			t.Fatal(err)
		}
		total += 2000

		do(ctx, t, dialer, Command{Command: "end", Stream: &l.dialerStream})
		for _, p := range []*Process{acceptor, dialer} {
			if end := await(ctx, t, p, "end", Named("end")); end.Bytes != total {
				t.Errorf("%s: %d bytes until the end, want %d", p.name, end.Bytes, total)
			}
		}
		checkPeers(ctx, t, dialer, 1)
		checkPeers(ctx, t, acceptor, 1)
	})
}

// TestBothWays: both sides send at once.
func TestBothWays(t *testing.T) {
	pairs(t, func(t *testing.T, dialing, accepting language, transport string) {
		ctx := limited(t)
		l := connect(ctx, t, dialing, accepting, transport, Options{})
		for _, bytes := range []int{1, 100_000, 4 << 20} {
			if err := l.passBoth(ctx, 7, bytes, 0); err != nil {
				t.Fatalf("%d bytes: %v", bytes, err)
			}
		}
	})
}

// TestReopen: a data stream that both sides have ended, in either order, can be opened again; the session lives on.
func TestReopen(t *testing.T) {
	pairs(t, func(t *testing.T, dialing, accepting language, transport string) {
		ctx := limited(t)
		l := connect(ctx, t, dialing, accepting, transport, Options{})
		dialer, acceptor := l.dialer, l.acceptor
		for round := range 4 {
			if err := l.passBoth(ctx, uint32(round), 5000, 0); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			first, second := dialer, acceptor
			firstStream, secondStream := l.dialerStream, l.acceptorStream
			if round%2 == 1 {
				first, second = second, first
				firstStream, secondStream = secondStream, firstStream
			}
			do(ctx, t, first, Command{Command: "end", Stream: &firstStream})
			await(ctx, t, second, "end", Named("end"))
			// The other direction still works.
			if err := pass(ctx, second, secondStream, first, firstStream, 50, 3000, 0); err != nil {
				t.Fatalf("round %d, half open: %v", round, err)
			}
			do(ctx, t, second, Command{Command: "end", Stream: &secondStream})
			await(ctx, t, first, "end", Named("end"))

			l.dialerStream = do(ctx, t, dialer, Command{Command: "open", Peer: l.dialerPeer}).Stream
			l.acceptorStream = await(ctx, t, acceptor, "data stream", Named("stream")).Stream
		}
		checkPeers(ctx, t, dialer, 1)
		checkPeers(ctx, t, acceptor, 1)
	})
}

// TestDisconnect: either side closes the session, and the other sees it.
func TestDisconnect(t *testing.T) {
	pairs(t, func(t *testing.T, dialing, accepting language, transport string) {
		for _, closing := range []string{"dialer", "acceptor"} {
			t.Run(closing+" closes", func(t *testing.T) {
				ctx := limited(t)
				l := connect(ctx, t, dialing, accepting, transport, Options{})
				dialer, acceptor := l.dialer, l.acceptor
				if closing == "dialer" {
					do(ctx, t, dialer, Command{Command: "disconnect", Peer: l.dialerPeer})
				} else {
					do(ctx, t, acceptor, Command{Command: "disconnect", Peer: l.acceptorPeer})
				}
				for _, p := range []*Process{dialer, acceptor} {
					await(ctx, t, p, "disconnect", Named("disconnect"))
					checkPeers(ctx, t, p, 0)
				}
			})
		}
	})
}

func checkPeers(ctx context.Context, t *testing.T, p *Process, want int) {
	t.Helper()
	if got := do(ctx, t, p, Command{Command: "peers"}).Peers; len(got) != want {
		t.Errorf("%s has peers %v, want %d", p.name, got, want)
	}
}
