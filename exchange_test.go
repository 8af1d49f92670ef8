package exchange_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
)

func TestConnect(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		atB, atA := b.connect(a)
		exchangeBytes(t, atB, atA)
		if got := atB.Peer().ID(); got != a.ID() {
			t.Errorf("b's peer is %v, want a", got)
		}
		if got := atA.Peer().ID(); got != b.ID() {
			t.Errorf("a's peer is %v, want b", got)
		}
		if atB.Peer().Incoming() || !atA.Peer().Incoming() {
			t.Error("who dialed is told wrong")
		}
		if p := atB.Peer().Path(); p.Carrier != "mem" || !p.Via.IsZero() {
			t.Errorf("path is %v", p)
		}
		waitEvent(a, "joined", func(e exchange.PeerJoined) bool { return e.Peer == atA.Peer() })
		waitEvent(b, "handshake", func(e exchange.StepDone) bool {
			return e.Step == exchange.StepHandshake && e.Peer == a.ID() && e.Err == nil
		})
	})
}

func TestMeetThroughThird(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.node(), w.node(), w.node()
		b.connect(a)
		c.connect(a)
		atC, err := c.GetNewPeer(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		atB := b.accept()
		exchangeBytes(t, atC, atB)
		want := exchange.Path{Carrier: exchange.CarrierWebRTC, Via: a.ID()}
		if atC.Peer().ID() != b.ID() || atC.Peer().Path() != want || atB.Peer().Path() != want {
			t.Errorf("c met %v by %v, want %v by %v", atC.Peer().ID(), atC.Peer().Path(), b.ID(), want)
		}
		for _, n := range []*node{a, b, c} {
			if n.NumPeers() != 2 {
				t.Errorf("%v has %d peers, want 2", n.ID().Short(), n.NumPeers())
			}
		}
		if _, err := c.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("with everybody met: %v, want ErrNoCandidates", err)
		}
	})
}

func TestNamedStreams(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		atB, _ := b.connect(a)
		l, err := a.Listen("echo/1")
		if err != nil {
			t.Fatal(err)
		}
		s, err := atB.Peer().OpenStream(context.Background(), "echo/1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if name := in.(*exchange.Conn).Name(); name != "echo/1" {
			t.Errorf("name is %q", name)
		}
		exchangeBytesAfter(t, in, "hello")
		// Nobody listens: the opener learns it.
		s, err = atB.Peer().OpenStream(context.Background(), "nobody")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("read from a stream nobody listens to: %d, %v; want a reset", n, err)
		}
		for _, name := range []string{"pxp", "data", "data:test", "relay:0"} {
			if _, err := a.Listen(name); err == nil {
				t.Errorf("Listen(%q) succeeded: the name is reserved", name)
			}
			if _, err := atB.Peer().OpenStream(context.Background(), name); err == nil {
				t.Errorf("OpenStream(%q) succeeded: the name is reserved", name)
			}
		}
	})
}

func exchangeBytesAfter(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func TestRefusals(t *testing.T) {
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		a, b   func(*exchange.Config)
		want   error
		wantAt error // at the accepting side, seen in its event
	}{
		{"another network", func(*exchange.Config) {}, inOtherNetwork, exchange.ErrWrongNetwork, exchange.ErrWrongNetwork},
		{"another secret", withSecret("one"), withSecret("two"), exchange.ErrWrongNetwork, exchange.ErrWrongNetwork},
		{"a secret and none", withSecret("one"), withSecret(""), exchange.ErrWrongNetwork, exchange.ErrWrongNetwork},
		{"itself", withKey(key), withKey(key), exchange.ErrSelf, exchange.ErrSelf},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.node(tt.a), w.node(tt.b)
				conn, err := b.Connect(context.Background(), b.dial(a))
				if !errors.Is(err, tt.want) || conn != nil {
					t.Errorf("dialer got %v, want %v", err, tt.want)
				}
				e := waitEvent(a, "handshake", func(e exchange.StepDone) bool { return e.Step == exchange.StepHandshake })
				if !errors.Is(e.Err, tt.wantAt) {
					t.Errorf("acceptor got %v, want %v", e.Err, tt.wantAt)
				}
				if a.NumPeers() != 0 || b.NumPeers() != 0 {
					t.Error("a peer was admitted")
				}
			})
		})
	}
}

func TestSecretShared(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(withSecret("s")), w.node(withSecret("s"))
		exchangeBytes2(t, a, b)
	})
}

func exchangeBytes2(t *testing.T, a, b *node) {
	t.Helper()
	x, y := b.connect(a)
	exchangeBytes(t, x, y)
}
