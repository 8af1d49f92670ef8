package exchange

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
	"github.com/peer-exchange/exchange/wrtc"
)

// This file moves two peers from a circuit to a connection of their own (PXP
// §9). Through the circuit they run a complete session, so that the relay sees
// ciphertext; on its control stream they exchange the signals of the
// transport.

// upgradeLabel binds the session over the new channel to the circuit session
// that negotiated it.
const upgradeLabel = "PXP2 webrtc"

// errUpgraded ends a circuit session that has done its work.
var errUpgraded = fmt.Errorf("%w: upgraded", ErrSuperseded)

// meet connects to a candidate, as the asker.
func (ex *Exchange) meet(ctx context.Context, c candidate) (*Conn, *AttemptError) {
	failed := func(step string, err error) *AttemptError {
		return &AttemptError{Via: c.via.ID(), Peer: c.id, Step: step, Err: err}
	}
	began := time.Now()
	inner, err := ex.dialCircuit(ctx, c)
	ex.events.emit(StepDone{Step: StepCircuit, Peer: c.id, Via: c.via.ID(), Took: time.Since(began), Err: err})
	if err != nil {
		return nil, failed("circuit", err)
	}
	channel, err := ex.negotiate(ctx, inner, wrtc.Offerer, c.via.ID())
	if err != nil {
		inner.end(err)
		return nil, failed("upgrade", err)
	}
	began = time.Now()
	conn, err := ex.connectChannel(ctx, inner, channel, c.via.ID())
	ex.events.emit(StepDone{Step: StepConnect, Peer: c.id, Via: c.via.ID(), Took: time.Since(began), Err: err})
	if err != nil {
		inner.end(err)
		return nil, failed("connect", err)
	}
	inner.end(errUpgraded)
	return conn, nil
}

