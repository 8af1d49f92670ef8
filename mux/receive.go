package mux

import (
	"io"
	"time"
)

// Pings of the peer are answered at this rate. A round trip is measured with one a second, so it is plenty.
const (
	pingsPerSecond = 10
	pingBurst      = 100
)

// next reads the header of the next frame from the carrier. Only the library's receive goroutine calls it, and is here while a
// session is idle: so it is apart from receive, for a small stack.
func (s *session) next() (header, error) {
	b, err := s.in.Peek(headerBytes)
	if err != nil {
		if len(b) > 0 {
			err = unexpected(err)
		}
		return header{}, &carrierError{"read", err}
	}
	h := parseHeader(b)
	_, _ = s.in.Discard(headerBytes)
	return h, nil
}

// receive reads what follows the header and does what the frame asks for. Only who called next calls it. An error, also
// of next, is the session's end.
func (s *session) receive(h header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case h.version != frameVersion:
		return h.violation("unknown version")
	case h.flags&^allFlags != 0:
		return h.violation("unknown flag")
	}
	switch h.kind {
	case frameData:
		return s.receiveData(h)
	case frameWindow:
		return s.receiveWindow(h)
	case framePing:
		return s.receivePing(h)
	case frameGoAway:
		return s.receiveGoAway(h)
	}
	return h.violation("unknown type")
}

// find does what SYN, ACK and RST say and returns the stream that h is about: nil when it has ended or is refused.
func (s *session) find(h header) (*stream, error) {
	side := s.sideOf(h.id)
	if h.has(flagSYN) {
		switch {
		case h.id == 0 || side != theirs:
			return nil, h.violation("this id is not the peer's to give")
		case h.id <= s.highest[theirs]:
			return nil, h.violation("ids must grow")
		case h.has(flagACK):
			return nil, h.violation("SYN with ACK")
		}
		if err := s.admit(h.id); err != nil {
			return nil, err
		}
	} else if h.id == 0 || h.id > s.highest[side] {
		return nil, h.violation("no such stream yet")
	}
	st := s.streams[h.id]
	if st == nil || st.ended {
		return nil, nil
	}
	if h.has(flagACK) && (side == theirs || st.acked) {
		return nil, h.violation("unexpected ACK")
	}
	if st.finIn && h.flags&flagRST == 0 && (h.has(flagFIN) || h.kind == frameData && h.length > 0) {
		return nil, h.violation("more after FIN")
	}
	if h.has(flagRST) {
		s.late += st.window.allowed
		s.note(st, flagRST)
		st.reset(ErrReset)
		s.end(st)
		return nil, nil
	}
	if h.has(flagACK) {
		s.note(st, flagACK)
	}
	return st, nil
}

func (s *session) receiveWindow(h header) error {
	st, err := s.find(h)
	if st == nil {
		return err
	}
	if h.length > 0 {
		st.credit += int64(h.length)
		if st.credit > 1<<32-1 {
			return h.violation("window overflows")
		}
		st.canWrite.Broadcast()
	}
	if h.has(flagFIN) {
		s.receiveFIN(st)
	}
	return nil
}

// receiveData reads the data that follows h into the buffer of its stream, as it arrives. Meanwhile it lets go of the lock.
func (s *session) receiveData(h header) error {
	left := int(h.length)
	if left > MaxFrameBytes {
		return &LimitError{LimitFrameBytes, int64(left), MaxFrameBytes}
	}
	st, err := s.find(h)
	if err != nil {
		return err
	}
	s.bytesIn += uint64(left)
	if st != nil && st.closed && left > 0 {
		s.abort(st) // nobody will read it, and the peer should know
		st = nil
	}
	if st == nil {
		if s.late -= left; s.late < 0 {
			return &LimitError{LimitResetBytes, int64(-s.late), 0}
		}
		return s.discard(left)
	}
	if left > st.window.allowed {
		return &LimitError{LimitStreamWindow, int64(left - st.window.allowed), 0}
	}
	st.window.allowed -= left
	if s.pingID == 0 {
		s.ping(time.Now()) // while nothing else is under way
	}
	s.spare.tidy()
	for left > 0 && !st.closed && !st.ended {
		n, err := st.fill(left)
		left -= n
		s.settle(st) // if it has ended meanwhile
		if err != nil {
			return &carrierError{"read", err}
		}
		if !st.closed {
			s.arrived(st)
		}
		if err := s.checkProbation(); err != nil {
			return err
		}
	}
	if left > 0 && !st.ended { // closed meanwhile
		s.abort(st)
	}
	if h.has(flagFIN) && !st.ended {
		s.receiveFIN(st)
	}
	return s.discard(left)
}

// discard reads n bytes that nobody wants.
func (s *session) discard(n int) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	if _, err := s.in.Discard(n); err != nil {
		return &carrierError{"read", unexpected(err)}
	}
	return nil
}

// arrived wakes the reader of st. The name comes first and is read here.
func (s *session) arrived(st *stream) {
	if !st.named {
		name, n, err := parseName(st.buf.first())
		if err != nil {
			s.cfg.Logger.Debug("mux: stream reset", "stream", st.id, "reason", err)
			s.abort(st)
			return
		}
		if n == 0 {
			return
		}
		st.buf.skip(n, &s.spare)
		s.consume(st, n)
		st.name, st.named = name, true
		st.timer.Stop()
		st.timer = nil
		s.queue = append(s.queue, st) // it has only streams that count as opened by the peer, see settle: that is its bound
		s.arrivals.wake()
	}
	st.canRead.wake()
}

func (s *session) receiveFIN(st *stream) {
	s.note(st, flagFIN)
	st.finIn = true
	if !st.named {
		s.abort(st)
		return
	}
	st.canRead.wake()
	if st.finOut {
		s.end(st)
	}
}

func (s *session) receivePing(h header) error {
	if level := int64(s.pings.add(time.Now())); level > pingBurst {
		return &LimitError{LimitPings, level, pingBurst}
	}
	switch {
	case h.id != 0:
		return h.violation("ping with a stream")
	case h.flags == flagSYN:
		s.sendControl(nil, header{kind: framePing, flags: flagACK, length: h.length}, true)
	case h.flags == flagACK:
		s.pong(h.length)
	default:
		return h.violation("ping must be SYN or ACK")
	}
	return nil
}

func (s *session) receiveGoAway(h header) error {
	switch {
	case h.id != 0 || h.flags != 0:
		return h.violation("go away with a stream or flags")
	case h.length == goAwayNormal:
		s.goingAway = true
		s.room.Broadcast()
		return nil
	case h.length == goAwayProtocol || h.length == goAwayInternal:
		return &RemoteError{h.length}
	}
	return h.violation("unknown code")
}

// unexpected returns err, or io.ErrUnexpectedEOF for an EOF in the middle of a frame.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
