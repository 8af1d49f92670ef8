package exchange

import (
	"math/rand/v2"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/choice"
)

// How Maintain waits between attempts that failed: twice as long each time,
// with jitter, from the start again when a peer joins or leaves.
const (
	maintainFirst = time.Second
	maintainMost  = time.Minute
)

// Maintain keeps looking for new peers ([Exchange.GetNewPeer]) in the
// background while there are fewer than n; 0 stops that. Their data streams go
// to [Exchange.Listener]. It returns at once, and the last call counts. Half
// of n is also kept for peers that we dial ourselves, and looked for however many
// have connected to us: so those can neither take every place nor be all that we
// see (ADR 0012). n is at most Limits.Peers.
func (ex *Exchange) Maintain(n int) {
	ex.mu.Lock()
	ex.target = min(max(n, 0), ex.limits.Peers)
	ex.peersChanged() // for those who go by the target
	start := !ex.maintain && n > 0 && !ex.closing
	if start {
		ex.maintain = true
		ex.wg.Go(ex.maintainLoop) // ended by Shutdown or Close, which wait
	}
	ex.mu.Unlock()
	select {
	case ex.retarget <- struct{}{}:
	default:
	}
}

// Target returns the number of peers that Maintain was last asked for.
func (ex *Exchange) Target() int {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.target
}

func (ex *Exchange) maintainLoop() {
	pause := maintainFirst
	for {
		ex.mu.Lock()
		wanted, changed, closing := (choice.Rules{}).Wanted(ex.table(identity.ID{}, identity.ID{})), ex.changed, ex.closing
		alone := len(ex.peers) == 0
		ex.mu.Unlock()
		if closing {
			return
		}
		if wanted <= 0 || alone {
			select {
			case <-changed:
			case <-ex.retarget:
			case <-ex.ctx.Done():
				return
			}
			pause = maintainFirst
			continue
		}
		conn, err := ex.GetNewPeer(ex.ctx)
		if err == nil {
			ex.Deliver(conn)
			pause = maintainFirst
			continue
		}
		ex.log.Debug("no new peer found", "wanted", wanted, "error", err, "next in", pause)
		// Whatever happens, not more often than that.
		if !ex.sleep(maintainFirst/2 + rand.N(maintainFirst)) {
			return
		}
		t := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-changed:
			pause = maintainFirst
		case <-ex.retarget:
		case <-t.C:
			pause = min(2*pause, maintainMost)
		case <-ex.ctx.Done():
		}
		t.Stop()
	}
}
