package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
)

func TestConnectTwice(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect(a)
		_, err := b.Connect(context.Background(), b.dial(a))
		if who := new(exchange.ConnectedError); !errors.Is(err, exchange.ErrConnected) || !errors.As(err, &who) || who.Peer != a.ID() {
			t.Errorf("connecting again: %v, want ErrConnected that names the peer", err)
		}
		if _, err := a.Connect(context.Background(), a.dial(b)); !errors.Is(err, exchange.ErrConnected) {
			t.Errorf("connecting back: %v, want ErrConnected", err)
		}
		exchangeBytes(t, x, y)
	})
}

// Two nodes dial each other at the same moment, with every offset between
// them: one session stays, the same at both ends, and it works.
func TestSimultaneousConnect(t *testing.T) {
	for offset := -60; offset <= 60; offset += 5 {
		t.Run(fmt.Sprint(offset, "ms"), func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.node(), w.node()
				dial := func(from, to *node, after time.Duration) error {
					near, far := memnet.PipeConfig{Delay: 20 * time.Millisecond}.Pipe()
					go func() {
						if c, err := to.Accept(context.Background(), far); err == nil {
							to.Deliver(c)
						}
					}()
					time.Sleep(after)
					c, err := from.Connect(context.Background(), near)
					if err == nil {
						from.Deliver(c)
					}
					return err
				}
				var errs [2]error
				var wg sync.WaitGroup
				wg.Go(func() { errs[0] = dial(a, b, time.Duration(max(offset, 0))*time.Millisecond) })
				wg.Go(func() { errs[1] = dial(b, a, time.Duration(max(-offset, 0))*time.Millisecond) })
				wg.Wait()
				synctest.Wait()
				for _, err := range errs {
					if err != nil && !errors.Is(err, exchange.ErrConnected) {
						t.Errorf("Connect: %v", err)
					}
				}
				if errs[0] != nil && errs[1] != nil {
					t.Fatalf("both failed: %v, %v", errs[0], errs[1])
				}
				pa, pb := a.Peer(b.ID()), b.Peer(a.ID())
				if pa == nil || pb == nil {
					t.Fatal("no session stayed")
				}
				if pa.Incoming() == pb.Incoming() {
					t.Error("the two ends kept different sessions")
				}
				// The data stream of the session that stayed works.
				ca, cb := lastConn(a), lastConn(b)
				exchangeBytes(t, ca, cb)
			})
		})
	}
}

// lastConn returns the newest data stream that waits at a node.
func lastConn(n *node) *exchange.Conn {
	for {
		c := n.accept()
		if c.Peer().Err() == nil {
			return c
		}
	}
}

// A peer that comes back by the same identity replaces its old session, which
// may not have noticed its end.
func TestReturningPeer(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node()
		key := newKey(t)
		b := w.node(withKey(key))
		socket := b.dial(a)
		if _, err := b.Connect(context.Background(), socket); err != nil {
			t.Fatal(err)
		}
		old := a.accept()
		socket.Freeze() // b's machine loses its power
		again := w.node(withKey(key))
		x, y := again.connect(a)
		exchangeBytes(t, x, y)
		e := waitEvent(a, "superseded", func(e exchange.PeerLeft) bool { return e.Peer == old.Peer() })
		if e.Err == nil || a.NumPeers() != 1 {
			t.Errorf("old session left with %v, %d peers", e.Err, a.NumPeers())
		}
	})
}

// A better path takes the place of a worse one, at both ends.
func TestBetterPath(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.node(), w.node(), w.node()
		b.connect(a)
		c.connect(a)
		met, err := c.GetNewPeer(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b.accept()
		x, y := c.connect(b)
		exchangeBytes(t, x, y)
		for _, n := range []*node{b, c} {
			waitEvent(n, "left", func(e exchange.PeerLeft) bool { return e.Peer.Path().Carrier == exchange.CarrierWebRTC })
			if n.NumPeers() != 2 {
				t.Errorf("%d peers, want 2", n.NumPeers())
			}
		}
		if _, err := met.Write([]byte("x")); err == nil {
			t.Error("the superseded session still takes data")
		}
	})
}

