package mux

import "sync"

// Budget bounds the bytes that the streams of several sessions may have buffered, all together. It counts promises:
// every stream takes its window when it begins and more as the window grows, and gives it back when it has ended and
// nothing of it is left to read.
//
// A part of it is set aside for the first streams of each session, so that no number of others can take these away; what
// is left is common: a session may take of that as long as no less than it then has stays free. So one alone takes half of
// it at most, of nine that want all each has a tenth, and a tenth is free. The last quarter is kept for new streams, windows
// do not grow into it: it does not count as free for them.
//
// A Budget may be used concurrently. It is made by [NewBudget].
type Budget struct {
	common int64 // what is not set aside
	own    int64 // what is set aside for each session
	limit  int64

	mu    sync.Mutex // taken last: nothing else is locked under it
	seats int        // sessions that may still come to have own
	taken int64      // of common
	held  int64      // of what is set aside
}

// NewBudget returns a budget of that many bytes. Half of them are set aside for that many sessions, in equal parts of whole
// windows (none if that is less than one [Window] each, or sessions is 0). A session beyond that number has only what is
// left. Less than one [Window] allows no stream.
func NewBudget(bytes int64, sessions int) *Budget {
	b := &Budget{limit: bytes, common: bytes, seats: sessions}
	if sessions > 0 {
		b.own = bytes / 2 / int64(sessions) / Window * Window
		b.common -= b.own * int64(sessions)
	}
	return b
}

// Limit returns the number of bytes that the budget was made with.
func (b *Budget) Limit() int64 { return b.limit }

// Used returns the number of bytes promised now. It exceeds Limit at most by the streams of sessions that were on probation.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken + b.held
}

// share is what one session has of a budget. Without one it has what it asks for. The session's lock guards it.
type share struct {
	budget *Budget
	seated bool  // a part is set aside for it
	held   int64 // of that
	taken  int64 // of what is for all
}

// begin takes the window of a new stream and reports whether there was room.
func (p *share) begin() bool {
	b := p.budget
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return p.hold(Window) || p.take(Window, Window, b.common) == Window
}

// grow takes up to n bytes for a window that grows, and returns how many.
func (p *share) grow(n int) int {
	b := p.budget
	if b == nil {
		return n
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return p.take(1, n, b.common-b.common/4)
}

// charge takes n bytes, in whole windows, whether or not there is room: for what was promised before it counted.
func (p *share) charge(n int) {
	b := p.budget
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; n > 0; n -= Window {
		if !p.hold(Window) {
			p.taken += Window
			b.taken += Window
		}
	}
}

// give gives n bytes back. A session that has none left has ended, since its first stream lasts as long: another may have
// its place.
func (p *share) give(n int) {
	b := p.budget
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	common := min(int64(n), p.taken)
	p.taken -= common
	b.taken -= common
	p.held -= int64(n) - common
	b.held -= int64(n) - common
	if p.seated && p.held == 0 && p.taken == 0 {
		p.seated = false
		b.seats++
	}
}

// hold takes n bytes of what is set aside for the session, if there are as many. The budget is locked.
func (p *share) hold(n int64) bool {
	b := p.budget
	if p.held+n > b.own || !p.seated && b.seats == 0 {
		return false
	}
	if !p.seated {
		p.seated = true
		b.seats--
	}
	p.held += n
	b.held += n
	return true
}

// take takes least to most bytes of what is for all, as long as no less of the first limit bytes stays free than the session
// has then. The budget is locked.
func (p *share) take(least, most int, limit int64) int {
	b := p.budget
	n := min(int64(most), (limit-b.taken-p.taken)/2)
	if n < int64(least) {
		return 0
	}
	p.taken += n
	b.taken += n
	return int(n)
}

// over is why Open fails when there is no room for a stream: what the session would have, and what it may.
func (p *share) over() error {
	b := p.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	has := p.held + p.taken
	return &LimitError{LimitBudgetBytes, has + Window, has + max(0, (b.common-b.taken-p.taken)/2)}
}
