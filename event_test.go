package exchange_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// stuckSocket is a socket whose Close hangs.
type stuckSocket struct {
	net.Conn
	closing chan struct{} // capacity for all calls of Close
	release chan struct{}
}

func (c *stuckSocket) Close() error {
	c.closing <- struct{}{}
	<-c.release
	return c.Conn.Close()
}

// A peer that returns twice does not wait until the session that it has lost is
// closed, and the events of its three sessions come in order. (In no bubble:
// whoever waits for a slow Close may do so at a mutex.)
func TestReturningPeerEvents(t *testing.T) {
	w := newWorld(t)
	a := w.node()
	key := newKey(t)
	b := w.node(withKey(key))
	near, far := memnet.Pipe()
	slow := &stuckSocket{Conn: far, closing: make(chan struct{}, 10), release: make(chan struct{})}
	release := sync.OnceFunc(func() { close(slow.release) })
	t.Cleanup(release)
	b.connectOver(near, a, slow)
	near.Freeze()
	again := []*node{w.node(withKey(key)), w.node(withKey(key))}
	for _, n := range again {
		if _, err := n.Connect(context.Background(), n.dial(a)); err != nil {
			t.Fatalf("returning while the old session is being closed: %v", err)
		}
	}
	<-slow.closing
	release()
	near.Thaw()
	b.left(a.ID())
	again[0].left(a.ID())
	a.Close()

	a.mu.Lock()
	defer a.mu.Unlock()
	type state struct{ joined, left bool }
	peers := make(map[*exchange.Peer]state)
	for _, e := range a.events {
		switch e := e.(type) {
		case exchange.PeerJoined:
			if peers[e.Peer] != (state{}) {
				t.Errorf("PeerJoined of a peer that is %+v", peers[e.Peer])
			}
			peers[e.Peer] = state{joined: true}
		case exchange.PeerLeft:
			if peers[e.Peer] != (state{joined: true}) {
				t.Errorf("PeerLeft of a peer that is %+v", peers[e.Peer])
			}
			peers[e.Peer] = state{joined: true, left: true}
		}
	}
	left := 0
	for _, s := range peers {
		if s.left {
			left++
		}
	}
	if len(peers) != 3 || left != 3 {
		t.Errorf("%d peers joined and %d left, want 3 and 3", len(peers), left)
	}
}

// Strangers cannot push the events of peers out of the queue of a slow callback.
func TestEventFlood(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		hold := make(chan struct{})
		v := w.node(func(c *exchange.Config) {
			next := c.OnEvent
			c.OnEvent = func(e exchange.Event) {
				<-hold
				next(e)
			}
		})
		probe := func() {
			c, err := v.door.Dial(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write([]byte("GET /")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			c.Close()
		}
		probe() // the callback waits
		w.node().connect(v)
		for range 1100 {
			probe()
		}
		close(hold)
		synctest.Wait()
		v.mu.Lock()
		defer v.mu.Unlock()
		joined := 0
		for _, e := range v.events {
			if _, ok := e.(exchange.PeerJoined); ok {
				joined++
			}
		}
		if joined != 1 {
			t.Errorf("PeerJoined came %d times among %d events, want once", joined, len(v.events))
		}
		if n := len(v.events); n > 1025 {
			t.Errorf("%d events were kept, want 1,024 and the one under way", n)
		}
	})
}

// PeersChanged is about peers, not about streams.
func TestPeersChanged(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		fired := func(ch <-chan struct{}) bool {
			synctest.Wait()
			select {
			case <-ch:
				return true
			default:
				return false
			}
		}
		changed := b.PeersChanged()
		x, y := b.connect(a)
		if !fired(changed) {
			t.Error("not closed though a peer joined")
		}
		changed = b.PeersChanged()
		x.Close()
		y.Close()
		if fired(changed) {
			t.Error("closed though only a stream was")
		}
		x.Peer().Close()
		if !fired(changed) {
			t.Error("not closed though a peer left")
		}
	})
}
