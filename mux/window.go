package mux

import "time"

const (
	pingInterval = time.Second            // between measurements of the round trip, at least
	firstPings   = 3                      // measurements at a session's start, one after the other; the first wakes everybody up
	nearRTT      = 500 * time.Microsecond // below it a window is never what slows a peer down, and a small one stays in the cache
)

// window is the receive side's flow control of one stream. What the peer may send now (allowed), what waits to be read,
// and what was read since the last grant (consumed) add up to size.
type window struct {
	size     int
	allowed  int
	consumed int

	epoch      time.Time // when counting for grow began
	epochBytes int       // consumed since
}

// begin promises st its first window, which the caller has taken from the budget.
func (s *session) begin(st *stream) {
	st.window = window{size: Window, allowed: Window, epoch: time.Now()}
	s.promised += Window
}

// consume counts n bytes that were read from st, and grants the peer as many when it is time: when half of the window is
// used up, so that the news arrives before all of it is. Where the news is long on the way, a quarter: what is consumed
// and not granted is not under way, and half of a window that small would be half of what the stream carries.
func (s *session) consume(st *stream, n int) {
	s.buffered -= n
	w := &st.window
	w.consumed += n
	w.epochBytes += n
	due := w.size / 2
	if s.rtt >= nearRTT {
		due = w.size / 4
	}
	if st.finIn || st.ended || w.consumed < due {
		return
	}
	now := time.Now()
	s.grow(st, now)
	grant := w.size - w.allowed - st.buf.size
	w.allowed += grant
	w.consumed = 0
	s.sendControl(st, header{kind: frameWindow, id: st.id, length: uint32(grant)}, true)
	if now.Sub(s.pingSent) > pingInterval {
		s.ping(now)
	}
}

// grow enlarges the window of st when the peer could send more than it allows: when a window is read within four round
// trips. It needs to hold what is read in little more than one, but on a busy machine data and grants take longer than
// the least round trip. It at most doubles, since a window too small is also why not more was read.
func (s *session) grow(st *stream, now time.Time) {
	w := &st.window
	took := now.Sub(w.epoch)
	if s.rtt < nearRTT || took < s.rtt {
		return // no need, or too soon to tell
	}
	need := int(4 * float64(w.epochBytes) * float64(s.rtt) / float64(took))
	w.epoch, w.epochBytes = now, 0
	most := min(need, 2*w.size, s.cfg.MaxStreamWindow, w.size+s.growth) - w.size
	if most <= 0 || s.probation {
		return
	}
	n := s.budget.grow(most)
	w.size += n
	s.growth -= n
	s.promised += n
}

// ping measures the round trip, unless it is being measured. The answer also makes the library's receive goroutine turn.
func (s *session) ping(now time.Time) {
	if s.pingOpen || s.err != nil {
		return
	}
	s.pingOpen = true
	s.pingID++
	s.pingSent = now
	s.sendControl(nil, header{kind: framePing, flags: flagSYN, length: s.pingID}, true)
}

// pong takes the answer. The least round trip counts: what is above it is queues, which larger windows would make longer.
func (s *session) pong(id uint32) {
	if !s.pingOpen || id != s.pingID {
		return
	}
	s.pingOpen = false
	if rtt := max(time.Since(s.pingSent), 1); s.rtt == 0 || rtt < s.rtt {
		s.rtt = rtt
	}
	if s.pingID < firstPings {
		s.ping(time.Now())
	}
}
