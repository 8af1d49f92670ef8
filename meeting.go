package exchange

import (
	"context"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
	"github.com/peer-exchange/exchange/wrtc"
)

// This file is the candidate: somebody wants to meet us, and a peer of ours
// relays (PXP §9.3).

// answerIncoming is the candidate's part: somebody wants to meet us through via.
func (ex *Exchange) answerIncoming(via *Peer, m pxp.Incoming) error {
	from, o, err := ex.introduced(via, m)
	if err == nil {
		err = ex.mayMeet(from, via)
	}
	if err == nil && o.handle != from && !o.handle.IsZero() { // whom we have by version 1
		err = ex.mayMeet(o.handle, via)
	}
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
		if err := ex.beMet(via, from, m, o); err != nil {
			ex.log.Info("meeting failed", "peer", from, "via", via.ID(), "error", err)
		}
	})
	if !started {
		leave()
		return ErrClosed
	}
	return nil
}

// introduced is what a relay's word about an asker means: whom to take it for
// until it has proved who it is, and how to open the circuit session. In version
// 2 that must lead to whom the relay named, or to anybody if it cannot know; in
// version 1 the name is hashed, since nothing proves it.
func (ex *Exchange) introduced(via *Peer, m pxp.Incoming) (from identity.ID, o opening, err error) {
	o = opening{circuit: true, path: Path{Carrier: CarrierRelay, Via: via.ID()}}
	from = m.From
	switch {
	case via.s.version == v1.Version:
		from = handleByToken(via, m.Token)
		o.handle, o.strange = from, via
	case from.IsZero():
		if !ex.meetsUnnamed() {
			return from, o, ErrRefused
		}
		from = handleByToken(via, m.Token)
		o.version, o.strange = pxp.Version, via
	default:
		o.expect, o.handle = from, handleOf(via, from)
	}
	return from, o, nil
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

// mayMeet says whether somebody whom via introduces may dial us.
func (ex *Exchange) mayMeet(from identity.ID, via *Peer) error {
	if ex.refuseIncoming {
		return ErrRefused
	}
	if err := ex.mayHave(from); err != nil {
		return err
	}
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.takesIn(from, via.ID())
}

// mayHave says whether there is a place for one more peer, id.
func (ex *Exchange) mayHave(id identity.ID) error {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	switch {
	case ex.closing:
		return ErrClosed
	case id == ex.id:
		return ErrSelf
	case ex.peers[id] != nil:
		return ErrConnected
	case ex.full(id):
		return &LimitError{Limit: "Peers", Max: int64(ex.limits.Peers)}
	}
	return nil
}

// beMet opens our end of the circuit and goes through the same steps as meet,
// as the acceptor. The new peer's data stream goes to the listener.
func (ex *Exchange) beMet(via *Peer, from identity.ID, m pxp.Incoming, o opening) error {
	inner, err := ex.acceptCircuit(via, from, m, o)
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

func (ex *Exchange) acceptCircuit(via *Peer, from identity.ID, m pxp.Incoming, o opening) (*session, error) {
	ctx, cancel := ex.bound(context.Background(), "being met by "+from.Short()+" through "+via.ID().Short(), ex.limits.HandshakeTime)
	defer cancel()
	stream, err := via.s.mux.Open(ctx, via.s.relayStream(m.Token))
	if err != nil {
		return nil, via.s.cause(ctx, err)
	}
	if _, err := stream.Write(nil); err != nil { // sends the name: the relay waits for it
		stream.Reset()
		return nil, via.s.cause(ctx, err)
	}
	return ex.circuitSession(ctx, &begun{stream, m.First}, o, nil)
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