func TestPeersLimit(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{Peers: 4}))
		a.Maintain(2) // keeps one place for peers that a finds
		for range 3 {
			w.node().connect(a)
		}
		late := w.node()
		_, err := late.Connect(context.Background(), late.dial(a))
		var remote *exchange.RemoteError
		if !errors.As(err, &remote) || remote.Code != pxp.CodeLimit || !errors.Is(err, exchange.ErrRefused) {
			t.Errorf("a fourth incoming peer where three may: %v", err)
		}
		out := w.node()
		if _, err := a.Connect(context.Background(), a.dial(out)); err != nil {
			t.Errorf("outgoing, for which a place is kept: %v", err)
		}
		var limit *exchange.LimitError
		if _, err := a.Connect(context.Background(), a.dial(late)); !errors.As(err, &limit) || limit.Limit != "Peers" {
			t.Errorf("a fifth peer where four may be: %v", err)
		}
	})
}

func TestUnauthenticatedLimits(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{Unauthenticated: 12}))
		var silent []*memnet.Conn
		dial := func(from string) *memnet.Conn {
			c, err := a.door.DialFrom(context.Background(), from)
			if err != nil {
				t.Fatal(err)
			}
			silent = append(silent, c)
			synctest.Wait()
			return c
		}
		turnedAway := func(c *memnet.Conn) bool {
			c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := c.Read(make([]byte, 1))
			return !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err)
		}
		for i := range 8 {
			if turnedAway(dial(fmt.Sprintf("192.0.2.1:%d", 1000+i))) {
				t.Fatalf("connection %d of one address was turned away", i+1)
			}
		}
		if !turnedAway(dial("192.0.2.1:2000")) {
			t.Error("the ninth connection from one address was let in")
		}
		if turnedAway(dial("[2001:db8::1]:1")) || turnedAway(dial("[2001:db8::2]:1")) {
			t.Error("another address was turned away")
		}
		if turnedAway(dial("192.0.2.7:1")) || turnedAway(dial("192.0.2.7:2")) || turnedAway(silent[0]) {
			t.Error("twelve are not let in")
		}
		if turnedAway(dial("192.0.2.8:1")) {
			t.Error("the thirteenth in all was turned away, where one address has eight")
		}
		if !turnedAway(silent[0]) || turnedAway(silent[1]) {
			t.Error("not the oldest of those eight made room")
		}
		for i := range 8 {
			dial(fmt.Sprintf("[2001:db8:0:%x::1]:1", i+16))
		}
		if !turnedAway(dial("192.0.2.9:1")) {
			t.Error("one more was let in, where each address has one")
		}
		if n := a.Stats().TurnedAway; n < 2 {
			t.Errorf("TurnedAway is %d", n)
		}
		time.Sleep(11 * time.Second) // the silent ones time out and make room
		b := w.node()
		b.connect(a)
		for _, c := range silent {
			c.Close()
		}
	})
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func TestConnectToPinned(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		if _, err := b.ConnectWith(context.Background(), b.dial(a), &exchange.ConnectConfig{Peer: identity.ID{1}}); err == nil {
			t.Error("a peer with another identity than the one asked for was accepted")
		}
		if a.NumPeers() != 0 || b.NumPeers() != 0 {
			t.Error("a peer was admitted")
		}
		conn, err := b.ConnectWith(context.Background(), b.dial(a), &exchange.ConnectConfig{Peer: a.ID()})
		if err != nil {
			t.Fatal(err)
		}
		exchangeBytes(t, conn, a.accept())
	})
}

func TestMaintain(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		hub := w.node()
		var nodes []*node
		for range 6 {
			n := w.node()
			n.connect(hub)
			nodes = append(nodes, n)
		}
		for _, n := range nodes {
			n.Maintain(4)
		}
		enough := func() bool {
			for _, n := range nodes {
				if n.NumPeers() < 4 {
					return false
				}
			}
			return true
		}
		for began := time.Now(); !enough(); time.Sleep(time.Second) {
			if time.Since(began) > 5*time.Minute {
				for _, n := range nodes {
					t.Errorf("%v has %d peers, want 4", n.ID().Short(), n.NumPeers())
				}
				return
			}
		}
		// Peers that leave are replaced.
		hub.Close()
		for began := time.Now(); !enough(); time.Sleep(time.Second) {
			if time.Since(began) > 10*time.Minute {
				t.Fatal("lost peers were not replaced")
			}
		}
	})
}
