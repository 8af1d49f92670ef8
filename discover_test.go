package exchange_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

func TestQueryMax(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node()
		for range 3 {
			rawJoin(t, a)
		}
		r := rawJoin(t, a)
		for _, most := range []int{1, 2, 8} {
			r.send(pxp.GetPeers{ID: r.id(), Max: most})
			if n := len(expect[pxp.Res](r).Candidates); n != min(most, 3) {
				t.Errorf("%d candidates of three, at most %d asked for", n, most)
			}
		}
	})
}

// Peers without a transport in common are not offered to each other.
func TestTransportInCommon(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := newWorld(t).node()
		without := rawDoor(t, a)
		h := without.helloMessage(secure.Dialer, "test", "")
		h.Features = []string{"relay", "pigeon"}
		without.joinAs(h)
		r, other := rawJoin(t, a), rawJoin(t, a)
		if got := r.query(); len(got) != 1 || got[0].Peer != other.key.ID() {
			t.Errorf("%d candidates, want the one that speaks WebRTC too", len(got))
		}
		if got := without.query(); len(got) != 0 {
			t.Errorf("%d candidates for a peer without WebRTC, want none", len(got))
		}
	})
}

// cancelableMeeting begins GetNewPeer. cancel ends it and waits for that.
func cancelableMeeting(n *node) (cancel func()) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = n.GetNewPeer(ctx) // canceled
	}()
	return func() { stop(); <-done }
}

// Candidates that one call has left over serve the next, until their tokens are
// too old to be used.
func TestLeftOverCandidates(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		used  bool
	}{{20 * time.Second, true}, {25 * time.Second, false}} {
		t.Run(tt.after.String(), func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				v := newWorld(t).node()
				r := rawJoin(t, v)
				cancel := cancelableMeeting(v)
				r.offer(identity.ID{1}, identity.ID{2})
				first := expect[pxp.Relay](r)
				cancel()
				time.Sleep(tt.after)
				cancel = cancelableMeeting(v)
				defer cancel()
				var m pxp.Message
				for asked := false; ; {
					var err error
					if m, err = r.receive(); err != nil {
						t.Fatal(err)
					}
					if ping, ok := m.(pxp.Ping); ok && !asked {
						r.send(pxp.Res{ID: ping.ID})
					} else if q, ok := m.(pxp.GetPeers); ok { // of those that it has now it names none
						r.send(pxp.Res{ID: q.ID})
						asked = true
					} else {
						break // a ping means that there is nothing else to do
					}
				}
				relay, used := m.(pxp.Relay)
				if used != tt.used || used && relay.Token == first.Token {
					t.Errorf("after %v the next call did %#v", tt.after, m)
				}
			})
		})
	}
}

// Originals know their candidates for 15 s, and close when they are asked for one
// later: they are used within 12 s.
func TestLeftOverCandidatesOfVersion1(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{{11 * time.Second, "relay"}, {13 * time.Second, "getpeers"}} {
		t.Run(tt.after.String(), func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				v := newWorld(t).node()
				r := raw1Join(t, v)
				cancel := cancelableMeeting(v)
				r.line()
				const info = `"network":"test","connectInfo":{"pxp":true,"relay":true,"webrtc":true}`
				_ = r.say(`["res","1",[null,[{"id":"ada3ce4a",%s},{"id":"8a80afa3",%s}]]]`, info, info)
				first := r.line()
				if !strings.HasPrefix(first, `["relay"`) {
					t.Fatalf("after candidates: %s", first)
				}
				cancel()
				time.Sleep(tt.after)
				defer cancelableMeeting(v)()
				if l := r.line(); !strings.HasPrefix(l, `["`+tt.want+`"`) {
					t.Errorf("after %v the next call began with %s, want %s", tt.after, l, tt.want)
				}
			})
		})
	}
}
