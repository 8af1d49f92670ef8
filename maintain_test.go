package exchange_test

import (
	"context"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
)

// A target above Limits.Peers is that limit: half of it is still there for
// peers that come in.
func TestMaintainAboveLimit(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		v := w.node(withLimits(exchange.Limits{Peers: 4}))
		v.Maintain(200)
		if n := v.Target(); n != 4 {
			t.Errorf("target is %d, want 4", n)
		}
		for range 2 {
			w.node().connect(v)
		}
		late := w.node()
		if _, err := late.Connect(context.Background(), late.dial(v)); err == nil {
			t.Error("a third incoming peer took one of the two places kept for outgoing ones")
		}
	})
}

func TestMaintainStops(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		hub, m, x := w.node(), w.node(), w.node()
		m.Maintain(5)
		m.connect(hub)
		time.Sleep(time.Minute)
		m.Maintain(0)
		if n := m.Target(); n != 0 {
			t.Errorf("target is %d, want 0", n)
		}
		x.connect(hub)
		time.Sleep(time.Hour)
		if n := m.NumPeers(); n != 1 {
			t.Errorf("an hour after Maintain(0) there are %d peers, want the one from before", n)
		}
	})
}

// However long nobody was found: a peer that joins is asked at once.
func TestMaintainWakes(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		m, r1, r2, x := w.node(), w.node(), w.node(), w.node()
		m.connect(r1)
		m.Maintain(3)
		time.Sleep(30 * time.Minute)
		x.connect(r2)
		r2.connect(m)
		began := time.Now()
		for m.NumPeers() < 3 && time.Since(began) < 5*time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a new relay was asked after %v", took)
		}
	})
}
