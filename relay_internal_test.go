package exchange

import (
	"testing"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
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