// dialCircuit asks the relay for a circuit and, without waiting for its answer,
// begins the inner session on the circuit's stream.
func (ex *Exchange) dialCircuit(ctx context.Context, c candidate) (*session, error) {
	ctx, cancel := ex.bound(ctx, "reaching "+c.id.Short()+" through "+c.via.ID().Short(), ex.limits.HandshakeTime)
	defer cancel()
	ctx, refuse := context.WithCancelCause(ctx)
	defer refuse(nil)

	relay := c.via.s
	w, err := relay.control.begin(ctx, func(id uint32) pxp.Message { return pxp.Relay{ID: id, Token: c.token} }, nil)
	if err != nil {
		return nil, relay.cause(ctx, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	answered, stop := context.WithCancel(ctx)
	defer stop()
	heard := make(chan struct{}) // closed when the relay has answered, or will not
	wg.Go(func() {               // ended by stop, waited for above
		defer close(heard)
		if _, err := w.wait(answered); err != nil && answered.Err() == nil {
			refuse(relay.cause(ctx, err))
		}
	})
	stream, err := relay.mux.Open(ctx, relay.relayStream(c.token))
	if err != nil {
		return nil, relay.cause(ctx, err)
	}
	s, err := ex.circuitSession(ctx, stream, opening{
		dialer: true, version: c.protocol, expect: c.expect, handle: c.id, circuit: true,
		path: Path{Carrier: CarrierRelay, Via: c.via.ID()},
	})
	if err != nil {
		// The end of the stream can overtake the relay's answer, which says why.
		t := time.NewTimer(refusalTime)
		defer t.Stop()
		select {
		case <-heard:
		case <-t.C:
		}
		return nil, relay.cause(ctx, err)
	}
	return s, nil
}

// refusalTime is how long after the end of a circuit's stream the relay's answer
// may come.
const refusalTime = time.Second

// circuitSession opens a session through a circuit and runs it.
func (ex *Exchange) circuitSession(ctx context.Context, stream net.Conn, o opening) (*session, error) {
	s, err := ex.open(ctx, stream, o)
	if err != nil {
		return nil, err
	}
	hello := func() error {
		if o.dialer {
			if err := s.sendHello(); err != nil {
				return err
			}
			return s.readHello(ctx)
		}
		if err := s.readHello(ctx); err != nil {
			return err
		}
		return s.sendHello()
	}
	if err = hello(); err == nil && !s.start() {
		err = ErrClosed
	}
	if err != nil {
		s.end(err)
		return nil, s.cause(ctx, err)
	}
	return s, nil
}

// negotiate runs the transport's negotiation over a circuit session.
func (ex *Exchange) negotiate(ctx context.Context, inner *session, role wrtc.Role, via identity.ID) (wrtc.Conn, error) {
	ctx, cancel := ex.bound(ctx, "opening a direct connection to "+inner.remote.Short(), ex.limits.UpgradeTime)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stop := context.AfterFunc(inner.ctx, func() { fail(inner.err()) })
	defer stop()

	began := time.Now()
	transport := ex.transportOf(inner.version)
	if transport == nil {
		return nil, ErrRefused
	}
	signals := &signaler{s: inner, transport: transport.Name()}
	open := ctx
	if inner.version == v1.Version {
		var done func()
		open, done = patient(ctx, &signals.committed)
		defer done()
	}
	conn, err := transport.Negotiate(open, role, signals)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		ex.events.emit(StepDone{Step: StepICE, Peer: inner.remote, Via: via, Took: time.Since(began), Err: err})
		return nil, err
	}
	t := conn.Timing()
	for _, step := range []struct {
		step Step
		took time.Duration
	}{{StepGather, t.Gather}, {StepICE, t.ICE}, {StepDTLS, t.DTLS}, {StepChannel, t.Open}} {
		ex.events.emit(StepDone{Step: step.step, Peer: inner.remote, Via: via, Took: step.took})
	}
	return conn, nil
}

// connectChannel makes a peer of whoever is at the other end of an open
// channel: the remote of the circuit session, whose authenticated signals
// carried the channel's fingerprints. So no second handshake is needed
// (DESIGN D2); membership is proved again, bound to the circuit session.
func (ex *Exchange) connectChannel(ctx context.Context, inner *session, channel wrtc.Conn, via identity.ID) (*Conn, error) {
	ctx, cancel := ex.bound(ctx, "connecting to "+inner.remote.Short(), ex.limits.HandshakeTime)
	defer cancel()
	path := Path{Carrier: ex.transport.Name(), Via: via}
	return ex.dial(ctx, path, func() (*session, error) {
		return ex.openChannel(ctx, inner, channel, opening{dialer: true, path: path})
	})
}

func (ex *Exchange) openChannel(ctx context.Context, inner *session, channel wrtc.Conn, o opening) (*session, error) {
	if inner.version == v1.Version {
		return ex.openChannel1(ctx, inner, channel, o)
	}
	stop := context.AfterFunc(ctx, func() { channel.Close() })
	defer stop()
	s, err := ex.openMux(ctx, channel, o, inner.remote, inner.export(upgradeLabel), nil)
	if err != nil {
		return nil, handshakeError(ctx, err)
	}
	return s, nil
}

// answerIncoming is the candidate's part: somebody wants to meet us through via.
func (ex *Exchange) answerIncoming(via *Peer, m pxp.Incoming) error {
	from := identity.ID(m.From)
	if via.s.version == v1.Version { // does not say who it is
		from = handleOf(via, sha256.Sum256(m.Token[:]))
	}
	err := ex.mayMeet(from)
	var leave func()
	if err == nil {
		leave, err = ex.meetings.enter(via, from)
	}
	if err != nil {
		return via.s.control.answer(m.ID, err)
	}
	if err := via.s.control.answer(m.ID, nil); err != nil {
		leave()
		return err
	}
	// Bounded by Limits.Meetings; every part of it has a time limit.
	started := ex.spawn(func() {
		defer leave()
		if err := ex.beMet(via, from, m.Token); err != nil {
			ex.log.Info("meeting failed", "peer", from, "via", via.ID(), "error", err)
		}
	})
	if !started {
		leave()
		return ErrClosed
	}
	return nil
}

// meetings counts the circuits that we are the target of, in all and for each
// peer that introduces them, who introduces nobody twice at once.
type meetings struct {
	max, perPeer int

	mu    sync.Mutex
	total int
	by    map[*Peer]map[identity.ID]struct{}
}

func newMeetings(max, perPeer int) *meetings {
	return &meetings{max: max, perPeer: perPeer, by: make(map[*Peer]map[identity.ID]struct{})}
}

func (m *meetings) enter(via *Peer, from identity.ID) (leave func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := m.by[via]
	_, twice := own[from]
	switch {
	case m.total >= m.max:
		return nil, &LimitError{Limit: "Meetings", Max: int64(m.max)}
	case len(own) >= m.perPeer:
		return nil, &LimitError{Limit: "MeetingsPerPeer", Max: int64(m.perPeer)}
	case twice:
		return nil, ErrConnected
	}
	if own == nil {
		own = make(map[identity.ID]struct{})
		m.by[via] = own
	}
	own[from] = struct{}{}
	m.total++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.total--
		if delete(own, from); len(own) == 0 {
			delete(m.by, via)
		}
	}, nil
}

