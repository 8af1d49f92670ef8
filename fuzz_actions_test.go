package exchange_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
	"github.com/peer-exchange/exchange/secure"
)

// action is something that hostile peer number i does. New ones go to the end:
// their order is the meaning of the inputs that are kept.
type action struct {
	name string
	do   func(a *arena, i int)
}

// by is an action of somebody who is there.
func by(f func(a *arena, h *hostile)) func(a *arena, i int) {
	return func(a *arena, i int) {
		if h := a.hostile[i]; h != nil {
			f(a, h)
		}
	}
}

// spoken is an action of somebody who has a control stream.
func spoken(f func(a *arena, h *hostile)) func(a *arena, i int) {
	return by(func(a *arena, h *hostile) {
		if h.control != nil {
			f(a, h)
		}
	})
}

var actions = []action{
	{"raw", func(a *arena, i int) {
		magic := []string{"", pxp.Magic1, pxp.Magic2}[a.next()%3]
		c := a.socket(i)
		if c == nil {
			return
		}
		h := &hostile{carrier: c} // says and is told nothing
		a.put(i, h)
		c.SetWriteDeadline(time.Now().Add(writeWait))
		c.Write(append([]byte(magic), a.rest()...))
	}},
	{"dial", func(a *arena, i int) { a.dial(i, 2) }},
	{"dial 1", func(a *arena, i int) { a.dial(i, 1) }},
	{"hello", spoken((*arena).hello)},
	{"connect", spoken((*arena).connect)},
	{"join", func(a *arena, i int) { a.join(i, 2) }},
	{"join 1", func(a *arena, i int) { a.join(i, 1) }},
	{"getpeers", spoken(func(a *arena, h *hostile) {
		h.request(pxp.GetPeers{ID: h.id(), Max: 1 + int(a.next())%pxp.MaxCandidates})
	})},
	{"relay", spoken(func(a *arena, h *hostile) {
		t := a.token(h)
		m := pxp.Relay{ID: h.id(), Token: t, First: a.rest()}
		h.mu.Lock()
		if !slices.Contains(h.tokens, t) || slices.Contains(h.used, t) {
			h.refuse[m.ID] = "a relay request with a token that is not its own, or used"
		}
		h.used = append(h.used, t)
		h.mu.Unlock()
		h.request(m)
	})},
	{"incoming", spoken(func(a *arena, h *hostile) {
		from := a.somebody()
		t := pxp.Token{a.next(), 1}
		if h.version == 1 {
			t = token1(fmt.Sprintf("%08x", t[0]))
		}
		h.used = append(h.used, t)
		h.request(pxp.Incoming{ID: h.id(), Token: t, From: from, First: a.rest()})
	})},
	{"upgrade", spoken((*arena).upgrade)},
	{"answer", spoken((*arena).answerOldest)},
	{"answer nothing", spoken(func(a *arena, h *hostile) {
		if h.version == 1 {
			h.write(h.control, []byte(`["res","zz",null]`+"\n"))
			return
		}
		h.say(pxp.Res{ID: 1e6 + uint32(a.next())})
		h.guilty()
	})},
	{"ping", spoken(func(a *arena, h *hostile) {
		for range a.next() % 64 {
			h.request(pxp.Ping{ID: h.id()})
		}
	})},
	{"bye", spoken(func(a *arena, h *hostile) {
		if h.say(pxp.Bye{Code: pxp.CodeClosing, Reason: string(a.rest())}) {
			h.guilty()
		}
	})},
	{"unknown", spoken(func(a *arena, h *hostile) {
		if h.version == 1 {
			h.write(h.control, []byte(`["news","7",{"a":[1,2]}]`+"\n"))
			return
		}
		h.request(pxp.Unknown{MessageType: 20 + pxp.Type(a.next()%100), ID: uint32(a.next())})
	})},
	{"rubbish", spoken(func(a *arena, h *hostile) {
		h.doubt()
		b := a.rest()
		if h.version == 1 {
			b = append(b, '\n')
		} else {
			b = append([]byte{0, byte(len(b))}, b...)
		}
		h.write(h.control, b)
	})},
	{"rubbish below the streams", by(func(a *arena, h *hostile) {
		h.doubt()
		if b := a.rest(); h.inner != nil {
			go h.inner.Write(b) // ends with the carrier
		} else {
			go h.carrier.Write(b)
		}
	})},
	{"rubbish on the carrier", by(func(a *arena, h *hostile) {
		h.doubt()
		go h.carrier.Write(a.rest()) // ends with the carrier
	})},
	{"open", by(func(a *arena, h *hostile) {
		if h.claim != lives {
			h.doubt()
		}
		name := []string{"app", pxp.ControlStream, pxp.DataStream, "data:test", "relay:", "nobody"}[a.next()%6]
		if name == "relay:" {
			name = h.relayStream(a.token(h))
		}
		if name == pxp.ControlStream && h.version == 1 {
			h.doubt() // a second of that name: the original's business
		}
		if s := h.open(name); s != nil {
			h.mu.Lock()
			h.streams = append(h.streams, s)
			h.mu.Unlock()
		}
	})},
	{"write", by(func(a *arena, h *hostile) {
		s := h.stream(a.next())
		h.write(s, make([]byte, int(a.next())*256))
	})},
	{"end a stream", by(func(a *arena, h *hostile) {
		s := h.stream(a.next())
		if s == nil {
			return
		}
		if h.version == 1 {
			h.doubt() // both ends of the data stream are the end of the peer
		}
		switch a.next() % 3 {
		case 0:
			s.Close()
		case 1:
			s.CloseWrite()
		case 2:
			s.Reset()
		}
	})},
	{"end the control stream", spoken(func(a *arena, h *hostile) {
		h.guilty()
		if a.next()%2 == 0 {
			h.control.CloseWrite()
		} else {
			h.control.Reset()
		}
	})},
	{"hang up", func(a *arena, i int) { a.hangUp(i) }},
	{"freeze", by(func(_ *arena, h *hostile) {
		if h.version == 2 {
			h.guilty() // unless it thaws
		}
		h.doubt()
		h.freeze()
	})},
	{"thaw", by(func(_ *arena, h *hostile) { h.thaw() })},
	{"time", func(a *arena, _ int) {
		a.wait([]time.Duration{time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 6 * time.Second, 15 * time.Second, 31 * time.Second, 61 * time.Second}[a.next()%7])
	}},
	{"victim seeks", func(a *arena, _ int) {
		if a.seeks++; a.seeks > 3 {
			return
		}
		go func() { // bounded by the context
			ctx, cancel := context.WithTimeout(context.Background(), 45*time.Second)
			defer cancel()
			if c, err := a.victim.GetNewPeer(ctx); err == nil {
				echo(c)
			}
		}()
	}},
	// A circuit that was asked for becomes a session of its own, as number j.
	{"join the circuit", func(a *arena, i int) {
		j, version := int(a.next())%numHostile, 2-int(a.next())%2
		h := a.hostile[i]
		if h == nil || i == j || len(h.used) == 0 {
			return
		}
		if s := h.open(h.relayStream(h.used[len(h.used)-1])); s != nil {
			a.put(j, a.begin(j, s, version, true, false))
		}
	}},
	// So does one that leads here.
	{"be met", func(a *arena, i int) {
		j, dials := int(a.next())%numHostile, a.next()%2 == 0
		h := a.hostile[i]
		if h == nil || i == j || h.control == nil {
			return
		}
		if dials { // we are the relay: the stream comes from whom we introduced
			a.inner(i, j, h.version, true)
			return
		}
		q, found := h.take()
		in, incoming := q.m.(pxp.Incoming)
		if !found || !incoming {
			return
		}
		h.answer(q, pxp.CodeOK, nil)
		if s := h.open(h.relayStream(in.Token)); s != nil {
			a.put(j, a.begin(j, &preceded{s, strings.NewReader(string(in.First))}, h.version, false, false))
		}
	}},
	{"be the candidate", func(a *arena, i int) {
		j, version := int(a.next())%numHostile, 2-int(a.next())%2
		if i != j {
			a.inner(i, j, version, false)
		}
	}},
	{"use the channel", func(a *arena, i int) {
		j, version := int(a.next())%numHostile, 2-int(a.next())%2
		h := a.hostile[i]
		if h == nil || i == j || h.channel == nil {
			return
		}
		a.put(j, a.onChannel(h, version))
	}},
	{"second session", func(a *arena, i int) { // of the same key: it takes the place of the first
		if h := a.hostile[i]; h != nil && h.version == 2 {
			h.doubt()
			if c := a.socket(i); c != nil {
				if again := a.begin(i, c, 2, true, true); again != nil {
					a.greet(again)
					a.wait(time.Second)
					again.close()
				}
			}
		}
	}},
}

