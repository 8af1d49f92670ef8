package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
)

// greedy are peers that hold all they may, for as long as they may.
var greedy = map[string]func(t *testing.T, n *node){
	// They open streams that the application does not come to accept.
	"version 2": func(t *testing.T, n *node) {
		key := newKey(t)
		name := key.ID().String()
		if _, err := n.Listen(name); err != nil {
			t.Fatal(err)
		}
		c, err := n.door.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r := rawDial(t, c, key)
		r.join()
		n.accept()
		for range 62 {
			s, err := r.mux.Open(context.Background(), name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Write([]byte("x")) // it may be refused
		}
	},
	// They open names that are never opened here, and send on them.
	"version 1": func(t *testing.T, n *node) {
		r := raw1Join(t, n)
		for k := range 62 {
			s, err := r.mux.Open(context.Background(), fmt.Sprintf("relay:%08x", k))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Write(make([]byte, 4<<10))
		}
	},
}

// However much all other peers hold, a peer has its data stream and can open
// some streams and move data on them: one that was here before, and one that
// comes last. Both versions; all limits are the defaults.
func TestBudgetForEverybody(t *testing.T) {
	const streams = 8
	for version, hold := range greedy {
		t.Run(version, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				n, early, late := w.node(), w.node(), w.node()
				x, _ := early.connect(n)
				for range exchange.DefaultLimits().Peers - 2 {
					hold(t, n)
				}
				synctest.Wait()
				stats := n.Stats()
				if stats.Peers != exchange.DefaultLimits().Peers-1 {
					t.Fatalf("%d peers", stats.Peers)
				}
				if max := int64(exchange.DefaultLimits().ExchangeBytes); stats.PromisedBytes > max {
					t.Errorf("%d bytes promised, limit is %d", stats.PromisedBytes, max)
				}
				if most := int64(3 * mux.Window * stats.Peers); version == "version 1" && stats.PromisedBytes > most {
					t.Errorf("%d bytes promised to peers with three streams and what is not expected, want %d", stats.PromisedBytes, most)
				}
				y, far := late.connect(n)
				exchangeBytes(t, y, far)
				l, err := n.Listen("s")
				if err != nil {
					t.Fatal(err)
				}
				for _, from := range []*exchange.Conn{x, y} {
					for range streams {
						a, err := from.Peer().OpenStream(context.Background(), "s")
						if err != nil {
							t.Fatal(err)
						}
						moves(t, a, l)
					}
				}
			})
		})
	}
}

// Likewise for a peer of version 1, which has a data stream only, and for
// streams that the node itself opens.
func TestBudgetForOurs(t *testing.T) {
	for version, hold := range greedy {
		t.Run(version, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				n, late, old := w.node(), w.node(), w.node()
				for range exchange.DefaultLimits().Peers - 2 {
					hold(t, n)
				}
				synctest.Wait()
				a, b := old.connect1(n)
				exchangeBytes(t, a, b)
				_, far := late.connect(n)
				l, err := late.Listen("s")
				if err != nil {
					t.Fatal(err)
				}
				for range 8 {
					s, err := far.Peer().OpenStream(context.Background(), "s")
					if err != nil {
						t.Fatal(err)
					}
					moves(t, s, l)
				}
				for k := range 100 { // what is beyond its share may be refused: it is said why
					_, err := far.Peer().OpenStream(context.Background(), "s")
					var limit *mux.LimitError
					if errors.As(err, &limit) && limit.Limit == mux.LimitBudgetBytes {
						break
					}
					if version == "version 1" && k == 50 {
						break // they hold so little that there is room
					}
					if err != nil || k == 99 {
						t.Fatalf("stream %d: %v", k, err)
					}
				}
			})
		})
	}
}

// moves sends more than a window over a stream that l accepts. It stays open.
func moves(t *testing.T, a net.Conn, l net.Listener) {
	t.Helper()
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	b := acceptSoon(t, l)
	go func() { _, _ = a.Write(make([]byte, 2*mux.Window)) }() // ends when b has read it
	if _, err := io.ReadFull(b, make([]byte, 1+2*mux.Window)); err != nil {
		t.Fatal(err)
	}
}
