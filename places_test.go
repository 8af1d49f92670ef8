package exchange_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// again has a peer connect once more, from an address, and returns what it is told.
func again(v *node, from string, key *identity.Key) pxp.Code {
	v.t.Helper()
	c, err := v.door.DialFrom(context.Background(), from)
	if err != nil {
		v.t.Fatal(err)
	}
	r := rawDial(v.t, c, key)
	r.send(r.helloMessage(secure.Dialer, "test", ""))
	connect := pxp.Connect{ID: r.id()}
	r.send(connect)
	expect[pxp.Hello](r)
	code := pxp.CodeOK
	if m, err := r.receive(); err != nil {
		v.t.Fatal(err)
	} else if res, ok := m.(pxp.Res); ok {
		code = res.Code
	}
	go r.idle() // ends with the session
	return code
}

// Peers that a node has dialed and that dial it do not leave their places to others of those who dial.
func TestPlacesOfDialedStay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const places, target = 10, 6
		w := newWorld(t)
		v := w.node(withLimits(exchange.Limits{Peers: places}))
		v.Maintain(target)
		var own []*identity.Key
		for range target / 2 {
			key := newKey(t)
			v.connect(w.node(func(c *exchange.Config) { c.Identity = key }))
			own = append(own, key)
		}
		for range places - target/2 {
			go rawJoin(t, v).idle() // ends with the session
		}
		time.Sleep(11 * time.Second) // no longer at once
		for i, key := range own {
			if code := again(v, fmt.Sprintf("10.0.0.%d:1", 1+i), key); code != pxp.CodeLimit {
				t.Errorf("a peer that we dialed dials us, and is told %v, want limit", code)
			}
		}
		dialed := 0
		for p := range v.Peers() {
			if !p.Incoming() {
				dialed++
			}
		}
		if dialed != target/2 {
			t.Errorf("%d peers that it dialed, want %d", dialed, target/2)
		}
	})
}

// Peers that come again from one address are no more of it than those that come first.
func TestPlacesOfAddressStay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const places = 10
		v := newWorld(t).node(withLimits(exchange.Limits{Peers: places}))
		for i := range places - 1 {
			key := newKey(t)
			if code := again(v, fmt.Sprintf("10.0.0.%d:1", 1+i), key); code != pxp.CodeOK {
				t.Fatalf("joining: %v", code)
			}
			want := pxp.CodeOK
			if i >= places/2 {
				want = pxp.CodeLimit
			}
			for range 2 { // the second time it has its place there, or none
				if code := again(v, "10.0.1.1:1", key); code != want {
					t.Errorf("peer %d comes from the one address, and is told %v, want %v", i+1, code, want)
				}
			}
		}
		if v.NumPeers() != places-1 {
			t.Errorf("%d peers, want %d", v.NumPeers(), places-1)
		}
	})
}