// socket is a new connection with the victim.
func (a *arena) socket(i int) *memnet.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), hostileWait)
	defer cancel()
	c, err := a.victim.door.DialFrom(ctx, fmt.Sprintf("192.0.2.%d:1000", i+1))
	if err != nil {
		return nil
	}
	return c
}

func (a *arena) dial(i, version int) {
	a.hangUp(i)
	if c := a.socket(i); c != nil {
		a.put(i, a.begin(i, c, version, true, true))
	}
}

func (a *arena) join(i, version int) {
	a.dial(i, version)
	if h := a.hostile[i]; h != nil {
		a.greet(h)
	}
}

// greet does what makes a peer.
func (a *arena) greet(h *hostile) {
	h.sayHello("test", h.role(), []string{"relay", "webrtc", "v1"}, true)
	h.connect(true)
}

func (h *hostile) role() secure.Role {
	if h.dialer {
		return secure.Dialer
	}
	return secure.Acceptor
}

func (h *hostile) sayHello(network string, role secure.Role, features []string, accepts bool) {
	right := network == "test" && (role == h.role() || h.version == 1) && !h.helloed
	switch {
	case h.version == 1:
		info := &v1.ConnectInfo{PXP: true, Relay: accepts, WebRTC: len(features) > 1, V2: len(features) > 2}
		b, err := v1.Append(nil, v1.Hello{Nonce: v1.NewNonce(h.nonce), Version: v1.Version, Info: info, Networks: []string{network}})
		h.nonce++
		if err == nil {
			h.write(h.control, b)
		}
		right = right || h.helloed // a second one is ignored
	default:
		hello := pxp.Hello{Version: pxp.Version, Agent: "\x1b[2J", Accepts: accepts, Features: features}
		hello.Proof = secure.Prove(secure.NetworkKey(network, nil), role, h.binding)
		h.say(hello)
	}
	if !right {
		h.guilty()
	}
	h.helloed = true
}

