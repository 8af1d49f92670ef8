package exchange_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
)

// introduce tells a node that somebody wants to meet it, and returns our end of
// the circuit.
func (r *raw1) introduce() mux.Stream {
	r.t.Helper()
	r.ask(`["incoming","9",["3d54c7b6"]]`, `["res","9",null]`)
	s, err := r.mux.Open(context.Background(), "relay:3d54c7b6")
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// ask sends a line and wants this one back.
func (r *raw1) ask(line, want string) {
	r.t.Helper()
	_ = r.say("%s", line)
	if got := r.line(); got != want {
		r.t.Errorf("%s is answered %s, want %s", line, got, want)
	}
}

// Requests about networks that are not ours are refused, and the session stays.
func TestVersion1UnknownNetwork(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		r := raw1Door(t, n)
		r.hello()
		r.line()
		r.ask(`["connect","1","zzz"]`, `["res","1","Peer tried to connect to an unknown network:\"zzz\""]`)
		if _, err := r.mux.Open(context.Background(), "data:test"); err != nil {
			t.Fatal(err)
		}
		r.ask(`["connect","2","test"]`, `["res","2",null]`)
		n.accept()
		r.ask(`["getpeers","3","zzz"]`, `["res","3",["Peer requested an unknown network:\"zzz\""]]`)
		r.ask(`["connect","4",["a","b"]]`, `["res","4","Peer tried to connect to an unknown network:\"a,b\""]`)
		_ = r.say(`["getpeers","5","%s"]`, strings.Repeat("\x7f", 60_000))
		if l := r.line(); !strings.HasPrefix(l, `["res","5",["Peer`) || len(l) > 300 {
			t.Errorf("a long name is answered with %d bytes, %.40q", len(l), l)
		}
		r.ask(`["getpeers","6","test"]`, `["res","6",[null,[]]]`)
	})
}

// An original takes a circuit session for a peer: it may ask there, gets nobody,
// and the session goes on.
func TestVersion1CircuitIsNoPeer(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		w.node().connect(n) // whom it could name
		relay := raw1Join(t, n)
		inner := raw1On(t, relay.introduce())
		inner.hello()
		inner.line()
		inner.ask(`["getpeers","1","test"]`, `["res","1",[null,[]]]`)
		inner.ask(`["relay","2",["ada3ce4a"]]`, `["res","2","unknown token"]`)
		inner.ask(`["incoming","3",["ada3ce4a"]]`, `["res","3","refused"]`)
		inner.ask(`["getpeers","4","test"]`, `["res","4",[null,[]]]`)
	})
}

// Nobody is introduced to a node that refuses that and joined by version 1; but it
// says that it can be met, since an original would die of the contrary.
func TestVersion1RefuseIncoming(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		shy := w.node(func(c *exchange.Config) { c.RefuseIncoming = true })
		a, c := w.node(), w.node()
		shy.connect1(a)
		c.connect(a)
		if _, err := c.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("GetNewPeer: %v: a peer that does not accept was offered", err)
		}
		socket, err := shy.door.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r := raw1On(t, socket)
		r.hello()
		if l, want := r.line(), `["hello","0",[1,{"pxp":true,"relay":false,"webrtc":true,"v2":true,`; !strings.HasPrefix(l, want) {
			t.Errorf("says %s, want it to begin with %s", l, want)
		}
	})
}

// Who says that it cannot be relayed to is left alone.
func TestVersion1NoRelay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		r := raw1Join(t, n)
		go func() {
			r.line()
			_ = r.say(`["res","1",[null,[{"id":"ada3ce4a","network":"test","connectInfo":{"pxp":true,"relay":false,"webrtc":true}}]]]`)
		}()
		if _, err := n.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("GetNewPeer: %v, want ErrNoCandidates", err)
		}
	})
}

// There is nothing to say in version 1 when there is nothing to say, and silence
// ends nothing.
func TestVersion1Idle(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect1(a)
		time.Sleep(time.Hour)
		exchangeBytes(t, x, y)
	})
}
