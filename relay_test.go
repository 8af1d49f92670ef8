package exchange_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// query asks for candidates by hand.
func (r *raw) query() []pxp.Candidate {
	r.t.Helper()
	r.send(pxp.GetPeers{ID: r.id(), Max: 8})
	res := expect[pxp.Res](r)
	if res.Code != pxp.CodeOK {
		r.t.Fatalf("getpeers: %v %q", res.Code, res.Reason)
	}
	return res.Candidates
}

// relay asks for a circuit by hand and returns the answer's code.
func (r *raw) relay(token pxp.Token) pxp.Code {
	r.t.Helper()
	r.send(pxp.Relay{ID: r.id(), Token: token})
	return expect[pxp.Res](r).Code
}

// openRelay opens a circuit's stream. That it is refused may be heard before its
// name is written: the next read says so.
func (r *raw) openRelay(token pxp.Token) mux.Stream {
	r.t.Helper()
	s, err := r.mux.Open(context.Background(), pxp.RelayStream(token))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := s.Write(nil); err != nil && !errors.Is(err, mux.ErrReset) {
		r.t.Fatal(err)
	}
	return s
}

// willing answers what a relay asks of a candidate, and opens its end.
func (r *raw) willing() mux.Stream {
	r.t.Helper()
	in := expect[pxp.Incoming](r)
	r.send(pxp.Res{ID: in.ID})
	return r.openRelay(in.Token)
}

func wantReset(t *testing.T, s mux.Stream, what string) {
	t.Helper()
	if n, err := s.Read(make([]byte, 1)); !errors.Is(err, mux.ErrReset) {
		t.Errorf("%s: read %d, %v; want a reset", what, n, err)
	}
}

func TestTokens(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node()
		r, other, target := rawJoin(t, a), rawJoin(t, a), rawJoin(t, a)
		go target.willing()
		cands := r.query()
		if len(cands) != 2 {
			t.Fatalf("%d candidates, want 2", len(cands))
		}
		token := cands[0].Token
		if cands[0].Peer != target.key.ID() {
			token = cands[1].Token
		}
		if code := r.relay(pxp.Token{1, 2, 3}); code != pxp.CodeUnknownToken {
			t.Errorf("a guessed token: %v", code)
		}
		if code := other.relay(token); code != pxp.CodeUnknownToken {
			t.Errorf("another's token: %v", code)
		}
		wantReset(t, other.openRelay(token), "another's token opened as a stream")
		wantReset(t, r.openRelay(pxp.Token{9}), "a guessed token opened as a stream")
		r.openRelay(token)
		began := time.Now()
		wantReset(t, r.openRelay(token), "a second stream for one token, not used yet")
		if code := r.relay(token); code != pxp.CodeOK {
			t.Errorf("a good token: %v", code)
		}
		if code := r.relay(token); code != pxp.CodeUnknownToken {
			t.Errorf("a token used again: %v", code)
		}
		wantReset(t, r.openRelay(token), "a second stream for one token")
		if took := time.Since(began); took > time.Second {
			t.Errorf("second streams were reset after %v: when their circuit ended", took)
		}

		cands = r.query()
		time.Sleep(31 * time.Second)
		if code := r.relay(cands[0].Token); code != pxp.CodeUnknownToken {
			t.Errorf("an old token: %v", code)
		}
		wantReset(t, r.openRelay(cands[0].Token), "an old token opened as a stream")
	})
}

func TestQueryRate(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node()
		r := rawJoin(t, a)
		for range 3 {
			r.query()
		}
		r.send(pxp.GetPeers{ID: r.id(), Max: 8})
		if res := expect[pxp.Res](r); res.Code != pxp.CodeLimit {
			t.Errorf("the fourth query at once: %v, want limit", res.Code)
		}
		time.Sleep(5 * time.Second)
		r.query()
	})
}

