package attack

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// This file is what a relay does to the circuits that it carries. It stands between the target and an honest exchange of the
// attacker's, far, each of which asks for the other: the target when it looks for peers. Both must find out.

var betweenAttacks = []Attack{
	{"between/altered", "as relay flips a bit of what both ends say", "ErrHandshake, ErrAuthentication at both ends", 20,
		between(func(n int) change {
			return func(_, i int, flight []byte) ([]byte, []byte) {
				if i >= n%3 {
					flight[len(flight)-1-n%16] ^= 1 << (n % 8)
				}
				return flight, nil
			}
		})},
	{"between/truncated", "as relay leaves out the end of what both ends say", "ErrHandshake, ErrAuthentication at both ends", 20,
		between(func(n int) change {
			return func(_, i int, flight []byte) ([]byte, []byte) {
				if head := headOf(i); i >= n%3 && len(flight) > head+2+3 {
					flight = flight[:len(flight)-3]
					binary.BigEndian.PutUint16(flight[head:], uint16(len(flight)-head-2))
				}
				return flight, nil
			}
		})},
	{"between/left-out", "as relay leaves out a record of both ends", "ErrAuthentication at both ends", 20,
		between(func(n int) change {
			return func(way, i int, flight []byte) ([]byte, []byte) {
				if i == firstRecord(way)+n%2 {
					return nil, nil
				}
				return flight, nil
			}
		})},
	{"between/replayed", "as relay says everything twice", "ErrHandshake, ErrAuthentication at both ends", 20,
		between(func(n int) change {
			return func(_, i int, flight []byte) ([]byte, []byte) {
				if i < n%3 {
					return flight, nil
				}
				return append(flight, flight[headOf(i):]...), nil
			}
		})},
	{"between/reordered", "as relay exchanges two records of each end", "ErrAuthentication at both ends", 20,
		between(func(n int) change {
			var held [2][]byte
			return func(way, i int, flight []byte) ([]byte, []byte) {
				switch i - firstRecord(way) - n%2 {
				case 0:
					held[way] = flight
					return nil, nil
				case 1:
					return append(flight, held[way]...), nil
				}
				return flight, nil
			}
		})},
	{"between/returned", "as relay gives each end back what it said itself", "ErrHandshake, ErrAuthentication at both ends", 20,
		between(func(n int) change {
			return func(way, i int, flight []byte) ([]byte, []byte) {
				if i < max(n%3, way^1) { // not in place of the very first answer: that is a preamble and no more
					return flight, nil
				}
				return nil, flight[headOf(i):]
			}
		})},
	{"between/swapped", "as relay says in one circuit what was said in another", "ErrHandshake, ErrAuthentication at both ends", 20, swapped},
	{"between/itself", "as relay stands in for both ends, with its own identity, SDP and fingerprint", "ErrIdentity at both ends", 20,
		func(ctx context.Context, p *player) { p.betweenBy(ctx, (*relay).standIn) }},
	{"between/mirror", "as relay connects the target to itself", "ErrIdentity, ErrSelf", 20,
		func(ctx context.Context, p *player) { p.betweenBy(ctx, (*relay).mirror) }},
	{"between/cut", "as relay ends circuits in the middle of a record", "ErrLost", 20,
		between(func(n int) change {
			return func(_, i int, flight []byte) ([]byte, []byte) {
				if i >= 1+n%2 {
					return flight[:len(flight)/2], nil
				}
				return flight, nil
			}
		})},
}

// change is what a relay makes of one flight of the handshake or one record of a circuit: what goes on, and what goes back to
// its sender. way 0 is from the asker to the candidate. Both ways have the same lock.
type change func(way, i int, flight []byte) (on, back []byte)

// headOf is how many bytes stand before the length of a flight: those of the preamble, before the first.
func headOf(i int) int {
	if i == 0 {
		return len(pxp.Magic2)
	}
	return 0
}

// firstRecord is which flight of a way is its first record: the asker has two messages in the handshake.
func firstRecord(way int) int {
	if way == 0 {
		return 2
	}
	return 1
}

