package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/wrtc"
)

// Originals may not live through the end of a channel that has just opened or is
// about to (PXP §16.10). So channels by version 1 are given up slowly, and all
// else at once.

// three1 returns a relay and two nodes of version 1 that have it.
func three1(w *world) (candidate, asker *node) {
	relay := w.node()
	candidate, asker = w.node(withV1(exchange.V1Only)), w.node(withV1(exchange.V1Only))
	candidate.connect1(relay)
	asker.connect1(relay)
	return candidate, asker
}

// A session over a new channel does not end at once.
func TestVersion1ChannelSettles(t *testing.T) {
	for _, how := range []string{"Peer.Close", "Close", "Shutdown"} {
		t.Run(how, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				candidate, asker := three1(newWorld(t))
				conn, err := asker.GetNewPeer(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				conn.Close()
				other := candidate.accept()
				switch how {
				case "Peer.Close":
					conn.Peer().Close()
				case "Close":
					asker.Close()
				case "Shutdown":
					ctx, cancel := context.WithCancel(context.Background())
					cancel() // its stream with the relay is open
					_ = asker.Shutdown(ctx)
				}
				<-other.Peer().Done()
				if took := time.Since(began); took < 200*time.Millisecond || took > time.Second {
					t.Errorf("the channel was closed %v after it had opened, want 200 ms", took)
				}
			})
		})
	}
	t.Run("not a socket", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			began := time.Now()
			x, y := w.node().connect1(w.node())
			x.Peer().Close()
			<-y.Peer().Done()
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("closing a socket took %v", took)
			}
		})
	})
}

// Nor while the other end sends: its close could arrive as it sends something.
// That is waited for as long as for a channel to open.
func TestVersion1ChannelClosesInSilence(t *testing.T) {
	for _, tt := range []struct {
		name   string
		writes int
		want   time.Duration
	}{
		{"for a while", 6, 700 * time.Millisecond},
		{"for ever", 1000, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				candidate, asker := three1(newWorld(t))
				conn, err := asker.GetNewPeer(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				other := candidate.accept()
				time.Sleep(time.Minute) // the channel is no longer new
				written := make(chan struct{})
				go func() { // ended by the session
					defer close(written)
					for range tt.writes {
						if _, err := other.Write([]byte("x")); err != nil {
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
				}()
				time.Sleep(time.Millisecond)
				began := time.Now()
				conn.Peer().Close()
				if took := time.Since(began); took < tt.want-10*time.Millisecond || took > tt.want+10*time.Millisecond {
					t.Errorf("closed after %v, want %v", took, tt.want)
				}
				<-written
			})
		})
	}
}

// A negotiation is given up at once before there is an answer. After that the
// channel may open at any time, and gets 2 s for it, at either end.
func TestVersion1NegotiationIsGivenUpSlowly(t *testing.T) {
	for _, tt := range []struct {
		name   string
		role   wrtc.Role // who gives up
		answer bool      // after the answer
		want   time.Duration
	}{
		{"asker, before", wrtc.Offerer, false, 0},
		{"asker, after", wrtc.Offerer, true, 2 * time.Second},
		{"candidate, before", wrtc.Answerer, false, 0},
		{"candidate, after", wrtc.Answerer, true, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				candidate, asker := three1(newWorld(t))
				ctx, cancel := context.WithCancel(context.Background())
				reached := make(chan struct{})
				var took time.Duration
				hang := func(ctx context.Context, role wrtc.Role, s wrtc.Signaler) error {
					if role == wrtc.Offerer {
						if err := s.Send(ctx, wrtc.Signal{Kind: wrtc.Offer, Text: "x"}); err != nil {
							return err
						}
					}
					if role == wrtc.Answerer || tt.answer {
						if _, err := s.Receive(ctx); err != nil {
							return err
						}
					}
					if role == wrtc.Answerer && (tt.answer || tt.role == wrtc.Offerer) {
						if err := s.Send(ctx, wrtc.Signal{Kind: wrtc.Answer, Text: "x"}); err != nil {
							return err
						}
					}
					began := time.Now()
					if role == tt.role {
						close(reached)
					}
					<-ctx.Done()
					if role == tt.role {
						took = time.Since(began)
					}
					return context.Cause(ctx)
				}
				candidate.web.fault.Store(fault(hang))
				asker.web.fault.Store(fault(hang))
				result := make(chan error, 1)
				go func() { // ended by cancel
					_, err := asker.GetNewPeer(ctx)
					result <- err
				}()
				<-reached
				began := time.Now()
				if tt.role == wrtc.Offerer {
					cancel()
					if err := <-result; !errors.Is(err, context.Canceled) {
						t.Errorf("GetNewPeer: %v", err)
					}
				} else {
					candidate.Close()
				}
				if all := time.Since(began); took != tt.want || all > tt.want+100*time.Millisecond {
					t.Errorf("given up after %v, the call took %v; want %v", took, all, tt.want)
				}
				cancel()
				if tt.role == wrtc.Answerer {
					<-result
				}
			})
		})
	}
}

// A channel that has opened is not closed before the other end's first bytes
// have come.
func TestVersion1ChannelIsGivenUpSlowly(t *testing.T) {
	for _, late := range []bool{false, true} {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			w.web.delay = 500 * time.Millisecond // of each way
			want := time.Second + 200*time.Millisecond
			if late {
				w.web.delay, want = time.Hour, 2*time.Second // not waited for
			}
			_, asker := three1(w)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var began time.Time
			result := make(chan error, 1)
			go func() { // ended by cancel
				_, err := asker.GetNewPeer(ctx)
				result <- err
			}()
			waitEvent(asker, "channel", func(e exchange.StepDone) bool { return e.Step == exchange.StepChannel && e.Err == nil })
			began = time.Now()
			cancel()
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("GetNewPeer: %v", err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("late %v: the channel was given up after %v, want %v", late, took, want)
			}
		})
	}
}

// Two answers of an original can name one peer, which would end its circuits both
// at once: that ends an original in the middle. So nobody of a later answer is
// asked for before the meeting with who was named earlier is over. Those of one
// answer are different peers.
func TestVersion1OneAnswerAtATime(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := newWorld(t).node()
		r := raw1Join(t, n)
		ctx, cancel := context.WithCancel(context.Background())
		met := make(chan error, 3)
		seek := func() {
			go func() { // ended by cancel
				_, err := n.GetNewPeer(ctx)
				met <- err
			}()
		}
		asked := func() (nonce, id string) {
			t.Helper()
			l := r.line()
			if _, err := fmt.Sscanf(strings.TrimSuffix(l, "]]"), `["relay",%q,[%q`, &nonce, &id); err != nil {
				t.Fatalf("%s, want relay: %v", l, err)
			}
			return nonce, id
		}
		seek()
		r.named("", "aaaaaaaa", "bbbbbbbb")
		first, a := asked()
		seek()
		second, b := asked()
		if a == b {
			t.Errorf("%s was asked for twice", a)
		}
		seek()
		r.named("", "cccccccc")
		if err := <-met; !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("the third call: %v", err)
		}
		_ = r.say(`["res",%q,"gone"]`, first)
		synctest.Wait()
		_ = r.say(`["res",%q,"gone"]`, second)
		if _, c := asked(); c != "cccccccc" {
			t.Errorf("asked for %s", c)
		}
		cancel()
		<-met
		<-met
	})
}