func (a *arena) hello(h *hostile) {
	k := a.next()
	network, role := "test", h.role()
	switch k % 8 {
	case 5:
		network = "elsewhere"
	case 6:
		role = 3 - role
	}
	h.sayHello(network, role, []string{"relay", "webrtc", "v1"}[:k%4], k&0x10 == 0)
}

func (a *arena) connect(h *hostile) { h.connect(a.next()%4 != 3) }

func (h *hostile) connect(data bool) {
	if !h.helloed || h.connected {
		h.guilty()
		if h.version == 1 {
			h.due = time.Time{} // it may ask again
		}
	}
	name := pxp.DataStream
	if h.version == 1 {
		name = "data:test"
		if data { // is looked for when connect is granted
			h.openData(name)
		}
	}
	h.say(pxp.Connect{ID: h.id()})
	h.connected = true
	if data && h.version == 2 {
		h.openData(name)
	}
	h.joined()
}

func (h *hostile) openData(name string) {
	if s := h.open(name); s != nil {
		h.data = true
		h.mu.Lock()
		h.streams = append(h.streams, s)
		h.mu.Unlock()
	}
}

// request sends what only a peer may ask.
func (h *hostile) request(m pxp.Message) {
	if !h.say(m) {
		return
	}
	switch m.(type) {
	case pxp.Ping, pxp.Unknown:
		if !h.helloed {
			h.guilty()
		}
	default:
		if !h.connected && h.version == 2 {
			h.guilty()
		} else if !h.connected {
			h.doubt()
		}
	}
}

