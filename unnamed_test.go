package exchange_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// Peer IDs of zeros stand for nodes of version 2 that a relay knows by version 1
// (PXP §16.12).

// rawMember makes a hand-played peer of n, of any secret and features.
func rawMember(t *testing.T, n *node, secret string, features ...string) *raw {
	t.Helper()
	r := rawDoor(t, n)
	h := r.helloMessage(secure.Dialer, "test", secret)
	h.Features = append(h.Features, features...)
	r.joinAs(h)
	n.accept()
	return r
}

// introduce tells a node, as its relay, that somebody without a name wants to
// meet it.
func (r *raw) introduce(token pxp.Token) pxp.Code {
	r.t.Helper()
	r.send(pxp.Incoming{ID: r.id(), Token: token})
	return expect[pxp.Res](r).Code
}

// A relay offers those of whom it knows no identity only to those who said that
// they meet peers of version 1, and tells candidates by it in which version they
// are met.
func TestUnnamedByRelay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		b.connect1(a)
		strict, both := rawMember(t, a, ""), rawMember(t, a, "", "v1")
		if got := strict.query(); len(got) != 1 || got[0].Peer != both.key.ID() {
			t.Errorf("who did not say v1 is offered %+v", got)
		}
		unnamed := 0
		for _, c := range both.query() {
			if identity.ID(c.Peer).IsZero() {
				unnamed++
			} else if c.Peer != strict.key.ID() || c.Protocol != 0 {
				t.Errorf("offered %+v", c)
			}
		}
		if unnamed != 1 {
			t.Errorf("%d candidates without a name, want the one that came by version 1", unnamed)
		}
	})
	for _, tt := range []struct {
		policy exchange.V1Policy
		zeros  bool
	}{{exchange.V1Accept, true}, {exchange.V1Only, false}} {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			a, asker := w.node(), w.node(withV1(tt.policy))
			asker.connect1(a)
			r := rawMember(t, a, "", "v1")
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = asker.GetNewPeer(context.Background()) // refused
			}()
			in := expect[pxp.Incoming](r)
			r.send(pxp.Res{ID: in.ID, Code: pxp.CodeRefused})
			<-done
			if identity.ID(in.From).IsZero() != tt.zeros {
				t.Errorf("introduced as %v, want zeros: %v", identity.ID(in.From), tt.zeros)
			}
		})
	}
}

// Who refuses version 1 takes nobody without a name.
func TestUnnamedRefused(t *testing.T) {
	for _, secret := range []string{"", "s"} {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			victim := w.node(withV1(exchange.V1Refuse))
			if secret != "" {
				victim = w.node(withSecret(secret))
			}
			r := rawMember(t, victim, secret)
			if code := r.introduce(pxp.Token{1}); code != pxp.CodeRefused {
				t.Errorf("incoming from nobody: %v, want refused", code)
			}
			go r.offer(identity.ID{}, identity.ID{})
			if _, err := victim.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
				t.Errorf("GetNewPeer: %v, want ErrNoCandidates", err)
			}
		})
	}
}

// Nobody, in version 1, is nobody.
func TestUnnamedVersion1Candidate(t *testing.T) {
	unharmed(t, func(t *testing.T, _ *world, victim *node) {
		r := rawJoin(t, victim)
		go func() {
			ask := expect[pxp.GetPeers](r)
			r.send(pxp.Res{ID: ask.ID, Candidates: []pxp.Candidate{{Token: pxp.Token{1}, Protocol: 1}}})
		}()
		if _, err := victim.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("GetNewPeer: %v, want ErrNoCandidates", err)
		}
	})
}

