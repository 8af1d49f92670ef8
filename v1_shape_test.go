package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// An array in answer to connect is a refusal (PXP §16.5.7).
func TestVersion1ArrayIsRefusal(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		ours, theirs := memnet.Pipe()
		go func() { // ended by what it says last
			r := raw1On(t, theirs)
			r.hello()
			r.line() // hello
			r.line() // connect
			_ = r.say(`["res","1",[null,[]]]`)
		}()
		if c, err := n.ConnectWith(context.Background(), ours, by1); err == nil {
			t.Errorf("connect answered with an array was taken for granted: %v", c.Peer().ID().Short())
		}
	})
}

// A null in answer to getpeers is none, not an empty list (PXP §16.10).
func TestVersion1NullIsNoList(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		r := raw1Join(t, n)
		done := make(chan error, 1)
		go func() { // ended by the answer
			_, err := n.GetNewPeer(context.Background())
			done <- err
		}()
		var nonce string
		if _, err := fmt.Sscanf(r.line(), `["getpeers",%q,"test"]`, &nonce); err != nil {
			t.Fatal(err)
		}
		_ = r.say(`["res",%q,null]`, nonce)
		err := <-done
		if !errors.Is(err, exchange.ErrAllFailed) {
			t.Errorf("GetNewPeer: %v, want ErrAllFailed", err)
		}
	})
}

// Lines that come at once are all heeded, though nothing follows that would say so.
func TestVersion1LinesAtOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		r := raw1Join(t, w.node())
		_ = r.say("%s\n%s", `["getpeers","7","test"]`, `["getpeers","8","test"]`)
		for _, want := range []string{`["res","7",[null,[]]]`, `["res","8",[null,[]]]`} {
			if got := r.line(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	})
}
