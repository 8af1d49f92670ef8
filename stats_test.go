package exchange_test

import (
	"context"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
)

// Peers that open their data stream and leave at once do not stay in the count
// of Conns, whether or not the application closes what it was given.
func TestConnsOfShortVisits(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		v := newWorld(t).node()
		for range 20 {
			r := rawDoor(t, v)
			r.send(r.helloMessage(secure.Dialer, "test", ""))
			r.send(pxp.Connect{ID: r.id()})
			data, err := r.mux.Open(context.Background(), pxp.DataStream)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := data.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			r.send(pxp.Bye{Code: pxp.CodeClosing})
			r.expectEnd()
		}
		time.Sleep(time.Second)
		if s := v.Stats(); s.Conns != 0 || s.Peers != 0 {
			t.Errorf("with everybody gone stats are %+v, want no Conns and no Peers", s)
		}
		go func() { // ends with v
			for {
				c, err := v.Listener().Accept()
				if err != nil {
					return
				}
				c.Close()
				c.Close()
			}
		}()
		time.Sleep(time.Second)
		if n := v.Stats().Conns; n != 0 {
			t.Errorf("%d Conns with all closed, want 0", n)
		}
	})
}

// punctual is a transport that opens its channels at one moment.
type punctual struct {
	*fakeTransport
	at time.Time
}

func (p punctual) Negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (wrtc.Conn, error) {
	if role == wrtc.Offerer {
		time.Sleep(time.Until(p.at))
	}
	return p.fakeTransport.Negotiate(ctx, role, s)
}

// Two attempts of one GetNewPeer succeed at once: the caller gets one peer, the
// session with the other ends, and is counted no more.
func TestLateLane(t *testing.T) {
	for range 50 { // the second attempt may be canceled just before it succeeds
		var met uint64
		bubble.Run(t, func(t *testing.T) { met = lateLane(t) })
		if met == 2 || t.Failed() {
			return
		}
	}
	t.Error("in 50 runs never two were met at once")
}

// lateLane returns how many peers were met.
func lateLane(t *testing.T) uint64 {
	w := newWorld(t)
	a, b, d := w.node(), w.node(), w.node()
	at := time.Now().Add(5 * time.Second)
	c := w.node(func(cfg *exchange.Config) { cfg.Transport = punctual{cfg.Transport.(*fakeTransport), at} })
	b.connect(a)
	d.connect(a)
	x, _ := c.connect(a)
	conn, err := c.GetNewPeer(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s := c.Stats()
	if s.Peers != 2 || s.Joined-s.Left != 2 || s.Conns != 2 {
		t.Errorf("stats are %+v; want the hub and one that was met, with a Conn each", s)
	}
	time.Sleep(time.Second)
	if n := b.NumPeers() + d.NumPeers(); n != 3 {
		t.Errorf("the candidates have %d peers, want 3: the hub twice and the asker once", n)
	}
	conn.Close()
	x.Close()
	if n := c.Stats().Conns; n != 0 {
		t.Errorf("%d Conns with all closed, want 0", n)
	}
	return s.Joined - 1
}

// A keepalive measures the round trip.
func TestLatency(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		near, far := memnet.PipeConfig{Delay: 30 * time.Millisecond}.Pipe()
		x, y := b.connectOver(near, a, far)
		if rtt := x.Peer().Latency(); rtt != 0 {
			t.Errorf("before the first keepalive: %v, want 0", rtt)
		}
		time.Sleep(time.Minute)
		for _, c := range []*exchange.Conn{x, y} {
			if rtt := c.Peer().Latency(); rtt < 60*time.Millisecond || rtt > 70*time.Millisecond {
				t.Errorf("latency is %v, want the 60 ms of the link", rtt)
			}
		}
	})
}
