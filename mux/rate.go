package mux

import "time"

// bucket counts events that leak away at a steady rate. It is not safe for concurrent use.
type bucket struct {
	perSecond float64
	level     float64
	at        time.Time
}

// add counts one event and returns the level with it: how many more happened than the rate allows.
func (b *bucket) add(now time.Time) float64 {
	b.leak(now)
	b.level++
	return b.level
}

// wait returns how long it is until one more event does not lift the level above burst.
func (b *bucket) wait(now time.Time, burst float64) time.Duration {
	b.leak(now)
	if excess := b.level + 1 - burst; excess > 0 {
		return time.Duration(excess/b.perSecond*float64(time.Second)) + time.Microsecond
	}
	return 0
}

func (b *bucket) leak(now time.Time) {
	if since := now.Sub(b.at); since > 0 {
		b.level = max(0, b.level-since.Seconds()*b.perSecond)
		b.at = now
	}
}