// A relay that names nobody brings nobody whom we would not have by another way:
// the asker ends in a named error, and nobody is admitted.
func TestUnnamedHostileCandidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(r, other *raw, circuit mux.Stream)
		want error
	}{
		{"speaks version 1", func(_, _ *raw, circuit mux.Stream) {
			_, _ = io.WriteString(circuit, pxp.Magic1)
		}, exchange.ErrVersion1},
		{"is of another network", func(r, _ *raw, circuit mux.Stream) {
			inner := rawAccept(r.t, circuit, newKey(r.t))
			expect[pxp.Hello](inner)
			inner.send(inner.helloMessage(secure.Acceptor, "elsewhere", ""))
		}, exchange.ErrWrongNetwork},
		{"is whom we have", func(r, other *raw, circuit mux.Stream) {
			inner := rawAccept(r.t, circuit, other.key)
			if bye := expect[pxp.Bye](inner); bye.Code != pxp.CodeDuplicate {
				r.t.Errorf("bye %v, want duplicate", bye.Code)
			}
		}, exchange.ErrConnected},
		{"is ourselves", func(r, _ *raw, circuit mux.Stream) {
			if code := r.introduce(pxp.Token{9}); code != pxp.CodeOK {
				r.t.Errorf("incoming: %v", code)
			}
			back := r.acceptStream(pxp.RelayStream(pxp.Token{9}))
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = io.Copy(back, circuit); _ = back.CloseWrite() })
			_, _ = io.Copy(circuit, back)
			_ = circuit.Close()
			wg.Wait()
		}, exchange.ErrSelf},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, _ *world, victim *node) {
				r, other := rawMember(t, victim, "", "v1"), rawJoin(t, victim)
				go func() { // has nobody to offer
					if ask, err := other.receive(); err == nil {
						other.send(pxp.Res{ID: ask.(pxp.GetPeers).ID})
					}
				}()
				played := make(chan struct{})
				go func() {
					defer close(played)
					r.offer(identity.ID{})
					relay := expect[pxp.Relay](r)
					stream := r.acceptCircuit(relay)
					r.send(pxp.Res{ID: relay.ID})
					tt.play(r, other, stream)
				}()
				conn, err := victim.GetNewPeer(context.Background())
				if !matches(err, tt.want) || conn != nil {
					t.Errorf("GetNewPeer: %v, want %v", err, tt.want)
				}
				<-played
				if n := victim.NumPeers(); n != 3 || victim.Stats().Joined != 3 {
					t.Errorf("%d peers, want 3 as before", n)
				}
			})
		})
	}
}

// The same from the other side: nobody wants to meet us.
func TestUnnamedHostileAsker(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(r, other *raw, circuit mux.Stream)
	}{
		{"speaks version 1", func(r, _ *raw, circuit mux.Stream) {
			_, _ = io.WriteString(circuit, pxp.Magic1+"\x00\x03pxp")
			if n, err := circuit.Read(make([]byte, 1)); err == nil {
				r.t.Errorf("read %d bytes: a session of version 1 began", n)
			}
		}},
		{"is whom we have", func(r, other *raw, circuit mux.Stream) {
			inner := rawDial(r.t, circuit, other.key)
			_, _ = inner.control.Write(nil) // sends the stream's name
			// The end of the circuit can overtake the bye.
			if bye := inner.expectEnd(); bye.Code != pxp.CodeOK && bye.Code != pxp.CodeDuplicate {
				r.t.Errorf("bye %v, want duplicate", bye.Code)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, _ *world, victim *node) {
				r, other := rawMember(t, victim, "", "v1"), rawJoin(t, victim)
				if code := r.introduce(pxp.Token{1}); code != pxp.CodeOK {
					t.Fatalf("incoming: %v", code)
				}
				tt.play(r, other, r.acceptStream(pxp.RelayStream(pxp.Token{1})))
				if n := victim.NumPeers(); n != 3 || victim.Stats().Joined != 3 {
					t.Errorf("%d peers, want 3 as before", n)
				}
			})
		})
	}
}

// Who has no name is not met again and again: not through the relay through which
// it was met, and not more than once through another.
func TestUnnamedOnce(t *testing.T) {
	for _, byVersion1 := range []string{"asker", "candidate"} {
		t.Run(byVersion1, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				silent := func(c *exchange.Config) { c.RefuseRelaying = true }
				a, asker, candidate := w.node(), w.node(silent), w.node(silent)
				if byVersion1 == "asker" {
					asker.connect1(a)
					candidate.connect(a)
				} else {
					candidate.connect1(a)
					asker.connect(a)
				}
				if _, err := asker.GetNewPeer(context.Background()); err != nil {
					t.Fatal(err)
				}
				candidate.accept()
				for _, n := range []*node{asker, candidate} {
					if _, err := n.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
						t.Errorf("looking for another peer: %v, want ErrNoCandidates", err)
					}
				}
				if n := a.Stats().Circuits; n > 1 {
					t.Errorf("%d circuits, want one", n)
				}
			})
		})
	}
	t.Run("had by another way", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			a, b, c := w.node(), w.node(), w.node()
			b.connect1(a)
			c.connect(a)
			c.connect(b) // which knows no name of a
			_, err := c.GetNewPeer(context.Background())
			if !errors.Is(err, exchange.ErrConnected) {
				t.Errorf("meeting who is there already: %v, want ErrConnected", err)
			}
			if _, err := c.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
				t.Errorf("again: %v, want ErrNoCandidates", err)
			}
			if c.web.opened.Load() != 0 {
				t.Error("a direct connection was opened for nothing")
			}
		})
	})
}
