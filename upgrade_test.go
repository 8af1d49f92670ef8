package exchange_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// channelLabel is what PXP §9 binds the session over a WebRTC channel with.
const channelLabel = "PXP2 webrtc"

func boundHello(role secure.Role, binding [32]byte) pxp.Hello {
	return pxp.Hello{
		Version: pxp.Version, Agent: "raw", Accepts: true, Features: []string{"relay", "webrtc"},
		Proof: secure.Prove(secure.NetworkKey("test", nil), role, binding),
	}
}

// beAsker plays the relay and an asker behind it, as far as the inner hellos. It
// returns the asker.
func (r *raw) beAsker(key *identity.Key) *raw {
	r.t.Helper()
	token := pxp.Token{'a', 's', 'k', byte(r.lastID)}
	r.send(pxp.Incoming{ID: r.id(), Token: token, From: key.ID()})
	if res := expect[pxp.Res](r); res.Code != pxp.CodeOK {
		r.t.Fatalf("incoming: %v %q", res.Code, res.Reason)
	}
	inner := rawDial(r.t, r.acceptStream(pxp.RelayStream(token)), key)
	inner.send(inner.helloMessage(secure.Dialer, "test", ""))
	expect[pxp.Hello](inner)
	return inner
}

// The session over a channel must be bound to the circuit session that
// negotiated it: no other proof of membership will do, at either end.
func TestChannelBinding(t *testing.T) {
	for _, tt := range []struct {
		name    string
		binding func(inner *raw) [32]byte
		want    error
	}{
		{"of the channel", func(inner *raw) [32]byte { return inner.conn.Export(channelLabel) }, nil},
		{"zero", func(*raw) [32]byte { return [32]byte{} }, exchange.ErrWrongNetwork},
		{"of the circuit session", func(inner *raw) [32]byte { return inner.conn.Binding() }, exchange.ErrWrongNetwork},
		{"of another transport", func(inner *raw) [32]byte { return inner.conn.Export("PXP2 pigeon") }, exchange.ErrWrongNetwork},
	} {
		t.Run("candidate/"+tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, w *world, victim *node) {
				r := rawJoin(t, victim)
				done := make(chan error, 1)
				go func() {
					_, err := victim.GetNewPeer(context.Background())
					done <- err
				}()
				inner := r.beCandidate(newKey(t), "test")
				up := expect[pxp.Upgrade](inner)
				end := w.web.forget(up.Text)
				inner.send(pxp.Upgrade{ID: up.ID, Transport: "webrtc", Kind: pxp.UpgradeAnswer, Text: up.Text})
				m, err := mux.Server(end, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				channel := &raw{t: t, mux: m}
				if channel.control, err = m.Accept(context.Background()); err != nil {
					t.Fatal(err)
				}
				want := boundHello(secure.Dialer, inner.conn.Export(channelLabel)).Proof
				if got := expect[pxp.Hello](channel); got.Proof != want {
					t.Error("the asker's proof is not bound to the circuit session")
				}
				channel.send(boundHello(secure.Acceptor, tt.binding(inner)))
				if tt.want == nil {
					channel.send(pxp.Res{ID: expect[pxp.Connect](channel).ID})
				}
				if err := <-done; !errors.Is(err, tt.want) {
					t.Errorf("GetNewPeer: %v, want %v", err, tt.want)
				}
			})
		})
		t.Run("asker/"+tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, w *world, victim *node) {
				r := rawJoin(t, victim)
				inner := r.beAsker(newKey(t))
				name, end := w.web.pipe()
				inner.send(pxp.Upgrade{ID: 1, Transport: "webrtc", Kind: pxp.UpgradeOffer, Text: name})
				expect[pxp.Upgrade](inner)
				m, err := mux.Client(end, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				channel := &raw{t: t, mux: m}
				if channel.control, err = m.Open(context.Background(), pxp.ControlStream); err != nil {
					t.Fatal(err)
				}
				hello := boundHello(secure.Dialer, tt.binding(inner))
				if tt.want == nil {
					channel.joinAs(hello)
					if conn := victim.accept(); conn.Peer().ID() != inner.key.ID() {
						t.Errorf("met %v, want the asker", conn.Peer().ID())
					}
					return
				}
				channel.send(hello)
				if bye := channel.expectEnd(); bye.Code != pxp.CodeWrongNetwork {
					t.Errorf("bye %v %q, want wrong network", bye.Code, bye.Reason)
				}
			})
		})
	}
}