func (ex *Exchange) mayMeet(from identity.ID) error {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	switch {
	case ex.closing:
		return ErrClosed
	case ex.refuseIncoming:
		return ErrRefused
	case from.IsZero(): // would be anybody
		return ErrRefused
	case from == ex.id:
		return ErrSelf
	case ex.peers[from] != nil:
		return ErrConnected
	case ex.full(from):
		return &LimitError{Limit: "Peers", Max: int64(ex.limits.Peers)}
	}
	return nil
}

// beMet opens our end of the circuit and goes through the same steps as meet,
// as the acceptor. The new peer's data stream goes to the listener.
func (ex *Exchange) beMet(via *Peer, from identity.ID, token pxp.Token) error {
	inner, err := ex.acceptCircuit(via, from, token)
	if err != nil {
		return err
	}
	conn, err := ex.acceptChannel(inner, via.ID())
	if err != nil {
		inner.end(err)
		return err
	}
	ex.Deliver(conn)
	// The asker ends the circuit session when it is content; do not cut its
	// last words short.
	t := time.NewTimer(peerLinger)
	defer t.Stop()
	select {
	case <-inner.ctx.Done():
	case <-t.C:
	}
	inner.end(errUpgraded)
	return nil
}

func (ex *Exchange) acceptCircuit(via *Peer, from identity.ID, token pxp.Token) (*session, error) {
	ctx, cancel := ex.bound(context.Background(), "being met by "+from.Short()+" through "+via.ID().Short(), ex.limits.HandshakeTime)
	defer cancel()
	stream, err := via.s.mux.Open(ctx, via.s.relayStream(token))
	if err != nil {
		return nil, via.s.cause(ctx, err)
	}
	if _, err := stream.Write(nil); err != nil { // sends the name: the relay waits for it
		stream.Reset()
		return nil, via.s.cause(ctx, err)
	}
	return ex.circuitSession(ctx, stream, opening{
		expect: expectOf(via, from), handle: from, circuit: true,
		path: Path{Carrier: CarrierRelay, Via: via.ID()},
	})
}

// expectOf is whom an inner session must lead to. A relay of version 1 does not
// know its peers: whoever it is proves in version 2 who that is.
func expectOf(via *Peer, named identity.ID) identity.ID {
	if via.s.version == v1.Version {
		return identity.ID{}
	}
	return named
}

func (ex *Exchange) acceptChannel(inner *session, via identity.ID) (*Conn, error) {
	channel, err := ex.negotiate(ex.ctx, inner, wrtc.Answerer, via)
	if err != nil {
		return nil, err
	}
	ctx, cancel := ex.bound(ex.ctx, "being connected by "+inner.remote.Short(), ex.limits.HandshakeTime)
	defer cancel()
	s, err := ex.openChannel(ctx, inner, channel, opening{path: Path{Carrier: ex.transport.Name(), Via: via}})
	if err != nil {
		return nil, err
	}
	return ex.acceptSession(ctx, s)
}

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
