package attack

import (
	"context"
	"sync"

	"github.com/peer-exchange/exchange/pxp"
)

// This file is what peers do to the circuits through a node. The ends are the attacker's own, so that only the relay
// is loaded.

var relayAttacks = []Attack{
	{"relay/left", "asks for circuits and opens none", "Circuits, CircuitsPerPeer, RequestTime", 0,
		func(ctx context.Context, p *player) {
			p.withTokens(ctx, func(r *peer, token pxp.Token) error {
				_, err := r.relay(ctx, token)
				return err
			})
		}},
	{"relay/idle", "opens both ends of circuits and says nothing", "CircuitTime, CircuitsPerPeer", 0,
		func(ctx context.Context, p *player) {
			p.circuits(ctx, 0, nil)
		}},
	{"relay/bytes", "sends through circuits as much as goes", "CircuitBytes", 0,
		func(ctx context.Context, p *player) {
			p.circuits(ctx, 200<<10, nil) // from both ends: more than the limit
		}},
	{"relay/unread", "sends through circuits what neither end reads", "CircuitBytes, CircuitTime, the windows", 0,
		func(ctx context.Context, p *player) {
			p.circuits(ctx, 100<<10, func(r *peer) { r.quiet.Store(true) })
		}},
	{"relay/unanswered", "asks for circuits to candidates who never answer", "RequestTime, CircuitsPerPeer", 0,
		func(ctx context.Context, p *player) {
			p.lanes(2, func(lane int) {
				if lane == 0 {
					silent, err := p.join(ctx, hostilePeers)
					if err == nil {
						silent.over(ctx)
					}
					return
				}
				p.withTokens(ctx, func(r *peer, token pxp.Token) error {
					_, err := r.relay(ctx, token)
					return err
				})
			})
		}},
	{"relay/oneself", "introduces to the target the target", "CodeSelf", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.request(ctx, func(id uint32) pxp.Message {
					return pxp.Incoming{ID: id, Token: anyToken(), From: p.ID}
				})
				return err
			})
		}},
	{"relay/self", "introduces to the target somebody who is there already: itself", "CodeDuplicate", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.request(ctx, func(id uint32) pxp.Message {
					return pxp.Incoming{ID: id, Token: anyToken(), From: r.key.ID()}
				})
				return err
			})
		}},
}

// circuits has pairs of the attacker's own peers meet through the target; both open their ends and send n bytes. prepare, if
// not nil, is called for each peer.
func (p *player) circuits(ctx context.Context, n int, prepare func(r *peer)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	targets := make([]*peer, hostilePeers)
	for i := range targets {
		r, err := p.join(ctx, i)
		if err != nil {
			return
		}
		defer r.leave()
		if prepare != nil {
			prepare(r)
		}
		targets[i] = r
		wg.Go(func() { r.agree(ctx, n) }) // ended by the attack, waited for above
	}
	p.withTokens(ctx, func(r *peer, token pxp.Token) error {
		res, err := r.relay(ctx, token)
		if err != nil || res.Code != pxp.CodeOK {
			return err
		}
		if prepare != nil {
			prepare(r)
		}
		stream, err := r.open(pxp.RelayStream(token))
		if err != nil {
			return err
		}
		return r.pour(stream, n)
	})
}

// pour sends n bytes, no more than a stream's first window.
func (r *peer) pour(stream uint32, n int) error {
	for ; n > 0; n -= 8 << 10 {
		if err := r.send(dataFrame(0, stream, make([]byte, min(n, 8<<10)))); err != nil {
			return err
		}
	}
	return nil
}

// agree lets everybody meet it: it opens its end of each circuit and sends n bytes.
func (r *peer) agree(ctx context.Context, n int) {
	for {
		m, err := r.receive(ctx)
		if err != nil {
			return
		}
		if ping, ok := m.(pxp.Ping); ok && r.say(pxp.Res{ID: ping.ID}) != nil {
			return
		}
		in, ok := m.(pxp.Incoming)
		if !ok {
			continue
		}
		if r.say(pxp.Res{ID: in.ID}) != nil {
			return
		}
		stream, err := r.open(pxp.RelayStream(in.Token))
		if err != nil || r.pour(stream, n) != nil {
			return
		}
	}
}