// A session through a circuit carries signaling: it never becomes a peer, and
// its streams take nothing from the budget of peers.
func TestCircuitSession(t *testing.T) {
	unharmed(t, func(t *testing.T, _ *world, victim *node) {
		r := rawJoin(t, victim)
		inner := r.beAsker(newKey(t))
		before := victim.Stats()
		for range 60 {
			s, err := inner.mux.Open(context.Background(), "x")
			if err != nil {
				break
			}
			if _, err := s.Write([]byte("x")); err != nil {
				break
			}
		}
		synctest.Wait()
		if after := victim.Stats(); after.PromisedBytes != before.PromisedBytes {
			t.Errorf("a circuit session made of stats %+v these: %+v", before, after)
		}
		inner.send(pxp.Connect{ID: inner.id()})
		if bye := inner.expectEnd(); bye.Code != pxp.CodeProtocol {
			t.Errorf("connect on a circuit session: bye %v %q, want protocol", bye.Code, bye.Reason)
		}
		if victim.Stats().Joined != before.Joined {
			t.Error("a circuit session became a peer")
		}
	})
}

// When the upgrade is done the asker ends the circuit, not the time limit.
func TestUpgradeEndsCircuit(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.node(), w.node(), w.node()
		b.connect(a)
		c.connect(a)
		began := time.Now()
		if _, err := c.GetNewPeer(context.Background()); err != nil {
			t.Fatal(err)
		}
		for a.Stats().Circuits != 0 {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("the circuit ended after %v; a candidate waits a second for the asker to do it", took)
		}
	})
}

// A node that is full, or does not want to be met, says so before a channel is
// negotiated.
func TestNoPlaceNoChannel(t *testing.T) {
	full := withLimits(exchange.Limits{Peers: 1})
	open := func(*exchange.Config) {}
	for _, tt := range []struct {
		name  string
		b, c  func(*exchange.Config)
		check func(err error) bool
	}{
		{"asker", open, full, func(err error) bool {
			var limit *exchange.LimitError
			return errors.As(err, &limit) && limit.Limit == "Peers"
		}},
		{"candidate", full, open, func(err error) bool { return errors.Is(err, exchange.ErrAllFailed) && matches(err, errRemote) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a, b, c := w.node(), w.node(tt.b), w.node(tt.c)
				b.connect(a)
				c.connect(a)
				if _, err := c.GetNewPeer(context.Background()); !tt.check(err) {
					t.Errorf("GetNewPeer with a full %s: %v", tt.name, err)
				}
				if n := b.web.opened.Load() + c.web.opened.Load(); n > 0 {
					t.Errorf("%d ends of channels were opened for nothing", n)
				}
			})
		})
	}
}

// Whatever a relay says, these introductions are declined.
func TestIncomingDeclined(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config func(*exchange.Config)
		want   pxp.Code
	}{
		{"by a node that refuses incoming", func(c *exchange.Config) { c.RefuseIncoming = true }, pxp.CodeRefused},
		{"by a full node", withLimits(exchange.Limits{Peers: 1}), pxp.CodeLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				r := rawJoin(t, newWorld(t).node(tt.config))
				r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{1}, From: identity.ID{1}})
				if res := expect[pxp.Res](r); res.Code != tt.want {
					t.Errorf("answered %v, want %v", res.Code, tt.want)
				}
			})
		})
	}
}
