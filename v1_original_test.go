package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
)

// named answers a getpeers with candidates of these ids, as an original does
// that has them from nodes with this member in their connectInfo.
func (r *raw1) named(member string, ids ...string) {
	r.t.Helper()
	var nonce string
	if l := r.line(); !strings.HasPrefix(l, `["getpeers",`) {
		r.t.Fatalf("%s, want getpeers", l)
	} else if _, err := fmt.Sscanf(l, `["getpeers",%q,"test"]`, &nonce); err != nil {
		r.t.Fatal(err)
	}
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"id":%q,"network":"test","connectInfo":{"pxp":true,"relay":true,"webrtc":true%s}}`, id, member))
	}
	_ = r.say(`["res",%q,[null,[%s]]]`, nonce, strings.Join(list, ","))
}

// A node of version 1 only meets those behind an original that speak both, by
// version 1.
func TestVersion1OnlyMeetsBoth(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node(withV1(exchange.V1Only))
		r := raw1Join(t, n)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { // ended by cancel
			_, err := n.GetNewPeer(ctx)
			done <- err
		}()
		r.named(`,"v2":true`, "deadbeef")
		l := r.line()
		var nonce string
		if _, err := fmt.Sscanf(l, `["relay",%q,["deadbeef"]]`, &nonce); err != nil {
			cancel()
			t.Fatalf("%q, want a request for the candidate; GetNewPeer: %v", l, <-done)
		}
		stream, err := r.mux.Open(context.Background(), "relay:deadbeef")
		if err != nil {
			t.Fatal(err)
		}
		_ = r.say(`["res",%q,null]`, nonce)
		var magic [5]byte
		if _, err := io.ReadFull(stream, magic[:]); err != nil || string(magic[:]) != pxp.Magic1 {
			t.Errorf("through the circuit came %q, %v; want version 1", magic, err)
		}
		cancel()
		<-done
	})
}

// broughtTo has a relay of version 1, played by hand, bring n somebody by version
// 1, and returns that session.
func (r *raw1) broughtTo(n *node) *raw1 {
	r.t.Helper()
	_ = r.say(`["incoming","8",["cafecafe"]]`)
	stream, err := r.mux.Open(context.Background(), "relay:cafecafe")
	if err != nil {
		r.t.Fatal(err)
	}
	if l := r.line(); l != `["res","8",null]` {
		r.t.Fatalf("incoming: %s", l)
	}
	inner := raw1On(r.t, stream)
	inner.hello()
	inner.line()
	return inner
}

// Who begins by version 2 where version 1 was agreed on, is left, and a dialer
// is told why.
func TestVersion1AnsweredByVersion2(t *testing.T) {
	t.Run("socket", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			ours, theirs := memnet.Pipe()
			defer theirs.Close()
			if _, err := theirs.Write([]byte(pxp.Magic2)); err != nil {
				t.Fatal(err)
			}
			_, err := w.node().ConnectWith(context.Background(), ours, by1)
			if !errors.Is(err, exchange.ErrNotPXP) || !strings.Contains(err.Error(), "without ?v=1") {
				t.Errorf("dialing by version 1: %v", err)
			}
		})
	})
	t.Run("channel", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			inner := raw1Join(t, n).broughtTo(n)
			name, end := w.web.pipe()
			_ = inner.say(`["upgrade","4",{"transport":"webrtc","signal":{"type":"offer","sdp":"%s"}}]`, name)
			inner.line()
			if _, err := end.Write([]byte(pxp.Magic2)); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(end); len(got) > 0 || err != nil {
				t.Errorf("the channel brought %q, %v; want its end", got, err)
			}
		})
	})
}
