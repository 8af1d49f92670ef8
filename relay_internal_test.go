package exchange

import (
	"testing"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// Tokens leave the table by use, by age, by number and with their owner. Nobody
// but the owner could tell, so this looks inside.
func TestTokensLeaveTable(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		table := newSlots()
		owner, other, target := &Peer{s: new(session)}, &Peer{s: new(session)}, new(Peer)
		check := func(when string, tokens, owners int) {
			t.Helper()
			table.mu.Lock()
			defer table.mu.Unlock()
			if len(table.byToken) != tokens || len(table.byPeer) != owners {
				t.Errorf("%s: %d tokens of %d peers, want %d of %d", when, len(table.byToken), len(table.byPeer), tokens, owners)
			}
		}
		var last pxp.Token
		for range 5 {
			last = table.add(owner, target, time.Minute, 3).token
		}
		table.add(other, target, time.Minute, 3)
		check("five of one peer where three may be, and another's", 4, 2)
		used, err := table.take(last, owner)
		if err != nil {
			t.Fatal(err)
		}
		table.dropPeer(owner)
		check("the owner left, a circuit goes on", 2, 1)
		table.remove(used)
		check("the circuit ended", 1, 1)
		time.Sleep(time.Minute + time.Second)
		check("a minute later", 0, 0)
	})
}

// A token of version 1 has 32 bits: one that is in use is not given out again.
func TestTokensAreDistinct(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		table := newSlots()
		next := byte(0)
		table.random = func(b []byte) { // each three times
			clear(b)
			b[0] = 1 + next/3
			next++
		}
		owner := &Peer{s: &session{version: v1.Version}}
		first := table.add(owner, new(Peer), time.Minute, 3)
		second := table.add(owner, new(Peer), time.Minute, 3)
		if first.token == second.token || len(table.byToken) != 2 {
			t.Errorf("two tokens are %q and %q", first.token, second.token)
		}
		table.dropPeer(owner)
	})
}
