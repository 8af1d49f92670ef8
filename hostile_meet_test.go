package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
)

// offer answers a query with these candidates.
func (r *raw) offer(peers ...identity.ID) {
	r.t.Helper()
	res := pxp.Res{ID: expect[pxp.GetPeers](r).ID}
	for i, p := range peers {
		res.Candidates = append(res.Candidates, pxp.Candidate{Peer: p, Token: pxp.Token{byte(i + 1)}})
	}
	r.send(res)
}

// beCandidate plays the relay and the candidate behind it, as far as the inner
// hellos. It returns the candidate.
func (r *raw) beCandidate(key *identity.Key, network string) *raw {
	r.t.Helper()
	r.offer(key.ID())
	relay := expect[pxp.Relay](r)
	stream := r.acceptCircuit(relay)
	r.send(pxp.Res{ID: relay.ID})
	inner := rawAccept(r.t, stream, key)
	expect[pxp.Hello](inner)
	inner.send(inner.helloMessage(secure.Acceptor, network, ""))
	return inner
}

// The relay, or the candidate behind it, is hostile: the asker ends in a named
// error, in time, and its other peers are unharmed.
func TestHostileRelay(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(r *raw, victim *node)
		want error
	}{
		{"never answers the query", func(r *raw, _ *node) { expect[pxp.GetPeers](r) }, exchange.ErrTimeout},
		{"leaves when asked", func(r *raw, _ *node) { expect[pxp.GetPeers](r); r.mux.Close() }, exchange.ErrLost},
		{"refuses the query", func(r *raw, _ *node) {
			r.send(pxp.Res{ID: expect[pxp.GetPeers](r).ID, Code: pxp.CodeLimit, Reason: "\x1b]0;no"})
		}, exchange.ErrRefused},
		{"names nobody", func(r *raw, _ *node) { r.offer() }, exchange.ErrNoCandidates},
		{"names us and itself", func(r *raw, v *node) { r.offer(v.ID(), r.key.ID()) }, exchange.ErrNoCandidates},
		{"never answers the relay request", func(r *raw, _ *node) { r.offer(identity.ID{1}); expect[pxp.Relay](r) }, exchange.ErrTimeout},
		{"refuses to relay", func(r *raw, _ *node) {
			r.offer(identity.ID{1})
			r.send(pxp.Res{ID: expect[pxp.Relay](r).ID, Code: pxp.CodeUnreachable, Reason: "gone"})
		}, errRemote},
		{"resets the circuit", func(r *raw, _ *node) {
			r.offer(identity.ID{1})
			relay := expect[pxp.Relay](r)
			r.acceptStream(pxp.RelayStream(relay.Token)).Reset()
		}, mux.ErrReset},
		{"puts itself in the candidate's place", func(r *raw, _ *node) {
			r.offer(identity.ID{1})
			relay := expect[pxp.Relay](r)
			stream := r.acceptCircuit(relay)
			var magic [5]byte
			stream.Read(magic[:])
			secure.Server(context.Background(), stream, &secure.Config{Key: r.key, Preamble: []byte(pxp.Magic2)})
		}, secure.ErrIdentity},
		{"candidate of another network", func(r *raw, _ *node) { r.beCandidate(newKey(r.t), "elsewhere") }, exchange.ErrWrongNetwork},
		{"candidate silent after hello", func(r *raw, _ *node) { r.beCandidate(newKey(r.t), "test") }, exchange.ErrTimeout},
		{"candidate declines", func(r *raw, _ *node) {
			inner := r.beCandidate(newKey(r.t), "test")
			expect[pxp.Upgrade](inner)
			inner.send(pxp.Bye{Code: pxp.CodeRefused})
		}, exchange.ErrRefused},
		{"candidate closes in the upgrade", func(r *raw, _ *node) {
			inner := r.beCandidate(newKey(r.t), "test")
			expect[pxp.Upgrade](inner)
			inner.mux.Close()
		}, exchange.ErrLost},
		{"answer without description", func(r *raw, _ *node) {
			inner := r.beCandidate(newKey(r.t), "test")
			up := expect[pxp.Upgrade](inner)
			inner.send(pxp.Upgrade{ID: up.ID, Transport: "webrtc", Kind: pxp.UpgradeEnd})
		}, errNoAnswer},
		{"answer for another attempt", func(r *raw, _ *node) {
			inner := r.beCandidate(newKey(r.t), "test")
			up := expect[pxp.Upgrade](inner)
			inner.send(pxp.Upgrade{ID: up.ID + 1, Transport: "webrtc", Kind: pxp.UpgradeAnswer, Text: up.Text})
		}, errProtocol},
		{"answer for another transport", func(r *raw, _ *node) {
			inner := r.beCandidate(newKey(r.t), "test")
			up := expect[pxp.Upgrade](inner)
			inner.send(pxp.Upgrade{ID: up.ID, Transport: "pigeon", Kind: pxp.UpgradeAnswer, Text: up.Text})
		}, errProtocol},
		{"channel that leads nowhere", func(r *raw, _ *node) {
			inner := r.beCandidate(newKey(r.t), "test")
			up := expect[pxp.Upgrade](inner)
			inner.send(pxp.Upgrade{ID: up.ID, Transport: "webrtc", Kind: pxp.UpgradeAnswer, Text: up.Text})
		}, exchange.ErrTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, _ *world, victim *node) {
				r := rawJoin(t, victim)
				played := make(chan struct{})
				go func() { defer close(played); tt.play(r, victim) }()
				began := time.Now()
				conn, err := victim.GetNewPeer(context.Background())
				if !matches(err, tt.want) || conn != nil {
					t.Errorf("GetNewPeer: %v, want %v", err, tt.want)
				}
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("took %v", took)
				}
				if victim.NumPeers() > 2 {
					t.Error("somebody was admitted")
				}
				<-played
			})
		})
	}
}

