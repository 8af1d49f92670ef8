package exchange

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/peer-exchange/exchange/identity"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// Peer is another exchange that we have a session with. When that ends the
// Peer is over; a later session with the same identity is another Peer. Its
// methods may be called by several goroutines at once.
type Peer struct {
	s     *session
	since time.Time
	rates *peerRates

	// Whom it introduced without knowing who they are; guarded by ex.mu.
	behind map[identity.ID]struct{}
}

func newPeer(s *session) *Peer {
	return &Peer{s: s, since: time.Now(), rates: newPeerRates(&s.ex.limits)}
}

// ID returns the peer's identity, which it has proved. In version 1 it is a
// handle of ours that says nothing; see [Peer.Protocol].
func (p *Peer) ID() identity.ID { return p.s.remote }

// Path returns how the peer is reached.
func (p *Peer) Path() Path { return p.s.path }

// Addrs returns the two ends of what the session travels on: the addresses of a
// socket, or the pair that ICE found ([wrtc.Addr], which says by its type how each
// came about). Either may be nil when it is not known.
func (p *Peer) Addrs() (local, remote net.Addr) {
	return p.s.carrier.LocalAddr(), p.s.carrier.RemoteAddr()
}

// Protocol returns the version of the wire protocol: 2, or 1 for a peer that is
// npm peer-exchange. A peer of version 1 has no identity: its ID is a handle of
// ours, and nothing was proved. It has no streams but the data stream.
func (p *Peer) Protocol() int { return p.s.version }

// Incoming reports whether the peer opened the session.
func (p *Peer) Incoming() bool { return !p.s.dialer }

// Since returns when the peer joined.
func (p *Peer) Since() time.Time { return p.since }

// Agent returns what the peer says it runs, without control characters.
func (p *Peer) Agent() string { return clean(p.s.hello.Agent) }

// Accepts reports whether the peer lets us offer it to others.
func (p *Peer) Accepts() bool { return p.s.hello.Accepts }

// Observed returns our own address and port as the peer sees it, or "". It
// is the peer's word.
func (p *Peer) Observed() string { return clean(p.s.hello.Observed) }

// Latency returns the round trip that the last keepalive measured, 0 before
// the first.
func (p *Peer) Latency() time.Duration { return p.s.control.latency() }

// PeerStats counts a peer's traffic since it joined.
type PeerStats struct {
	BytesIn, BytesOut uint64    // payload of all streams, control included
	Streams           int       // open now, control included
	LastReceived      time.Time // when the last byte came
}

// Stats returns the peer's traffic.
func (p *Peer) Stats() PeerStats {
	m := p.s.mux.Stats()
	return PeerStats{BytesIn: m.BytesIn, BytesOut: m.BytesOut, Streams: m.Streams, LastReceived: m.LastReceived}
}

// Done returns a channel that is closed when the peer is gone.
func (p *Peer) Done() <-chan struct{} { return p.s.ctx.Done() }

// Err returns why the peer is gone, nil while it is there: [ErrClosed] when
// this side closed it, [ErrSuperseded], [ErrDead] (not in version 1), a [*RemoteError] with the peer's own
// words, or what the carrier failed with.
func (p *Peer) Err() error { return p.s.err() }

// Close ends the session with the peer, and all its streams with it. It waits
// until what they have written is on its way, for a second at most, and in
// version 1 until nothing has come over a channel for 200 ms, for two seconds at
// most. Closing a Conn does not end the session; this does.
func (p *Peer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), peerLinger)
	defer cancel()
	p.s.finish(ctx, ErrClosed)
	select {
	case <-p.s.done:
	case <-p.s.ended: // run may be who calls
	}
	return nil
}

const peerLinger = time.Second

// OpenStream opens a stream to the peer's listener of that name
// ([Exchange.Listen]). It does not wait for the peer: a name that nobody
// listens to shows as a reset at the first Read. OpenStream blocks while
// Limits.Streams are open that we have opened, control and data included, and
// when more are opened in a second than Limits.StreamsPerSecond. Names have 1 to 255
// bytes of UTF-8 without control characters; "pxp", "data", "data:…" and
// "relay:…" // are reserved. A peer of version 1 of the protocol has no streams but the data
// stream: [ErrDataOnly].
func (p *Peer) OpenStream(ctx context.Context, name string) (*Conn, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if p.s.version == v1.Version {
		return nil, fmt.Errorf("%w: no stream named %q with peer %s", ErrDataOnly, name, p.ID().Short())
	}
	stream, err := p.s.mux.Open(ctx, name)
	if err != nil {
		return nil, p.s.cause(ctx, err)
	}
	return newConn(p, stream), nil
}
