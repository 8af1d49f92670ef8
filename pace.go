package exchange

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace bounds how fast handshakes are begun with those who connect, in all and
// for each address, since each costs a millisecond of a processor. Beyond it they wait
// for their turn, in the order in which they came; their number is bounded by
// gate.
type pace struct {
	limits *Limits
	all    *rate.Limiter

	mu    sync.Mutex
	from  map[netip.Prefix]*rate.Limiter // maxPaced at most
	swept time.Time                      // when those that count nothing were last taken out
}

// maxPaced is for how many addresses pace counts. Further ones have only the rate
// in all, until some of these have been quiet for a while.
const maxPaced = 8192

func newPace(l *Limits) *pace {
	return &pace{
		limits: l,
		all:    rate.NewLimiter(rate.Limit(l.HandshakesPerSecond), l.HandshakeBurst),
		from:   make(map[netip.Prefix]*rate.Limiter),
	}
}

// wait returns when it is the turn of a connection from addr, or fails when that
// will not be before ctx is done.
func (p *pace) wait(ctx context.Context, addr net.Addr) error {
	if own := p.of(addr); own != nil {
		if err := turn(ctx, own, "HandshakesPerAddress", p.limits.HandshakesPerAddress); err != nil {
			return err
		}
	}
	return turn(ctx, p.all, "HandshakesPerSecond", p.limits.HandshakesPerSecond)
}

func turn(ctx context.Context, r *rate.Limiter, limit string, perSecond int) error {
	if err := r.Wait(ctx); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return &LimitError{Limit: limit, Max: int64(perSecond)}
	}
	return nil
}

// of returns what counts for an address, nil if nothing does: carriers without
// IP addresses are not told apart, and loopback has only the rate in all.
func (p *pace) of(addr net.Addr) *rate.Limiter {
	prefix, known := awayPrefix(addr)
	if !known {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.from[prefix]
	if own != nil {
		return own
	}
	if now := time.Now(); now.Sub(p.swept) > time.Second {
		p.swept = now
		maps.DeleteFunc(p.from, func(_ netip.Prefix, r *rate.Limiter) bool { return r.TokensAt(now) >= float64(r.Burst()) })
	}
	if len(p.from) >= maxPaced {
		return nil
	}
	own = rate.NewLimiter(rate.Limit(p.limits.HandshakesPerAddress), p.perAddressBurst())
	p.from[prefix] = own
	return own
}

// perAddressBurst is a quarter of what all have, so that one address does not
// use up everybody's.
func (p *pace) perAddressBurst() int { return max(1, p.limits.HandshakeBurst/4) }