func (h *hostile) id() uint32 {
	h.nonce++
	return uint32(h.nonce)
}

// token is one that may lead somewhere: own, somebody else's, used, or guessed.
func (a *arena) token(h *hostile) pxp.Token {
	of := h
	switch k := a.next(); k % 4 {
	case 1:
		if o := a.hostile[int(k/4)%numHostile]; o != nil {
			of = o
		}
	case 2:
		if len(h.used) > 0 {
			return h.used[int(k/4)%len(h.used)]
		}
	case 3:
		return pxp.Token{k, 2}
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	if k := a.next(); len(of.tokens) > 0 {
		return of.tokens[int(k)%len(of.tokens)]
	}
	return pxp.Token{9}
}

// somebody is an identity that a lie may be about.
func (a *arena) somebody() identity.ID {
	switch k := int(a.next()); k % 10 {
	case 6:
		return a.friend.ID()
	case 7:
		return identity.ID{}
	case 8:
		return a.victim.ID()
	case 9:
		return identity.ID{byte(k), 1}
	default:
		return a.keys[k%10].ID()
	}
}

func (a *arena) upgrade(h *hostile) {
	m := pxp.Upgrade{ID: 1, Transport: "webrtc"}
	switch a.next() % 7 {
	case 0: // an offer that works
		if h.channel != nil {
			h.channel.Close()
		}
		name, end := a.w.web.pipe()
		h.channel = end
		m.Kind, m.Text = pxp.UpgradeOffer, name
	case 1: // of a channel that may exist
		m.Kind, m.Text = pxp.UpgradeAnswer, fmt.Sprint("offer-", a.next()%8)
	case 2:
		m.Kind, m.Text = pxp.UpgradeOffer, string(a.rest())
	case 3:
		m.Kind, m.Text = pxp.UpgradeCandidate, "candidate:1 1 udp 1 192.0.2.1 1 typ host"
	case 4:
		m.Kind = pxp.UpgradeEnd
	case 5:
		m.Kind, m.Text, m.ID = pxp.UpgradeAnswer, "x", uint32(a.next())
	case 6:
		m.Kind, m.Text, m.Transport = pxp.UpgradeOffer, "x", "pigeon"
	}
	if h.say(m) && h.version == 2 {
		h.guilty() // which gives a time to sessions with the victim only: those are no circuits
	}
}

// answerOldest answers what was asked first: well, with lies, or not at all.
func (a *arena) answerOldest(h *hostile) {
	code := pxp.Code(a.next() % 4)
	q, found := h.take()
	if !found {
		return
	}
	var list []pxp.Candidate
	if _, query := q.m.(pxp.GetPeers); query && code == pxp.CodeOK {
		for k := range a.next() % 4 {
			c := pxp.Candidate{Peer: a.somebody(), Token: pxp.Token{a.next(), k}}
			if h.version == 1 {
				c.Token = token1(fmt.Sprintf("%06x%02x", c.Token[0], k))
			} else if c.Token[0]%8 == 7 {
				c.Protocol = v1.Version
			}
			list = append(list, c)
		}
	}
	h.answer(q, code, list)
}

// inner makes a session of the newest circuit that somebody opened to number i.
func (a *arena) inner(i, j, version int, dialer bool) {
	h := a.hostile[i]
	if h == nil || h.mux == nil {
		return
	}
	if s := h.circuit(); s != nil {
		a.put(j, a.begin(j, s, version, dialer, false))
	}
}

// onChannel begins a session on the channel that h offered.
func (a *arena) onChannel(h *hostile, version int) *hostile {
	c := &hostile{key: h.key, version: version, carrier: h.channel, dialer: true, refuse: make(map[uint32]string)}
	h.channel = nil
	ctx, cancel := context.WithTimeout(context.Background(), hostileWait)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.carrier.Close() })
	defer stop()
	var err error
	if version == 1 {
		err = c.begin1()
	} else {
		if h.inner != nil {
			c.binding = h.inner.Export(channelLabel)
		}
		c.mux, err = mux.Client(c.carrier, nil)
	}
	return c.begun(ctx, err)
}