// between makes an attack whose relay changes what circuits carry; n counts them.
func between(make func(n int) change) func(context.Context, *player) {
	return func(ctx context.Context, p *player) {
		p.betweenBy(ctx, func(r *relay, c circuit) { r.splice(c, make(c.n)) })
	}
}

// swapped says in each circuit, from some flight on, what was said at that place in the one before.
func swapped(ctx context.Context, p *player) {
	type place struct{ way, i int }
	var mu sync.Mutex
	earlier := make(map[place][]byte)
	between(func(n int) change {
		return func(way, i int, flight []byte) ([]byte, []byte) {
			mu.Lock()
			defer mu.Unlock()
			other := earlier[place{way, i}]
			earlier[place{way, i}] = flight
			if other != nil && i >= n%3 {
				return other, nil
			}
			return flight, nil
		}
	})(ctx, p)
}

// relay is a hostile relay with two peers: the target, and far.
type relay struct {
	p       *player
	ctx     context.Context // of the attack
	do      func(*relay, circuit)
	target  *member // our session with it
	honest  *far
	farSide *member // likewise

	mu sync.Mutex
	n  int // circuits so far
}

// circuit is one that somebody has asked the relay for.
type circuit struct {
	asker, candidate *member     // our sessions with them
	askerID          identity.ID // whom the candidate is told
	request          pxp.Relay
	n                int
}

// betweenBy has relays between the target and honest exchanges, which ask for each other; do is what becomes of a circuit.
func (p *player) betweenBy(ctx context.Context, do func(*relay, circuit)) {
	const relays = 2
	p.lanes(relays, func(lane int) {
		for ctx.Err() == nil {
			r := &relay{p: p, ctx: ctx, do: do}
			err := r.join(lane)
			for err == nil && p.next(ctx) && !r.target.ended() {
				_ = r.honest.ask(ctx)
			}
			r.leave()
			if err != nil && !p.next(ctx) {
				return
			}
		}
	})
}

// join makes the relay a peer of both.
func (r *relay) join(lane int) error {
	var err error
	if r.honest, err = newFar(r.p); err != nil {
		return err
	}
	if r.farSide, err = r.p.joinMember(r.ctx, r.honest.door(r.ctx), r.serve); err != nil {
		return err
	}
	c, err := r.p.socket(r.ctx, lane)
	if err != nil {
		return err
	}
	r.target, err = r.p.joinMember(r.ctx, c, r.serve)
	return err
}

func (r *relay) leave() {
	for _, m := range []*member{r.target, r.farSide} {
		if m != nil {
			m.leave()
		}
	}
	if r.honest != nil {
		r.honest.close()
	}
}

// serve answers queries with the other one, and begins the circuits that are asked for.
func (r *relay) serve(m *member, message pxp.Message) {
	asker, candidate := r.p.ID, r.honest.ID()
	fromFar := m.conn.Peer() == candidate
	if fromFar {
		asker, candidate = candidate, asker
	}
	switch message := message.(type) {
	case pxp.GetPeers:
		_ = m.say(pxp.Res{ID: message.ID, Candidates: []pxp.Candidate{{Peer: candidate, Token: anyToken()}}})
	case pxp.Relay:
		c := circuit{asker: m, askerID: asker, candidate: r.farSide, request: message}
		if fromFar { // it asks when both sides are there
			c.candidate = r.target
		}
		r.mu.Lock()
		c.n = r.n
		r.n++
		r.mu.Unlock()
		m.running.Go(func() { r.do(r, c) }) // ended with the session
	case pxp.Incoming:
		_ = m.say(pxp.Res{ID: message.ID, Code: pxp.CodeRefused})
	}
}

