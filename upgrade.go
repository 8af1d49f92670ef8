package exchange

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
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

// meet connects to a candidate, as the asker. The data stream begins with first.
func (ex *Exchange) meet(ctx context.Context, c candidate, first []byte) (*Conn, *AttemptError) {
	failed := func(step string, err error) *AttemptError {
		return &AttemptError{Via: c.via.ID(), Peer: c.id, Step: step, Err: err}
	}
	began := time.Now()
	var offered *negotiating
	inner, err := ex.dialCircuit(ctx, c, func(s *session) {
		offered = ex.offer(ctx, s, c.via.ID())
	})
	ex.events.emit(StepDone{Step: StepCircuit, Peer: c.id, Via: c.via.ID(), Took: time.Since(began), Err: err})
	if err != nil {
		offered.drop()
		return nil, failed("circuit", err)
	}
	if offered == nil {
		offered = ex.offer(ctx, inner, c.via.ID())
	}
	channel, err := offered.wait()
	if err != nil {
		inner.end(err)
		return nil, failed("upgrade", err)
	}
	began = time.Now()
	conn, err := ex.connectChannel(ctx, inner, channel, c.via.ID(), first)
	ex.events.emit(StepDone{Step: StepConnect, Peer: c.id, Via: c.via.ID(), Took: time.Since(began), Err: err})
	if err != nil {
		inner.end(err)
		return nil, failed("connect", err)
	}
	inner.end(errUpgraded)
	return conn, nil
}

// negotiating is a negotiation under way.
type negotiating struct {
	done    chan struct{} // closed when it has ended
	channel wrtc.Conn     // written before done is closed
	err     error         // likewise
}

// offer begins the asker's negotiation over a circuit session. It must be waited
// for, by wait or drop; the end of the session ends it.
func (ex *Exchange) offer(ctx context.Context, inner *session, via identity.ID) *negotiating {
	n := &negotiating{done: make(chan struct{})}
	go func() { // owned by n
		defer close(n.done)
		n.channel, n.err = ex.negotiate(ctx, inner, wrtc.Offerer, via)
	}()
	return n
}

func (n *negotiating) wait() (wrtc.Conn, error) {
	<-n.done
	return n.channel, n.err
}

// drop is wait for somebody who has no use for the channel; n may be nil.
func (n *negotiating) drop() {
	if n == nil {
		return
	}
	if channel, err := n.wait(); err == nil {
		channel.Close()
	}
}

// dialCircuit asks the relay for a circuit and, without waiting for its answer,
// begins the inner session on the circuit's stream. early is called as for
// circuitSession.
func (ex *Exchange) dialCircuit(ctx context.Context, c candidate, early func(*session)) (*session, error) {
	ctx, cancel := ex.bound(ctx, "reaching "+c.id.Short()+" through "+c.via.ID().Short(), ex.limits.HandshakeTime)
	defer cancel()
	ctx, refuse := context.WithCancelCause(ctx)
	defer refuse(nil)

	relay := c.via.s
	var wg sync.WaitGroup
	defer wg.Wait()
	answered, stop := context.WithCancel(ctx)
	defer stop()
	heard := make(chan struct{}) // closed when the relay has answered, or will not
	ask := func(first []byte) error {
		w, err := relay.control.begin(ctx, func(id uint32) pxp.Message {
			return pxp.Relay{ID: id, Token: c.token, First: first}
		}, nil)
		if err != nil {
			close(heard)
			return err
		}
		wg.Go(func() { // ended by stop, waited for above
			defer close(heard)
			if _, err := w.wait(answered); err != nil && answered.Err() == nil {
				refuse(relay.cause(ctx, err))
			}
		})
		return nil
	}
	var stream net.Conn
	var err error
	if relay.version == pxp.Version && c.protocol == pxp.Version {
		stream, err = openAhead(ctx, relay, c.token, ask)
	} else if err = ask(nil); err == nil {
		stream, err = relay.mux.Open(ctx, relay.relayStream(c.token))
	}
	if err != nil {
		return nil, relay.cause(ctx, err)
	}
	o := opening{
		dialer: true, version: c.protocol, expect: c.expect, handle: c.id, circuit: true,
		path: Path{Carrier: CarrierRelay, Via: c.via.ID()},
	}
	if c.expect.IsZero() {
		o.strange = c.via
	}
	s, err := ex.circuitSession(ctx, stream, o, early)
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

// circuitSession opens a session through a circuit and runs it. A dialer's early,
// if not nil, is called when its hello is on its way, so that the offer goes with
// it. The offer tells our addresses, so that is only done with whom the relay, a
// member, has named, and the Noise handshake has proved to be that: the proof of
// membership is read later, before anything that answers the offer.
func (ex *Exchange) circuitSession(ctx context.Context, stream net.Conn, o opening, early func(*session)) (*session, error) {
	s, err := ex.open(ctx, stream, o)
	if err != nil {
		return nil, err
	}
	hello := func() error {
		if o.strange != nil && s.version == pxp.Version { // only now it is known who it is
			ex.metBehind(o.strange, s.remote)
			if err := ex.mayHave(s.remote); err != nil {
				return err
			}
		}
		if o.dialer {
			if err := s.sendHello(); err != nil {
				return err
			}
			if early != nil && s.version == pxp.Version && !o.expect.IsZero() {
				early(s)
			}
			return s.readHello(ctx)
		}
		if err := s.readHello(ctx); err != nil {
			return err
		}
		return s.sendHello()
	}
	if err = hello(); err == nil {
		err = s.fallen()
	}
	if err == nil && !s.start() {
		err = ErrClosed
	}
	if err != nil {
		s.end(err)
		return nil, s.cause(ctx, err)
	}
	return s, nil
}

// errFallen ends a circuit session of version 1 between two that speak version 2.
var errFallen = fmt.Errorf("%w: both ends speak version 2, but the relay has led them to version 1", ErrRefused)

// fallen is not nil when a circuit session is of version 1 and need not be: an
// honest relay has everybody who can meet by version 2 (PXP §16.12).
func (s *session) fallen() error {
	if s.version == v1.Version && s.ex.speaks(pxp.Version) == nil && s.offers(featureV2) {
		return errFallen
	}
	return nil
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
	transport = withServers(transport, ex.iceServers(via))
	signals := &signaler{s: inner, transport: transport.Name()}
	open := ctx
	if inner.version == v1.Version {
		var done func()
		open, done = patient(ctx, &signals.committed)
		defer done()
	}
	conn, err := transport.Negotiate(open, role, signals)
	if err != nil {
		// A transport that knows the cause has more to say.
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = cause
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
func (ex *Exchange) connectChannel(ctx context.Context, inner *session, channel wrtc.Conn, via identity.ID, first []byte) (*Conn, error) {
	ctx, cancel := ex.bound(ctx, "connecting to "+inner.remote.Short(), ex.limits.HandshakeTime)
	defer cancel()
	path := Path{Carrier: ex.transport.Name(), Via: via}
	// The remote has proved on the circuit who it is and that it is a member.
	o := opening{dialer: true, path: path, expect: inner.remote, first: first}
	return ex.dial(ctx, o, func() (*session, error) { return ex.openChannel(ctx, inner, channel, o) })
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
