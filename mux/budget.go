package mux

import "sync/atomic"

// Budget bounds the bytes that the streams of several sessions may have buffered, all together. It counts promises:
// every stream takes its window when it begins and more as the window grows, and gives it back when it has ended and
// nothing of it is left to read. The last quarter is kept for new streams, windows do not grow into it.
//
// A Budget may be used concurrently. It is made by [NewBudget].
type Budget struct {
	limit int64
	taken atomic.Int64
}

// NewBudget returns a budget of that many bytes. Less than [Window] allows no stream.
func NewBudget(bytes int64) *Budget { return &Budget{limit: bytes} }

// Limit returns the number of bytes that the budget was made with.
func (b *Budget) Limit() int64 { return b.limit }

// Used returns the number of bytes promised now. It exceeds Limit at most by the streams of sessions that were on probation.
func (b *Budget) Used() int64 { return b.taken.Load() }

// begin takes the window of a new stream and reports whether there was room.
func (b *Budget) begin() bool { return b == nil || b.take(Window, Window, b.limit) == Window }

// grow takes up to n bytes for a window that grows, and returns how many.
func (b *Budget) grow(n int) int {
	if b == nil {
		return n
	}
	return b.take(1, n, b.limit-b.limit/4)
}

func (b *Budget) take(least, most int, limit int64) int {
	for {
		taken := b.taken.Load()
		n := min(int64(most), limit-taken)
		if n < int64(least) {
			return 0
		}
		if b.taken.CompareAndSwap(taken, taken+n) {
			return int(n)
		}
	}
}

// charge takes n bytes whether or not there is room: for what was promised before it counted.
func (b *Budget) charge(n int) {
	if b != nil {
		b.taken.Add(int64(n))
	}
}

func (b *Budget) give(n int) {
	if b != nil {
		b.taken.Add(-int64(n))
	}
}