func TestTokenTable(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{Tokens: 3}))
		r := rawJoin(t, a)
		rawJoin(t, a)
		var first pxp.Token
		for i := range 4 {
			cands := r.query()
			if i == 0 {
				first = cands[0].Token
			}
			time.Sleep(5 * time.Second)
		}
		if code := r.relay(first); code != pxp.CodeUnknownToken {
			t.Errorf("the oldest of four tokens, three allowed: %v", code)
		}
	})
}

// A circuit that was asked for in time comes to be, however long the candidate
// thinks about it.
func TestTokenExpiresInUse(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node()
		r, target := rawJoin(t, a), rawJoin(t, a)
		token := r.query()[0].Token
		time.Sleep(29 * time.Second)
		ends := make(chan mux.Stream, 1)
		go func() {
			in := expect[pxp.Incoming](target)
			time.Sleep(2 * time.Second)
			target.send(pxp.Res{ID: in.ID})
			ends <- target.openRelay(in.Token)
		}()
		near := r.openRelay(token)
		if code := r.relay(token); code != pxp.CodeOK {
			t.Fatalf("relay: %v", code)
		}
		exchangeBytes(t, near, <-ends)
	})
}

// The relay does not pass on what a candidate says, except that the two are
// connected already.
func TestRelayAnswers(t *testing.T) {
	for said, want := range map[pxp.Code]pxp.Code{
		pxp.CodeSelf:         pxp.CodeUnreachable,
		pxp.CodeWrongNetwork: pxp.CodeUnreachable,
		pxp.CodeTimeout:      pxp.CodeUnreachable,
		pxp.CodeLimit:        pxp.CodeUnreachable,
		pxp.CodeInternal:     pxp.CodeUnreachable,
		pxp.CodeClosing:      pxp.CodeUnreachable,
		pxp.CodeSuperseded:   pxp.CodeUnreachable,
		pxp.CodeDuplicate:    pxp.CodeDuplicate,
		nothing:              pxp.CodeUnreachable,
	} {
		t.Run(said.String(), func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				a := newWorld(t).node()
				r, target := rawJoin(t, a), rawJoin(t, a)
				token := r.query()[0].Token
				go func() {
					in := expect[pxp.Incoming](target)
					if said != nothing {
						target.send(pxp.Res{ID: in.ID, Code: said, Reason: "a secret"})
					}
				}()
				began := time.Now()
				r.send(pxp.Relay{ID: r.id(), Token: token})
				if res := expect[pxp.Res](r); res.Code != want || res.Reason != "" {
					t.Errorf("the candidate said %v, the relay %v %q; want %v", said, res.Code, res.Reason, want)
				}
				// The asker gives up after 10 s, and should hear why before.
				if took := time.Since(began); took > 6*time.Second {
					t.Errorf("the relay answered after %v, want at most 5 s", took)
				}
			})
		})
	}
}

const nothing = pxp.Code(255) // said by a candidate that does not answer

// A token for a peer that has left, and a target that refuses.
func TestUnreachable(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node()
		r, target := rawJoin(t, a), rawJoin(t, a)
		token := r.query()[0].Token
		go func() {
			in := expect[pxp.Incoming](target)
			target.send(pxp.Res{ID: in.ID, Code: pxp.CodeRefused})
		}()
		if code := r.relay(token); code != pxp.CodeUnreachable {
			t.Errorf("a target that refuses: %v", code)
		}
		token = r.query()[0].Token
		target.mux.Close()
		a.left(target.key.ID())
		if code := r.relay(token); code != pxp.CodeUnreachable {
			t.Errorf("a target that has left: %v", code)
		}
	})
}

