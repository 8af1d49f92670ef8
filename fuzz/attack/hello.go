package attack

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
)

// This file is what strangers do who do not get as far as hello.

var beforeHello = []Attack{
	{"hello/silence", "connects and says nothing", "HandshakeTime, UnauthenticatedPerAddress", 200,
		func(ctx context.Context, p *player) { p.keep(ctx, 8, 1, func(net.Conn) error { return nil }) }},
	{"hello/silences", "connects from many addresses and says nothing", "HandshakeTime, Unauthenticated", 500,
		func(ctx context.Context, p *player) { p.keep(ctx, 8, 1<<16, func(net.Conn) error { return nil }) }},
	{"hello/drip", "says a byte a second", "HandshakeTime", 100,
		func(ctx context.Context, p *player) { p.keep(ctx, 200, 64, drip) }},
	{"hello/half", "goes away in its thoughts after the first message", "HandshakeTime", 200,
		func(ctx context.Context, p *player) {
			p.keep(ctx, 64, 64, func(c net.Conn) error {
				h, err := newHandshake(c)
				if err != nil {
					return err
				}
				return h.begin()
			})
		}},
	{"hello/length", "announces messages of 65,535 bytes", "the handshake's largest message, 2,048 bytes", 0,
		func(ctx context.Context, p *player) {
			p.strangers(ctx, func(c net.Conn) error {
				_, err := io.WriteString(c, pxp.Magic2+"\xff\xff"+strings.Repeat("x", 2048))
				return err
			})
		}},
	{"hello/magic", "speaks HTTP to the port", "ErrNotPXP", 0,
		func(ctx context.Context, p *player) {
			p.strangers(ctx, func(c net.Conn) error {
				_, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
				return err
			})
		}},
	{"hello/connect", "connects and leaves, from one address", "Unauthenticated", 0,
		func(ctx context.Context, p *player) {
			p.each(ctx, 4, func(int) error {
				c, err := p.socket(ctx, 0)
				if err == nil {
					p.drop(c)
				}
				return err
			})
		}},
	{"hello/handshakes", "proves an identity and no membership, from many addresses", "Unauthenticated", 0, outsider},
	{"hello/replay", "repeats what somebody else said", "ErrHandshake", 0, replay},
	{"hello/points", "sends points of small order as keys", "ErrHandshake", 0, points},
	{"hello/signature", "signs its key wrongly", "ErrIdentity", 0,
		func(ctx context.Context, p *player) {
			p.lying(ctx, func(h *handshake, key *identity.Key) []byte {
				wrong := proof(key.ID(), key, h.static.PublicKey().Bytes())
				wrong[len(wrong)-1] ^= 1
				return wrong
			})
		}},
	{"hello/identity", "claims to be a peer that the node has", "ErrIdentity", 0,
		func(ctx context.Context, p *player) {
			p.lying(ctx, func(h *handshake, key *identity.Key) []byte {
				return proof(p.Victim, key, h.static.PublicKey().Bytes())
			})
		}},
	{"hello/stolen", "shows the certificate that the node has just shown, for its own key or with the node's", "ErrIdentity, ErrHandshake", 0, stolen},
	{"hello/session", "proves an identity, opens the control stream and says half a hello", "HandshakeTime, probation", 100, halfHello},
}

// keep opens sockets from so many addresses, in so many lanes, says what start says and leaves them open.
func (p *player) keep(ctx context.Context, lanes, addresses int, start func(net.Conn) error) {
	var n atomic.Int64
	p.each(ctx, lanes, func(int) error {
		c, err := p.socket(ctx, int(n.Add(1))%addresses)
		if err != nil {
			return err
		}
		_ = c.SetDeadline(time.Now().Add(handshakeTime))
		if err := start(c); err != nil {
			p.count(func(t *Tally) { t.Failed++ })
			p.drop(c)
			return err
		}
		return nil
	})
}

