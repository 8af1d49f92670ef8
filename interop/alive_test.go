package interop

import (
	"fmt"
	"testing"
)

// TestNoChannelClosesEarly: a channel that closes as soon as it is open ends the process of an original, which asks for
// statistics then and looks at the channel when it has them. A Go node that changes its mind just there does not do that to
// the original at the other end.
func TestNoChannelClosesEarly(t *testing.T) {
	for _, c := range []struct {
		asks     bool
		at, then string // see trap
	}{
		{true, "answered", "giveUp"},
		{true, "answered", "close"},
		{true, "open", "giveUp"},
		{true, "open", "close"},
		{false, "sent", "close"},
		{false, "open", "close"},
	} {
		t.Run(fmt.Sprintf("Go asks %v, %s when %s", c.asks, c.then, c.at), func(t *testing.T) {
			t.Parallel()
			needOriginal(t)
			for range 3 {
				closesEarly(t, c.asks, c.then, c.at)
			}
		})
	}
}

func closesEarly(t *testing.T, asks bool, then, at string) {
	ctx := limited(t)
	relay := golang.start(ctx, t, Options{Name: "relay", Network: "n"})
	defer relay.Kill()
	url := do(ctx, t, relay, Command{Command: "listen", Transport: "tcp"}).URL
	ours := golang.start(ctx, t, Options{Name: "ours", Network: "n", More: map[string]any{"trap": at, "then": then}})
	defer ours.Kill()
	theirs := js.start(ctx, t, Options{Name: "theirs", Network: "n"})
	defer theirs.Kill()
	for _, p := range []*Process{ours, theirs} {
		if _, err := join(ctx, p, url); err != nil {
			t.Fatal(err)
		}
	}
	asker := theirs
	if asks {
		asker = ours
	}
	asked := asker.Begin(Command{Command: "getNewPeer"})
	await(ctx, t, ours, at, Named("trapped"))
	if asks {
		if e, err := asked.Wait(ctx); err == nil {
			t.Errorf("met %+v all the same", e)
		}
	}
	await(ctx, t, theirs, "the end of the connection", Named("rtcClosed"))
	checkPeers(ctx, t, theirs, 1)
	if err := theirs.Alive(); err != nil {
		t.Error(err)
	}
}
