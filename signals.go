package exchange

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
)

// upgradeBox holds the signals that came over a circuit session until the
// negotiation reads them.
type upgradeBox struct {
	remote identity.ID
	in     chan pxp.Upgrade // capacity maxSignals; put never blocks
	done   chan struct{}    // closed by close

	mu     sync.Mutex
	count  int
	id     uint32 // the attempt, once known
	closed bool
	err    error
}

// maxSignals is a description, all its candidates and their end, and one to
// see that there are too many.
const maxSignals = 64 + 3

func newUpgradeBox(remote identity.ID) *upgradeBox {
	return &upgradeBox{remote: remote, in: make(chan pxp.Upgrade, maxSignals), done: make(chan struct{})}
}

// put takes a signal. It fails when the remote mixes attempts or sends too many.
func (b *upgradeBox) put(m pxp.Upgrade) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.id == 0 {
		b.id = m.ID
	}
	b.count++
	switch {
	case m.ID != b.id:
		return &ProtocolError{Peer: b.remote, Code: pxp.CodeProtocol, Reason: fmt.Sprintf("upgrade for attempt %d in attempt %d", m.ID, b.id)}
	case b.count > maxSignals:
		return &ProtocolError{Peer: b.remote, Code: pxp.CodeLimit, Reason: fmt.Sprintf("more than %d signals", maxSignals)}
	case b.closed:
		return nil
	}
	b.in <- m
	return nil
}

func (b *upgradeBox) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed, b.err = true, err
		close(b.done)
	}
}

// attempt returns the number of the upgrade under way; the asker names it.
func (b *upgradeBox) attempt() uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.id == 0 {
		b.id = 1
	}
	return b.id
}

// signaler carries a transport's signals over a circuit session.
type signaler struct {
	s         *session
	transport string
	committed atomic.Bool // an answer was sent or received: the channel may open at any time
}

// Send sends one signal.
func (g *signaler) Send(_ context.Context, sig wrtc.Signal) error {
	if sig.Kind == wrtc.Answer {
		g.committed.Store(true)
	}
	return g.s.control.send(pxp.Upgrade{
		ID:        g.s.upgrades.attempt(),
		Transport: g.transport,
		Kind:      pxp.UpgradeKind(sig.Kind),
		Text:      sig.Text,
		Mid:       sig.Mid,
		Line:      sig.Line,
	})
}

// Receive returns the next signal.
func (g *signaler) Receive(ctx context.Context) (wrtc.Signal, error) {
	box := g.s.upgrades
	select {
	case m := <-box.in:
		if m.Transport != g.transport {
			return wrtc.Signal{}, &ProtocolError{Peer: box.remote, Code: pxp.CodeUnsupported, Reason: fmt.Sprintf("transport %q is not %q", clean(m.Transport), g.transport)}
		}
		if m.Kind == pxp.UpgradeAnswer {
			g.committed.Store(true)
		}
		return wrtc.Signal{Kind: wrtc.SignalKind(m.Kind), Text: m.Text, Mid: m.Mid, Line: m.Line}, nil
	case <-box.done:
		return wrtc.Signal{}, box.err
	case <-ctx.Done():
		return wrtc.Signal{}, context.Cause(ctx)
	}
}