// drip says the first words of a handshake, a byte a second, until the target or the attack ends it.
func drip(c net.Conn) error {
	for _, b := range message1(make([]byte, 32)) {
		if _, err := c.Write([]byte{b}); err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	return nil
}

// strangers opens sockets from many addresses, says what say says, and waits for what the target thinks of it.
func (p *player) strangers(ctx context.Context, say func(net.Conn) error) {
	p.each(ctx, 8, func(lane int) error {
		c, err := p.socket(ctx, lane)
		if err != nil {
			return err
		}
		err = say(c)
		p.refused(ctx, c)
		return err
	})
}

// lying does the handshake as it should be, but for what message 3 says.
func (p *player) lying(ctx context.Context, payload func(h *handshake, key *identity.Key) []byte) {
	p.strangers(ctx, func(c net.Conn) error {
		h, key, err := begun(c)
		if err != nil {
			return err
		}
		return h.finish(h.static.PublicKey().Bytes(), payload(h, key))
	})
}

// begun has gone as far as message 2, and says who could sign message 3.
func begun(c net.Conn) (*handshake, *identity.Key, error) {
	h, err := newHandshake(c)
	if err != nil {
		return nil, nil, err
	}
	key, err := identity.NewKey()
	if err != nil {
		return nil, nil, err
	}
	return h, key, h.begin()
}

// points sends a point of small order as its ephemeral key or, in message 3, as its static one.
func points(ctx context.Context, p *player) {
	var n atomic.Int64
	p.strangers(ctx, func(c net.Conn) error {
		i := int(n.Add(1))
		point := smallOrder[i%len(smallOrder)]
		if i%2 == 0 {
			_, err := c.Write(message1(point))
			return err
		}
		h, key, err := begun(c)
		if err != nil {
			return err
		}
		return h.finish(point, proof(key.ID(), key, point))
	})
}

// stolen shows the target's certificate as its own: for a static key of its own, which it is not for, or for the target's, of
// which it has not the other half.
func stolen(ctx context.Context, p *player) {
	var n atomic.Int64
	p.strangers(ctx, func(c net.Conn) error {
		h, _, err := begun(c)
		if err != nil {
			return err
		}
		if n.Add(1)%2 == 0 {
			return h.finish(h.theirs, h.proven)
		}
		return h.finish(h.static.PublicKey().Bytes(), h.proven)
	})
}

// replay records a handshake that succeeds, and then repeats all that was sent in it.
func replay(ctx context.Context, p *player) {
	socket, err := p.socket(ctx, 0)
	if err != nil {
		return
	}
	recorded := &recorder{Conn: socket}
	key, err := identity.NewKey()
	if err != nil {
		return
	}
	r, err := p.securedOn(ctx, recorded, key)
	if err != nil {
		return
	}
	r.abandon()
	p.drop(socket)
	p.strangers(ctx, func(c net.Conn) error {
		_, err := c.Write(recorded.sent)
		return err
	})
}

// recorder keeps what is written, by one goroutine.
type recorder struct {
	net.Conn
	sent []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.sent = append(r.sent, b...)
	return r.Conn.Write(b)
}

// outsider proves that it has a key, and that it does not know the network.
func outsider(ctx context.Context, p *player) {
	p.Network += ", but another"
	p.each(ctx, 8, func(lane int) error {
		r, err := p.join(ctx, lane)
		if err == nil {
			r.leave() // which cannot be
		}
		return nil
	})
}

// halfHello leaves the target waiting for the rest of a hello.
func halfHello(ctx context.Context, p *player) {
	var n atomic.Int64
	p.each(ctx, 8, func(int) error {
		r, err := p.secured(ctx, int(n.Add(1))%64)
		if err != nil {
			return err
		}
		begun := binary.BigEndian.AppendUint16(nil, 500)
		return r.send(opening(controlID, pxp.ControlStream), dataFrame(0, controlID, append(begun, 0x98)))
	})
}
