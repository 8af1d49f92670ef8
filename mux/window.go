package mux

import "time"

const (
	growthRoundTrips = 2           // half a window consumed within so many is a window too small
	rttProbeBytes    = 64 << 10    // bytes of a stream after which the round trip is first measured
	rttProbeInterval = time.Second // and how often again, while windows are in use
)

// window is the receive side's flow control of one stream. At any time the peer may send allowed more bytes; at most
// size bytes are allowed, buffered or read and not yet granted again.
type window struct {
	size     int // promised in all
	allowed  int
	consumed int       // read, not yet granted again
	granted  time.Time // when the last grant was sent
	total    int       // received until the round trip was first measured
}

// begin promises st its first window, which the caller has taken from the budget.
func (s *session) begin(st *stream) {
	st.window = window{size: Window, allowed: Window, granted: time.Now()}
	s.promised += Window
}

// consume counts n bytes that were read from st, and grants the peer more when it is time.
func (s *session) consume(st *stream, n int) {
	s.buffered -= n
	w := &st.window
	w.consumed += n
	if st.finIn || st.ended || w.consumed < w.size/2 {
		return
	}
	now := time.Now()
	grant := w.consumed + s.grow(st, now)
	w.allowed += grant
	w.consumed = 0
	w.granted = now
	s.sendControl(st, header{kind: frameWindow, id: st.id, length: uint32(grant)}, true)
	if now.Sub(s.pingSent) > rttProbeInterval {
		s.ping(now)
	}
}

// grow enlarges the window of st when the peer fills it faster than grants can reach it, and returns by how much.
func (s *session) grow(st *stream, now time.Time) int {
	w := &st.window
	if s.rtt == 0 || now.Sub(w.granted) > growthRoundTrips*s.rtt {
		return 0
	}
	most := min(w.size, s.cfg.MaxStreamWindow-w.size, s.growth)
	if most <= 0 {
		return 0
	}
	n := s.cfg.Budget.grow(most)
	w.size += n
	s.growth -= n
	s.promised += n
	return n
}

// probe counts n bytes received on st, and measures the round trip when the session is not only small talk.
func (s *session) probe(st *stream, n int) {
	if s.rtt != 0 {
		return
	}
	if st.window.total += n; st.window.total >= rttProbeBytes {
		s.ping(time.Now())
	}
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

// pong takes the answer. The least round trip counts most: what is above it is queues, which a larger window would only
// make longer.
func (s *session) pong(id uint32) {
	if !s.pingOpen || id != s.pingID {
		return
	}
	s.pingOpen = false
	rtt := max(time.Since(s.pingSent), 1)
	if s.rtt != 0 && rtt > s.rtt {
		rtt = s.rtt + (rtt-s.rtt)/8
	}
	s.rtt = rtt
}
