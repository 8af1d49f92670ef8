//go:build !js

package iceserver

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// bucket allows so many events in a second, and burst at once.
type bucket struct {
	tokens float64
	last   time.Time
	rate   float64
	burst  float64
}

func newBucket(rate, burst int) bucket {
	return bucket{tokens: float64(burst), rate: float64(rate), burst: float64(burst)}
}

func (b *bucket) allow(now time.Time) bool { return b.take(1, now) }

// take is allow for n events, all of them or none.
func (b *bucket) take(n int, now time.Time) bool {
	b.fill(now)
	if b.tokens < float64(n) {
		return false
	}
	b.tokens -= float64(n)
	return true
}

func (b *bucket) fill(now time.Time) {
	if !b.last.IsZero() {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.last).Seconds())
	}
	b.last = now
}

// full says whether nothing is missing.
func (b *bucket) full(now time.Time) bool {
	b.fill(now)
	return b.tokens >= b.burst
}

// sources is how many buckets there are for sources.
const sources = 4096

// rates bounds requests by source. The table has a fixed size, whoever asks, and nothing in it is ever looked for: sources that fall into the same bucket
// share it, and which do is not for them to know.
type rates struct {
	seed maphash.Seed
	of   [sources]bucket
	all  bucket
}

func newRates(perSource, total int) *rates {
	r := &rates{seed: maphash.MakeSeed(), all: newBucket(total, total)}
	for i := range r.of {
		r.of[i] = newBucket(perSource, burstOfSource*perSource)
	}
	return r
}

// allow counts a request. For one goroutine.
func (r *rates) allow(from netip.Addr, now time.Time) bool {
	return r.bucket(from).allow(now) && r.all.allow(now)
}

func (r *rates) bucket(from netip.Addr) *bucket {
	return &r.of[maphash.Comparable(r.seed, source(from))%sources]
}

// source is what counts as one: an IPv4 address, the first of an IPv6 /64.
func source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	if p, err := a.Prefix(64); err == nil {
		return p.Addr()
	}
	return a
}
