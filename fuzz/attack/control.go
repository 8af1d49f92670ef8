package attack

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/peer-exchange/exchange/pxp"
)

// This file is what peers do on the control stream. Each lane is a peer from an address of its own.

// hostilePeers is how many hostile peers an attack of members plays at once.
const hostilePeers = 4

var controlAttacks = []Attack{
	{"control/nested", "sends arrays in arrays in arrays, as deep as a message is long", "MaxNesting", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.sayBytes(body(bytes.Repeat([]byte{0x91}, pxp.MaxMessage))) })
		}},
	{"control/elements", "declares arrays of 2^32 elements", "MaxElements", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.sayBytes(body([]byte("\xdd\xff\xff\xff\xff\x02\x01"))) })
		}},
	{"control/strings", "declares strings of 2^32 bytes", "the bytes that are there", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.sayBytes(body([]byte("\x94\x08\x00\x01\xdb\xff\xff\xff\xff"))) })
		}},
	{"control/length", "announces messages of 65,535 bytes", "MaxMessage", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.sayBytes([]byte("\xff\xff")) })
		}},
	{"control/skipped", "sends messages of 16 KiB that are nothing but what is to be skipped", "RequestsPerSecond", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.sayBytes(skipped()) })
		}},
	{"control/unknown", "sends requests of types that do not exist, and does not wait for answers", "RequestsPerSecond, DeadAfter", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.say(pxp.Unknown{MessageType: 99, ID: r.id()}) })
		}},
	{"control/notices", "sends notices of types that do not exist", "RequestsPerSecond, DeadAfter", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.say(pxp.Unknown{MessageType: 99}) })
		}},
	{"control/answers", "answers what was never asked", "ProtocolError", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.say(pxp.Res{ID: pxp.MaxID}) })
		}},
	{"control/duplicates", "gives all its requests one id", "RequestsPerSecond", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.say(pxp.GetPeers{ID: 7, Max: 8}) })
		}},
	{"control/pings", "sends pings and does not wait for answers", "RequestsPerSecond, DeadAfter", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.say(pxp.Ping{ID: r.id()}) })
		}},
	{"control/queries", "asks for peers as fast as it can", "QueryEvery", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error { return r.say(pxp.GetPeers{ID: r.id(), Max: 8}) })
		}},
	{"control/unread", "asks and never reads what is answered", "RequestsPerSecond, DeadAfter", 0, unread},
	{"control/hello", "sends a giant hello, again and again", "ProtocolError: legal once", 0,
		func(ctx context.Context, p *player) {
			p.asPeers(ctx, func(r *peer) error {
				hello, err := r.hello(string(bytes.Repeat([]byte("x"), pxp.MaxAgent)))
				if err != nil {
					return err
				}
				return r.sayBytes(hello)
			})
		}},
	{"control/joins", "becomes a peer and leaves", "Unauthenticated", 0,
		func(ctx context.Context, p *player) {
			p.each(ctx, hostilePeers, func(lane int) error {
				r, err := p.join(ctx, lane)
				if err != nil {
					return err
				}
				r.leave()
				return nil
			})
		}},
	{"control/places", "takes the places of peers from many addresses, and stays", "Peers", 20,
		func(ctx context.Context, p *player) {
			address := 0
			p.each(ctx, 1, func(int) error {
				address++
				_, err := p.join(ctx, address)
				return err
			})
		}},
	{"control/address", "takes the places of peers from one address, and stays", "PeersPerAddress", 20,
		func(ctx context.Context, p *player) {
			p.each(ctx, 1, func(int) error {
				_, err := p.join(ctx, 0)
				return err
			})
		}},
}

// asPeers has peers of the target do something again and again. One whose session ends joins again.
func (p *player) asPeers(ctx context.Context, do func(r *peer) error) {
	joined := make([]*peer, hostilePeers)
	p.each(ctx, hostilePeers, func(lane int) (err error) {
		r := joined[lane]
		if r != nil && r.ended() {
			r.leave()
			r = nil
		}
		if r == nil {
			if r, err = p.join(ctx, lane); err != nil {
				return err
			}
			joined[lane] = r
		}
		return do(r)
	})
	for _, r := range joined {
		if r != nil {
			r.leave()
		}
	}
}

// ended says whether nothing more comes from the target.
func (r *peer) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// body is a frame of the control stream with this body, cut to the largest.
func body(b []byte) []byte {
	b = b[:min(len(b), pxp.MaxMessage)]
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// skipped is a ping whose further elements are arrays that a later version may have, as many and as deep as are allowed.
func skipped() []byte {
	b := []byte{0xdc, 0, pxp.MaxElements, 7, 1}
	deep := append(bytes.Repeat([]byte{0x91}, pxp.MaxNesting-1), 0xc0)
	for range pxp.MaxElements - 3 {
		b = append(b, deep...)
	}
	// The last element is a binary that fills the message.
	rest := pxp.MaxMessage - len(b) - 3
	b = append(b, 0xc5, byte(rest>>8), byte(rest))
	return body(append(b, make([]byte, rest)...))
}

// unread has peers that stop to read when they have joined.
func unread(ctx context.Context, p *player) {
	ping, _ := pxp.Append(nil, pxp.Ping{ID: 1})
	many := bytes.Repeat(ping, 1000)
	p.lanes(hostilePeers, func(lane int) {
		for ctx.Err() == nil {
			r, err := p.join(ctx, lane)
			if err != nil {
				if !p.next(ctx) {
					return
				}
				continue
			}
			r.deaf.Store(true)
			for p.next(ctx) && r.sayBytes(many) == nil {
			}
			r.leave()
		}
	})
}
