package memnet

import "time"

// half is one direction of a pipe. All fields are guarded by link.mu.
type half struct {
	link  *link
	queue []segment // in order of arrival
	held  int       // bytes in queue
	idle  time.Time // when the last byte queued has left, at cfg.Rate

	writing bool // a Write has the turn

	fin        bool // the writing end has closed its side
	finDue     time.Time
	readerGone bool // the reading end is closed; the writing end learns it with the fin of the other direction

	frozen    bool // only what had arrived before is seen until thaw:
	thawed    int  // so many bytes at the head of queue
	thawedFin bool

	readDeadline  alarm
	writeDeadline alarm
	wake          alarm // when the next bytes, or the fin, arrive
}

// segment is a run of bytes that arrive together.
type segment struct {
	due  time.Time
	data []byte
}

// segmentBytes is how much at most arrives at once on a link with a rate.
const segmentBytes = 1024

// put queues as much of p as there is room for, at most a segment on a link with a rate.
func (h *half) put(p []byte, now time.Time) int {
	cfg := &h.link.cfg
	n := min(len(p), cfg.Buffer-h.held)
	due := now
	if cfg.Rate > 0 {
		n = min(n, segmentBytes)
		if h.idle.Before(now) {
			h.idle = now
		}
		h.idle = h.idle.Add(time.Duration(n) * time.Second / time.Duration(cfg.Rate))
		due = h.idle
	}
	if n <= 0 {
		return 0
	}
	due = due.Add(cfg.Delay)
	h.held += n
	if last := len(h.queue) - 1; last >= 0 && h.queue[last].due.Equal(due) {
		h.queue[last].data = append(h.queue[last].data, p[:n]...)
		return n
	}
	h.queue = append(h.queue, segment{due, append([]byte(nil), p[:n]...)})
	return n
}

// take moves into p what has arrived.
func (h *half) take(p []byte, now time.Time) int {
	if limit := h.link.cfg.MaxRead; limit > 0 {
		p = p[:min(len(p), limit)]
	}
	if h.frozen {
		p = p[:min(len(p), h.thawed)]
	}
	n := 0
	for n < len(p) && len(h.queue) > 0 && !h.queue[0].due.After(now) {
		first := &h.queue[0]
		moved := copy(p[n:], first.data)
		n += moved
		if first.data = first.data[moved:]; len(first.data) == 0 {
			h.queue[0] = segment{}
			h.queue = h.queue[1:]
		}
	}
	h.held -= n
	if h.frozen {
		h.thawed -= n
	}
	return n
}

func (h *half) finish(now time.Time) {
	if h.fin {
		return
	}
	h.fin = true
	if h.idle.After(now) {
		now = h.idle
	}
	h.finDue = now.Add(h.link.cfg.Delay)
}

func (h *half) freeze(now time.Time) {
	if h.frozen {
		return
	}
	h.thawed, h.thawedFin = 0, h.finArrived(now)
	for _, s := range h.queue {
		if s.due.After(now) {
			break
		}
		h.thawed += len(s.data)
	}
	h.frozen = true
}

// finArrived tells whether the reading end can know that the writing end has closed its side.
func (h *half) finArrived(now time.Time) bool {
	if h.frozen {
		return h.thawedFin
	}
	return h.fin && !h.finDue.After(now)
}

// ended tells whether the reading end has seen all there will be.
func (h *half) ended(now time.Time) bool { return len(h.queue) == 0 && h.finArrived(now) }

// wakeReader sees to it that link.change is signalled when the next thing arrives. A frozen half waits for thaw instead.
func (h *half) wakeReader(now time.Time) {
	due := h.finDue
	if len(h.queue) > 0 {
		due = h.queue[0].due
	} else if !h.fin {
		return
	}
	if !h.frozen && due.After(now) {
		h.wake.arm(h.link, due.Sub(now))
	}
}

// alarm signals link.change at a time. All fields are guarded by link.mu.
type alarm struct {
	at    time.Time   // zero: never
	rang  bool        // at has come; the timer knows first when at was read from the wall clock
	timer *time.Timer // nil: rang, or never
}

// passed tells whether the time has come. The timer of another alarm for the same time may ring first.
func (a *alarm) passed(now time.Time) bool {
	return a.rang || !a.at.IsZero() && !now.Before(a.at)
}

// set replaces the time; the zero time is never.
func (a *alarm) set(l *link, t time.Time) {
	a.stop()
	a.at, a.rang = t, false
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		a.arm(l, wait)
	} // else there is none, or it has passed and the caller signals
}

// arm replaces the time by one that is still to come.
func (a *alarm) arm(l *link, wait time.Duration) {
	a.stop()
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if a.timer == timer { // else stop came first
			a.timer, a.rang = nil, true
			l.change.Broadcast()
		}
	})
	a.timer = timer
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}
