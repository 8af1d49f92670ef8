//go:build !js

package wrtc_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/wrtc"
)

// A peer is met through another in a bounded number of round trips. All three are 40 ms apart: links in memory between the peers, a virtual
// network under ICE. Time is virtual, so that what is counted is what waits for what, not how fast this machine is.
func TestMeetRoundTrips(t *testing.T) {
	// Query 1, circuit 4 with offer and answer in it, ICE 1, DTLS 1, connect 1, data 1: each waits for the one before.
	t.Run("write", func(t *testing.T) { meet(t, nil, 9) })
	t.Run("first", func(t *testing.T) { meet(t, &exchange.MeetConfig{First: []byte("x")}, 8) })
}

func meet(t *testing.T, config *exchange.MeetConfig, want float64) {
	const roundTrip = 40 * time.Millisecond
	wrtc.InLab(t, nil, func(t *testing.T, a, b *wrtc.WebRTC) {
		node := func(w *wrtc.WebRTC, onEvent func(exchange.Event)) *exchange.Exchange {
			ex, err := exchange.New("test", &exchange.Config{Transport: w, OnEvent: onEvent})
			if err != nil {
				t.Fatal(err)
			}
			return ex
		}
		asker := node(a, func(e exchange.Event) {
			if s, ok := e.(exchange.StepDone); ok {
				t.Logf("%s: %.2f round trips, %v", s.Step, float64(s.Took)/float64(roundTrip), s.Err)
			}
		})
		candidate, relay := node(b, nil), node(b, nil)
		for _, ex := range []*exchange.Exchange{asker, candidate} {
			near, far := memnet.PipeConfig{Delay: roundTrip / 2}.Pipe()
			go func() { _, _ = relay.Accept(context.Background(), far) }()
			if _, err := ex.Connect(context.Background(), near); err != nil {
				t.Fatal(err)
			}
		}
		go func() { // ends with the candidate
			for {
				c, err := candidate.Listener().Accept()
				if err != nil {
					return
				}
				go func(c net.Conn) { _, _ = io.Copy(c, c) }(c)
			}
		}()
		began := time.Now()
		c, err := asker.GetNewPeerWith(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		if config == nil {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if trips := float64(time.Since(began)) / float64(roundTrip); trips > want+0.1 || trips < want-0.1 {
			t.Errorf("the first echoed byte came after %.2f round trips, want %v", trips, want)
		}
		for _, ex := range []*exchange.Exchange{asker, candidate, relay} {
			_ = ex.Close()
		}
	})
}