func TestCircuitLimits(t *testing.T) {
	setup := func(t *testing.T, l exchange.Limits) (a *node, near, far mux.Stream, r *raw) {
		w := newWorld(t)
		a = w.node(withLimits(l))
		r, target := rawJoin(t, a), rawJoin(t, a)
		ends := make(chan mux.Stream, 1)
		go func() { ends <- target.willing() }()
		token := r.query()[0].Token
		near = r.openRelay(token)
		if code := r.relay(token); code != pxp.CodeOK {
			t.Fatalf("relay: %v", code)
		}
		return a, near, <-ends, r
	}
	t.Run("bytes", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			a, near, far, _ := setup(t, exchange.Limits{CircuitBytes: 100_000})
			if _, err := near.Write(make([]byte, 90_000)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(far, make([]byte, 90_000)); err != nil {
				t.Fatal(err)
			}
			if _, err := near.Write(make([]byte, 20_000)); err != nil {
				t.Fatal(err)
			}
			wantReset(t, near, "the asker's end of a circuit beyond its bytes")
			if _, err := io.ReadAll(far); !errors.Is(err, mux.ErrReset) {
				t.Errorf("the target's end: %v, want a reset", err)
			}
			for a.Stats().Circuits != 0 {
				time.Sleep(time.Millisecond)
			}
		})
	})
	t.Run("time", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			_, near, _, r := setup(t, exchange.Limits{DeadAfter: time.Hour})
			go r.idle()
			began := time.Now()
			wantReset(t, near, "a circuit beyond its time")
			if took := time.Since(began); took < 59*time.Second || took > 61*time.Second {
				t.Errorf("reset after %v, want 60 s", took)
			}
		})
	})
	t.Run("pair", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			_, _, _, r := setup(t, exchange.Limits{})
			if code := r.relay(r.query()[0].Token); code != pxp.CodeLimit {
				t.Errorf("a second circuit between the same two: %v", code)
			}
		})
	})
	t.Run("all", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			a, _, _, _ := setup(t, exchange.Limits{Circuits: 1})
			r := rawJoin(t, a)
			for range 2 {
				if code := r.relay(r.query()[0].Token); code != pxp.CodeLimit {
					t.Errorf("a second circuit where one is allowed: %v", code)
				}
			}
		})
	})
	t.Run("half-close", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			a, near, far, _ := setup(t, exchange.Limits{})
			near.Write([]byte("question"))
			near.CloseWrite()
			got, err := io.ReadAll(far)
			if err != nil || string(got) != "question" {
				t.Fatalf("far end read %q, %v", got, err)
			}
			far.Write([]byte("answer"))
			far.Close()
			got, err = io.ReadAll(near)
			if err != nil || string(got) != "answer" {
				t.Fatalf("near end read %q, %v", got, err)
			}
			near.Close()
			for a.Stats().Circuits != 0 {
				time.Sleep(time.Millisecond)
			}
			if s := a.Stats(); s.CircuitsEnded != 1 || s.RelayedBytes != 14 {
				t.Errorf("stats are %+v", s)
			}
		})
	})
	t.Run("asker leaves", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			_, _, far, r := setup(t, exchange.Limits{})
			r.mux.Close()
			if _, err := io.ReadAll(far); !errors.Is(err, mux.ErrReset) {
				t.Errorf("the target's end: %v, want a reset", err)
			}
		})
	})
}

// A relay that announces one identity and lets another in does not get far.
func TestIncomingLies(t *testing.T) {
	unharmed(t, func(t *testing.T, _ *world, victim *node) {
		r := rawJoin(t, victim)
		liar := newKey(t)
		r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{5}, From: [32]byte{1}})
		if res := expect[pxp.Res](r); res.Code != pxp.CodeOK {
			t.Fatalf("incoming: %v", res.Code)
		}
		stream := r.acceptStream(pxp.RelayStream(pxp.Token{5}))
		inner, err := secure.Client(context.Background(), stream, &secure.Config{Key: liar, Preamble: []byte(pxp.Magic2)})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := inner.Read(make([]byte, 1)); err == nil {
			t.Errorf("a session with the wrong identity got %d bytes", n)
		}
		inner.Close()
		if victim.NumPeers() != 2 {
			t.Error("the liar was admitted")
		}
		for _, from := range [][32]byte{victim.ID(), r.key.ID()} {
			r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{6}, From: from})
			if res := expect[pxp.Res](r); res.Code == pxp.CodeOK {
				t.Error("an introduction to itself, or to a peer it has, was taken")
			}
		}
	})
}
