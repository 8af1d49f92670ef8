package exchange_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
)

// A relay of version 2 that says version 1 of two that speak both does not make
// them meet by it: both see it. Who speaks version 1 only is met in that.
func TestNoFallToVersion1(t *testing.T) {
	for _, tt := range []struct {
		name      string
		candidate exchange.V1Policy
		falls     bool
	}{{"both speak version 2", exchange.V1Accept, true}, {"the candidate speaks version 1 only", exchange.V1Only, false}} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				b, c := w.node(withV1(tt.candidate)), w.node()
				rc := rawMember(t, c, "", "v1")
				var toB func() (io.ReadWriteCloser, error)
				if tt.falls {
					rb := rawMember(t, b, "", "v1")
					toB = func() (io.ReadWriteCloser, error) {
						rb.send(pxp.Incoming{ID: rb.id(), Token: pxp.Token{2}, From: c.ID()})
						expect[pxp.Res](rb)
						return rb.acceptStream(pxp.RelayStream(pxp.Token{2})), nil
					}
				} else {
					rb := raw1Join(t, b)
					toB = func() (io.ReadWriteCloser, error) {
						_ = rb.say(`["incoming","8",["cafecafe"]]`)
						rb.line()
						return rb.mux.Open(context.Background(), "relay:cafecafe")
					}
				}
				done := make(chan struct{})
				go func() { // ended by the end of the circuit
					defer close(done)
					ask := expect[pxp.GetPeers](rc)
					rc.send(pxp.Res{ID: ask.ID, Candidates: []pxp.Candidate{{Peer: b.ID(), Token: pxp.Token{1}, Protocol: 1}}})
					relay := expect[pxp.Relay](rc)
					near := rc.acceptCircuit(relay)
					far, err := toB()
					if err != nil {
						t.Error(err)
						return
					}
					rc.send(pxp.Res{ID: relay.ID})
					back := make(chan struct{})
					go func() { // likewise
						defer close(back)
						_, _ = io.Copy(far, near)
						far.Close()
					}()
					_, _ = io.Copy(near, far)
					near.Close()
					<-back
				}()
				conn, err := c.GetNewPeer(context.Background())
				<-done
				if !tt.falls {
					if err != nil || conn.Peer().Protocol() != 1 {
						t.Errorf("GetNewPeer: %v, want a peer by version 1", err)
					}
					return
				}
				if !errors.Is(err, exchange.ErrRefused) {
					t.Errorf("GetNewPeer: %v, want ErrRefused", err)
				}
				for _, n := range []*node{b, c} {
					if n.web.opened.Load() > 0 || n.NumPeers() != 1 {
						t.Errorf("%d peers, %d channels; want nobody but the relay", n.NumPeers(), n.web.opened.Load())
					}
				}
			})
		})
	}
	// Each end sees it for itself.
	t.Run("candidate", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			r := rawMember(t, n, "", "v1")
			r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{1}, From: [32]byte{7}})
			expect[pxp.Res](r)
			inner := raw1On(t, r.acceptStream(pxp.RelayStream(pxp.Token{1})))
			_ = inner.say(`["hello","0",[1,{"pxp":true,"relay":true,"webrtc":true,"v2":true},["test"]]]`)
			if l := inner.line(); l == "" {
				t.Error("no hello: the other end cannot know why")
			}
			began := time.Now()
			if l := inner.line(); l != "" || time.Since(began) > time.Second {
				t.Errorf("after %v came %q, want the end at once", time.Since(began), l)
			}
			if n.web.opened.Load() > 0 || n.NumPeers() != 1 {
				t.Error("it was met")
			}
		})
	})
}
