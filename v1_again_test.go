package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
)

// upgrades goes on from a circuit session to a peer of the node at its other end,
// as an original that asks does.
func (r *raw1) upgrades(w *world) *raw1 {
	r.t.Helper()
	name, end := w.web.pipe()
	_ = r.say(`["upgrade","1",{"transport":"webrtc","signal":{"type":"offer","sdp":"%s"}}]`, name)
	r.line()
	channel := raw1On(r.t, end)
	channel.hello()
	channel.line()
	if _, err := channel.mux.Open(context.Background(), "data:test"); err != nil {
		r.t.Fatal(err)
	}
	_ = channel.say(`["connect","1","test"]`)
	return channel
}

// An original that meets the same node again through the same relay is refused as
// long as the first session lives, and loses nothing. When that is over it may
// come back.
func TestVersion1MetAgain(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		b.connect(a)
		x := raw1Join(t, a)
		meet := func() (channel *raw1, conn *exchange.Conn) {
			stream, err := x.mux.Open(context.Background(), "relay:"+x.circuitFor())
			if err != nil {
				t.Fatal(err)
			}
			if l := x.line(); l != `["res","r",null]` {
				return nil, nil
			}
			inner := raw1On(t, stream)
			inner.hello()
			inner.line()
			channel = inner.upgrades(w)
			if l := channel.line(); l != `["res","1",null]` {
				t.Fatalf("connect: %s", l)
			}
			inner.mux.Close()
			time.Sleep(5 * time.Second)
			return channel, b.accept()
		}
		channel, first := meet()
		if _, second := meet(); second != nil {
			t.Error("met again while the first session lives")
		}
		synctest.Wait()
		if err := first.Peer().Err(); err != nil {
			t.Fatalf("the first session ended: %v", err)
		}
		channel.mux.Close()
		b.left(first.Peer().ID())
		time.Sleep(5 * time.Second)
		if _, third := meet(); third == nil {
			t.Error("who has lost its session is not met any more")
		}
	})
}

// A relay of version 2 cannot end a session of version 1 that it introduced by
// introducing somebody else under the same name, whoever asks.
func TestVersion1RelayEndsNothing(t *testing.T) {
	name := [32]byte{7}
	t.Run("introduced again", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			r := rawMember(t, n, "", "v1")
			r.bring(name, 1).upgrades(w).line()
			first := n.accept().Peer()
			time.Sleep(5 * time.Second) // the meeting is over
			r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{2}, From: name})
			if res := expect[pxp.Res](r); res.Code != pxp.CodeDuplicate {
				t.Errorf("introduced again: %v, want duplicate", res.Code)
			}
			if err := first.Err(); err != nil {
				t.Errorf("the session ended: %v", err)
			}
		})
	})
	// As the node connects to it as a candidate, it is introduced as an asker.
	for i := range 8 { // whose ID is the smaller one is left to chance
		t.Run(fmt.Sprint("while it is dialed ", i), func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.node()
				r := rawMember(t, n, "", "v1")
				met := make(chan error, 1)
				go func() { // ended by the answer to connect
					_, err := n.GetNewPeer(context.Background())
					met <- err
				}()
				ask := expect[pxp.GetPeers](r)
				r.send(pxp.Res{ID: ask.ID, Candidates: []pxp.Candidate{{Peer: name, Token: pxp.Token{1}, Protocol: 1}}})
				relay := expect[pxp.Relay](r)
				stream := r.acceptStream(pxp.RelayStream(relay.Token))
				r.send(pxp.Res{ID: relay.ID})
				inner := raw1On(t, stream)
				inner.hello()
				inner.line()
				var nonce, offer string
				if _, err := fmt.Sscanf(inner.line(), `["upgrade",%q,{"transport":"webrtc","signal":{"type":"offer","sdp":%q}}]`, &nonce, &offer); err != nil {
					t.Fatal(err)
				}
				end := w.web.forget(offer)
				_ = inner.say(`["upgrade","1",{"transport":"webrtc","signal":{"type":"answer","sdp":%q}}]`, offer)
				channel := raw1On(t, end)
				channel.line() // hello: the node has looked whom it has

				admitted := r.bring(name, 2).upgrades(w).line() == `["res","1",null]`
				var first *exchange.Peer
				if admitted {
					first = n.accept().Peer()
				}
				channel.hello()
				if _, err := channel.mux.Open(context.Background(), "data:test"); err != nil {
					t.Fatal(err)
				}
				if _, err := fmt.Sscanf(channel.line(), `["connect",%q,"test"]`, &nonce); err != nil {
					t.Fatal(err)
				}
				_ = channel.say(`["res",%q,null]`, nonce)
				switch err := <-met; {
				case admitted && !errors.Is(err, exchange.ErrConnected):
					t.Errorf("GetNewPeer: %v, want ErrConnected: there is a session", err)
				case admitted && first.Err() != nil:
					t.Errorf("the session that was first ended: %v", first.Err())
				case !admitted && err != nil:
					t.Errorf("GetNewPeer: %v, and the other was refused", err)
				}
			})
		})
	}
}

// bring has a relay of version 2, played by hand, introduce somebody by version 1
// under a name, and returns the circuit session.
func (r *raw) bring(name identity.ID, token byte) *raw1 {
	r.t.Helper()
	r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{token}, From: name})
	if res := expect[pxp.Res](r); res.Code != pxp.CodeOK {
		r.t.Fatalf("incoming: %v", res.Code)
	}
	inner := raw1On(r.t, r.acceptStream(pxp.RelayStream(pxp.Token{token})))
	inner.hello()
	inner.line()
	return inner
}
