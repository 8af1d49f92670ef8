package exchange_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
)

// connect1 makes the two nodes peers in version 1.
func (n *node) connect1(to *node) (ours, theirs *exchange.Conn) {
	n.t.Helper()
	ours, err := n.ConnectWith(context.Background(), n.dial(to), by1)
	if err != nil {
		n.t.Fatal(err)
	}
	return ours, to.accept()
}

func withV1(p exchange.V1Policy) func(*exchange.Config) {
	return func(c *exchange.Config) { c.V1 = p }
}

func TestVersion1(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect1(a)
		exchangeBytes(t, x, y)
		for _, c := range []*exchange.Conn{x, y} {
			if c.Peer().Protocol() != 1 {
				t.Errorf("protocol %d", c.Peer().Protocol())
			}
			if id := c.Peer().ID(); id == a.ID() || id == b.ID() || id.IsZero() {
				t.Errorf("an anonymous peer has the ID %v", id)
			}
			_, err := c.Peer().OpenStream(context.Background(), "x")
			if !errors.Is(err, exchange.ErrDataOnly) || !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("a named stream in version 1: %v, want ErrDataOnly", err)
			}
		}
		if _, err := x.Peer().Reopen(context.Background()); err == nil {
			t.Error("the data stream was opened again while it is open")
		}
	})
}

// Who can meet whom through a relay that speaks both versions, and in which.
func TestMeetAcrossVersions(t *testing.T) {
	only, both := withV1(exchange.V1Only), withV1(exchange.V1Accept)
	for _, tt := range []struct {
		name             string
		asker, candidate func(*exchange.Config)
		askerV, candV    int // of the session with the relay
		want             int // of the session between them; 0: none
	}{
		{"2 and 2", both, both, 2, 2, 2},
		{"2 by 1 and 2", both, both, 1, 2, 2}, // the relay knows one of them
		{"2 and 2 by 1", both, both, 2, 1, 2},
		{"2 by 1 and 2 by 1", both, both, 1, 1, 2}, // they find out that they both speak 2
		{"1 and 1", only, only, 1, 1, 1},
		{"1 and 2", only, both, 1, 2, 1},
		{"2 and 1", both, only, 2, 1, 1},
		{"2 that refuses 1 and 1", withV1(exchange.V1Refuse), only, 2, 1, 0},
		{"1 and 2 that refuses 1", only, withV1(exchange.V1Refuse), 1, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a, b, c := w.node(), w.node(tt.candidate), w.node(tt.asker)
				for n, version := range map[*node]int{b: tt.candV, c: tt.askerV} {
					if version == 1 {
						n.connect1(a)
					} else {
						n.connect(a)
					}
				}
				atC, err := c.GetNewPeer(context.Background())
				if tt.want == 0 {
					if !errors.Is(err, exchange.ErrNoCandidates) {
						t.Errorf("GetNewPeer: %v, want ErrNoCandidates", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				atB := b.accept()
				exchangeBytes(t, atC, atB)
				if v := atC.Peer().Protocol(); v != tt.want {
					t.Errorf("met in version %d, want %d", v, tt.want)
				}
				if a.NumPeers() != 2 {
					t.Errorf("the relay has %d peers left, want both", a.NumPeers())
				}
				if v := atC.Peer().Protocol(); v == 2 && (atC.Peer().ID() != b.ID() || atB.Peer().ID() != c.ID()) {
					t.Error("met somebody else")
				}
			})
		})
	}
}

// A relay of version 1, as an original is: two that speak version 2 find out.
func TestMeetThroughVersion1(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.node(withV1(exchange.V1Only)), w.node(), w.node()
		b.connect1(a)
		c.connect1(a)
		atC, err := c.GetNewPeer(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		atB := b.accept()
		exchangeBytes(t, atC, atB)
		if atC.Peer().Protocol() != 2 || atC.Peer().ID() != b.ID() || atB.Peer().ID() != c.ID() {
			t.Errorf("met %v in version %d", atC.Peer().ID(), atC.Peer().Protocol())
		}
	})
}

// A relay of version 2 that names a real identity and brings somebody who speaks
// version 1 gets nobody the place of that identity.
func TestVersion1IsNobody(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, only := w.node(), w.node(withV1(exchange.V1Only))
		only.connect1(a)
		c := w.node()
		c.connect(a)
		conn, err := c.GetNewPeer(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for p := range a.Peers() {
			if p.ID() == conn.Peer().ID() {
				t.Error("the handle that the relay named became the peer's ID")
			}
		}
		if conn, err := c.GetNewPeer(context.Background()); err == nil {
			t.Errorf("%v was met again by another name", conn.Peer().ID())
		}
	})
}

func TestVersion1Refused(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		plain := w.node()
		for _, refuses := range []*node{w.node(withV1(exchange.V1Refuse)), w.node(withSecret("s"))} {
			if _, err := plain.ConnectWith(context.Background(), plain.dial(refuses), by1); err == nil {
				t.Error("a node that refuses version 1 took a peer of it")
			}
			if err := refuses.refused(); !errors.Is(err, exchange.ErrVersion1) {
				t.Errorf("refused with %v, want ErrVersion1", err)
			}
			if _, err := refuses.ConnectWith(context.Background(), refuses.dial(plain), by1); !errors.Is(err, exchange.ErrVersion1) {
				t.Errorf("dialed by version 1 from a node that refuses it: %v", err)
			}
		}
		only := w.node(withV1(exchange.V1Only))
		if _, err := plain.Connect(context.Background(), plain.dial(only)); err == nil {
			t.Error("a node of version 1 only took a peer of version 2")
		}
		if _, err := plain.ConnectWith(context.Background(), plain.dial(w.node(inOtherNetwork)), by1); !errors.Is(err, exchange.ErrWrongNetwork) && !errors.Is(err, exchange.ErrLost) {
			t.Errorf("another network: %v", err)
		}
	})
}

// Version 1 has no goodbye to wait for: closing takes no time, and loses nothing.
func TestVersion1Closes(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect1(a)
		if _, err := x.Write([]byte("last words")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		x.Peer().Close()
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("Close took %v", took)
		}
		if got, _ := io.ReadAll(y); string(got) != "last words" {
			t.Errorf("got %q", got)
		}
	})
}

// A node that dials itself by version 1, which has no identities, finds out at
// both ends.
func TestVersion1Self(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		if _, err := n.ConnectWith(context.Background(), n.dial(n), by1); !errors.Is(err, exchange.ErrSelf) {
			t.Errorf("dialing: %v, want ErrSelf", err)
		}
		if err := n.refused(); !errors.Is(err, exchange.ErrSelf) {
			t.Errorf("accepting: %v, want ErrSelf", err)
		}
		if n.NumPeers() != 0 {
			t.Error("it is its own peer")
		}
	})
}
