package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// orderedKeys returns two keys, that of the smaller ID first.
func orderedKeys(t *testing.T) (small, large *identity.Key) {
	t.Helper()
	small, large = newKey(t), newKey(t)
	if small.ID().Compare(large.ID()) > 0 {
		small, large = large, small
	}
	return small, large
}

// Which of two sessions by equal paths stays when the peer dials (PXP §10). The
// peer's ID is the larger one, so that being smaller decides nothing.
func TestPeerDialsAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		dialer string // of the old session
		after  time.Duration
		want   error
	}{
		{"it had dialed: it has lost that session", "peer", 0, nil},
		{"we had dialed just now", "node", 5 * time.Second, exchange.ErrConnected},
		{"we had dialed long ago: it has lost that session", "node", 11 * time.Second, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				small, large := orderedKeys(t)
				n, before := w.node(withKey(small)), w.node(withKey(large))
				from, to := before, n
				if tt.dialer == "node" {
					from, to = n, before
				}
				near, far := memnet.Pipe()
				from.connectOver(near, to, far)
				near.Freeze() // the peer's machine loses its power
				defer near.Thaw()
				time.Sleep(tt.after)
				after := w.node(withKey(large))
				_, err := after.Connect(context.Background(), after.dial(n))
				if !errors.Is(err, tt.want) {
					t.Errorf("the peer dials: %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// A peer that we have and are connecting to by a better path is one peer.
func TestPeersCountedOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		v := w.node(withLimits(exchange.Limits{Peers: 3}))
		hub, b := w.node(), w.node()
		b.connect(hub)
		v.connect(hub)
		if _, err := v.GetNewPeer(context.Background()); err != nil {
			t.Fatal(err)
		}
		b.accept()
		near, far := memnet.PipeConfig{Delay: 400 * time.Millisecond}.Pipe()
		connected := make(chan struct{})
		go func() { defer close(connected); v.connectOver(near, b, far) }()
		time.Sleep(time.Second) // v is connecting to b by a socket now
		third := w.node()
		if _, err := third.Connect(context.Background(), third.dial(v)); err != nil {
			t.Errorf("a third of three peers: %v; there are %d", err, v.NumPeers())
		}
		<-connected
	})
}

// The addresses of one IPv6 /64 belong to one stranger.
func TestUnauthenticatedPrefix(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node(withLimits(exchange.Limits{UnauthenticatedPerAddress: 2}))
		for i, tt := range []struct {
			from string
			away uint64 // so many were turned away in all
		}{
			{"[2001:db8:1:2::1]:1000", 0},
			{"[2001:db8:1:2:ffff::9]:1000", 0},
			{"[2001:db8:1:2::2]:1000", 1},
			{"[2001:db8:1:3::1]:1000", 1},
			{"192.0.2.1:1000", 1},
			{"192.0.2.2:1000", 1},
			{"[::ffff:192.0.2.1]:1000", 1},
			{"192.0.2.1:1001", 2},
		} {
			c, err := a.door.DialFrom(context.Background(), tt.from)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			time.Sleep(time.Millisecond)
			if n := a.Stats().TurnedAway; n != tt.away {
				t.Fatalf("after connection %d, from %s, %d were turned away, want %d", i+1, tt.from, n, tt.away)
			}
		}
	})
}
