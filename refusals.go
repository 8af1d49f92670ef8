package exchange

import (
	"net"
	"sync"

	"golang.org/x/time/rate"
)

// Lines about connections that were not admitted: strangers can cause as many as
// they like, and logs are kept on disks.
const (
	refusalsPerSecond = 5
	refusalBurst      = 50
)

// refusals logs those that are within the rate, with the number of those before
// that were not.
type refusals struct {
	mu      sync.Mutex
	limit   *rate.Limiter
	skipped int
}

func newRefusals() *refusals {
	return &refusals{limit: rate.NewLimiter(refusalsPerSecond, refusalBurst)}
}

func (r *refusals) log(ex *Exchange, from net.Addr, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.limit.Allow() {
		r.skipped++
		return
	}
	ex.log.Info("incoming connection not admitted", "from", from, "error", err, "unlogged", r.skipped)
	r.skipped = 0
}