// introduce asks the candidate, and opens both ends of the circuit.
func (r *relay) introduce(c circuit) (asker, candidate net.Conn, err error) {
	asker, err = c.asker.stream(r.ctx, pxp.RelayStream(c.request.Token))
	if err != nil {
		return nil, nil, err
	}
	token := anyToken()
	res, err := c.candidate.request(r.ctx, func(id uint32) pxp.Message {
		return pxp.Incoming{ID: id, Token: token, From: c.askerID}
	})
	if err == nil && res.Code != pxp.CodeOK {
		err = errRefused
	}
	if err == nil {
		candidate, err = c.candidate.stream(r.ctx, pxp.RelayStream(token))
	}
	if err != nil {
		_ = c.asker.say(pxp.Res{ID: c.request.ID, Code: pxp.CodeUnreachable})
		_ = asker.Close()
		return nil, nil, err
	}
	if err := c.asker.say(pxp.Res{ID: c.request.ID}); err != nil {
		return nil, nil, errors.Join(err, asker.Close(), candidate.Close())
	}
	return asker, candidate, nil
}

var errRefused = errors.New("attack: refused")

// splice carries a circuit, changed. When one end has gone the relay goes on in its name, with bytes of its own.
func (r *relay) splice(c circuit, change change) {
	asker, candidate, err := r.introduce(c)
	if err != nil {
		return
	}
	r.p.count(func(t *Tally) { t.Carried++ })
	var mu sync.Mutex
	first := io.MultiReader(newFirst(c.request.First), asker)
	carry := func(way int, to, from net.Conn, in io.Reader) {
		for i := 0; ; i++ {
			flight, err := readFlight(in, headOf(i))
			if err != nil {
				break
			}
			mu.Lock()
			on, back := change(way, i, flight)
			mu.Unlock()
			if _, err := to.Write(on); err != nil {
				break
			}
			if _, err := from.Write(back); err != nil {
				break
			}
		}
		forged := binary.BigEndian.AppendUint16(nil, 100)
		id := anybody()
		_, _ = to.Write(append(append(append(forged, id[:]...), id[:]...), make([]byte, 36)...))
		_ = to.(interface{ CloseWrite() error }).CloseWrite()
	}
	var wg sync.WaitGroup
	stop := context.AfterFunc(r.ctx, func() { _, _ = asker.Close(), candidate.Close() })
	wg.Go(func() { carry(0, candidate, asker, first) }) // both end with their streams, waited for below
	wg.Go(func() { carry(1, asker, candidate, candidate) })
	wg.Wait()
	stop()
	_, _ = asker.Close(), candidate.Close()
}

type firstBytes struct{ rest []byte }

// newFirst reads what a request for a circuit brought.
func newFirst(b []byte) io.Reader { return &firstBytes{b} }

func (f *firstBytes) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// readFlight reads a message of the handshake or a record: head bytes, a length, and so many bytes.
func readFlight(in io.Reader, head int) ([]byte, error) {
	flight := make([]byte, head+2)
	if _, err := io.ReadFull(in, flight); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(flight[head:]))
	_, err := io.ReadFull(in, body)
	return append(flight, body...), err
}

// standIn makes a session of its own with either end, each time as the other.
func (r *relay) standIn(c circuit) {
	asker, candidate, err := r.introduce(c)
	if err != nil {
		return
	}
	r.p.count(func(t *Tally) { t.Carried++ })
	pretend := func(carrier net.Conn, role secure.Role) {
		defer func() { _ = carrier.Close() }()
		m, err := r.p.dialSession(r.ctx, carrier, c.asker.key, role)
		if err != nil {
			return
		}
		m.start()
		_ = m.say(pxp.Upgrade{ID: 1, Transport: pxp.TransportWebRTC, Kind: pxp.UpgradeKind(role), Text: "v=0\r\na=fingerprint:sha-256 its own\r\n"})
		m.over(r.ctx, time.Second)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // both end with their streams, waited for below
		pretend(&begunStream{asker, io.MultiReader(newFirst(c.request.First), asker)}, secure.Acceptor)
	})
	wg.Go(func() { pretend(candidate, secure.Dialer) })
	wg.Wait()
}

// begunStream is a stream of which something has been read.
type begunStream struct {
	net.Conn
	in io.Reader
}

func (s *begunStream) Read(p []byte) (int, error) { return s.in.Read(p) }

// mirror leads whoever asks back to itself, as somebody else.
func (r *relay) mirror(c circuit) {
	c.candidate = c.asker
	_, _ = rand.Read(c.askerID[:])
	r.splice(c, func(_, _ int, flight []byte) ([]byte, []byte) { return flight, nil })
}