// More signals than an upgrade can need end the circuit session.
func TestSignalFlood(t *testing.T) {
	unharmed(t, func(t *testing.T, _ *world, victim *node) {
		r := rawJoin(t, victim)
		victim.web.fault.Store(fault(waitForEnd))
		done := make(chan error, 1)
		go func() {
			_, err := victim.GetNewPeer(context.Background())
			done <- err
		}()
		inner := r.beCandidate(newKey(t), "test")
		b, err := pxp.Append(nil, pxp.Upgrade{ID: 1, Transport: "webrtc", Kind: pxp.UpgradeCandidate, Text: "candidate:x"})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if _, err := inner.control.Write(b); err != nil {
				break
			}
		}
		// Who floods may lose the bye with what it had no time to send.
		if bye := inner.expectEnd(); bye != (pxp.Bye{}) && bye.Code != pxp.CodeLimit {
			t.Errorf("bye %v %q, want code limit", bye.Code, bye.Reason)
		}
		if err := <-done; !matches(err, errProtocol) {
			t.Errorf("GetNewPeer: %v", err)
		}
	})
}

// waitForEnd is a transport whose channel never opens.
func waitForEnd(ctx context.Context, _ wrtc.Role, _ wrtc.Signaler) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestChannelNeverOpens(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.node(), w.node(), w.node()
		x, y := b.connect(a)
		c.connect(a)
		b.web.fault.Store(fault(waitForEnd))
		began := time.Now()
		_, err := c.GetNewPeer(context.Background())
		if !errors.Is(err, exchange.ErrTimeout) || !errors.Is(err, exchange.ErrAllFailed) {
			t.Errorf("GetNewPeer: %v, want ErrAllFailed and ErrTimeout", err)
		}
		if took := time.Since(began); took < 15*time.Second || took > 20*time.Second {
			t.Errorf("gave up after %v, want 15 s", took)
		}
		exchangeBytes(t, x, y)
	})
}

// A dead candidate costs little: the next is tried before the first is given
// up, and a dead relay does not hold up a live one.
func TestAttemptsOverlap(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.node()
		r := rawJoin(t, c)
		go func() { // names the dead, if it is asked
			if ask, err := r.receive(); err == nil {
				res := pxp.Res{ID: ask.(pxp.GetPeers).ID}
				for i := range byte(3) {
					res.Candidates = append(res.Candidates, pxp.Candidate{Peer: identity.ID{i + 1}, Token: pxp.Token{i}})
				}
				r.send(res)
			}
		}()
		a, b := w.node(), w.node()
		b.connect(a)
		c.connect(a)
		began := time.Now()
		conn, err := c.GetNewPeer(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if conn.Peer().ID() != b.ID() {
			t.Errorf("met %v, want b", conn.Peer().ID())
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("took %v: attempts do not overlap", took)
		}
	})
}

func TestNoPeers(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		if _, err := w.node().GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoPeers) {
			t.Errorf("alone: %v, want ErrNoPeers", err)
		}
		a := w.node(func(c *exchange.Config) { c.RefuseRelaying = true })
		b, c := w.node(), w.node()
		b.connect(a)
		c.connect(a)
		if _, err := c.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoPeers) {
			t.Errorf("with a peer that does not relay: %v, want ErrNoPeers", err)
		}
	})
}

func TestRefuseIncoming(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, c := w.node(), w.node()
		shy := w.node(func(c *exchange.Config) { c.RefuseIncoming = true })
		shy.connect(a)
		c.connect(a)
		if _, err := c.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("GetNewPeer: %v: a peer that does not accept was offered", err)
		}
		// It may still ask itself.
		conn, err := shy.GetNewPeer(context.Background())
		if err != nil || conn.Peer().ID() != c.ID() {
			t.Errorf("the shy one asking: %v", err)
		}
	})
}

func TestCancelGetNewPeer(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.node(), w.node(), w.node()
		b.connect(a)
		c.connect(a)
		b.web.fault.Store(fault(waitForEnd))
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(3*time.Second, func() { cancel(cause) })
		began := time.Now()
		if _, err := c.GetNewPeer(ctx); !errors.Is(err, cause) {
			t.Errorf("GetNewPeer: %v, want the cause of its context", err)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("took %v after a cancel at 3 s", took)
		}
		time.Sleep(time.Second)
		if n := a.Stats().Circuits; n != 0 {
			t.Errorf("%d circuits are left at the relay", n)
		}
	})
}
