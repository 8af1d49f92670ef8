package mux

import (
	"errors"
	"io"
	"strconv"
	"time"
)

// receiveAll is the goroutine that reads the carrier. Multiplex starts it; it ends when the carrier is closed.
func (s *multiplex) receiveAll() {
	defer close(s.read)
	for {
		if err := s.receive(); err != nil {
			s.fail(err)
			_, _ = io.Copy(io.Discard, s.in) // until the carrier is closed: one that is closed with unread bytes may lose the last sent
			return
		}
	}
}

// receive reads one frame and does what it says. An error is the session's end.
func (s *multiplex) receive() error {
	channel, kind, length, err := readHeader(s.in)
	if err != nil {
		return readError(err)
	}
	limit, name := uint64(maxTextBytes), LimitTextBytes
	if kind == typeData || kind == typeDataBack || kind == typeNone {
		limit, name = maxPayloadBytes, LimitFrameBytes
	}
	if length > limit {
		return &LimitError{name, int64(min(length, 1<<63-1)), int64(limit)}
	}
	left, text := int(length), ""
	if kind == typeOpen && left <= maxNameBytes { // a longer one is nobody's
		if text, err = readText(s.in, left); err != nil {
			return readError(err)
		}
		if left == 0 {
			text = strconv.Itoa(int(channel))
		}
		left = 0
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	switch kind {
	case typeOpen:
		s.bytesIn += length
		err = s.receiveOpen(channel, text)
	case typeData:
		s.bytesIn += length
		left, err = s.receiveData(s.remote[channel], left)
	case typeEnd:
		s.receiveEnd(s.remote[channel])
	case typeDestroy:
		if st := s.remote[channel]; st != nil {
			s.reset(st)
		}
	case typeDestroyBack:
		if st := s.local[uint32(channel)]; st != nil && st.opened {
			st.gone = true
			s.reset(st)
		}
	}
	if err != nil || left == 0 {
		return err
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	if _, err := s.in.Discard(left); err != nil {
		return readError(unexpected(err))
	}
	return nil
}

// readError returns err as a session's end: limits as they are, all else as the carrier's.
func readError(err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		return limit
	}
	return &carrierError{"read", err}
}

// receiveData reads the payload of a data frame into the buffer of its stream, as it arrives and as there is room.
// Meanwhile it lets go of the lock. It returns how many bytes are left that nobody wants.
func (s *multiplex) receiveData(st *shared, left int) (int, error) {
	s.spare.tidy()
	for left > 0 && s.waitForRoom(st) {
		n, err := st.fill(min(left, st.room()))
		left -= n
		st.canRead.wake()
		s.settle(st) // if it ended in the middle
		if err != nil {
			return left, readError(err)
		}
		if err := s.checkProbation(); err != nil {
			return left, err
		}
	}
	return left, nil
}

// growDelay is how long a full stream waits for its reader before it is given room for more: memory that is used again
// and again stays in the processor's cache.
const growDelay = time.Millisecond

// waitForRoom waits until st can hold more, and reports whether it wants more.
func (s *multiplex) waitForRoom(st *shared) bool {
	for delayed := false; ; {
		switch {
		case st == nil || st.closed || st.finIn || st.err != nil:
			return false
		case st.room() > 0:
			return true
		case !delayed && s.mayGrow(st) > 0:
			delayed = true
			s.waitForReader(st, &s.delay, growDelay, s.stopWaiting)
		case s.grow(st):
			return true
		default:
			s.patience = time.Now().Add(s.cfg.UnreadTimeout)
			s.waitForReader(st, &s.impatient, s.cfg.UnreadTimeout, s.losePatience)
		}
	}
}

// waitForReader waits until something of st was read, or anything else has become of it, or a timer's f ends the wait.
func (s *multiplex) waitForReader(st *shared, timer **time.Timer, d time.Duration, f func()) {
	if *timer == nil {
		*timer = time.AfterFunc(d, f)
	} else {
		(*timer).Reset(d)
	}
	s.full = st
	s.drained.Wait()
	s.full = nil
	(*timer).Stop()
}

// stopWaiting runs in the timer's goroutine.
func (s *multiplex) stopWaiting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained.Signal()
}

// losePatience runs in the timer's goroutine. A stream that nobody has claimed has a timer of its own.
func (s *multiplex) losePatience() {
	s.mu.Lock()
	st := s.full
	if s.err != nil || st == nil {
		s.mu.Unlock()
		return
	}
	if left := time.Until(s.patience); left > 0 || !st.claimed {
		if left <= 0 {
			left = s.cfg.UnreadTimeout
		}
		s.impatient.Reset(left)
		s.mu.Unlock()
		return
	}
	size := st.buf.size
	s.mu.Unlock()
	s.fail(&LimitError{LimitUnreadBytes, int64(size), int64(size)})
}

// mayGrow returns how much more st may hold, as far as this session goes.
func (s *multiplex) mayGrow(st *shared) int {
	if !st.claimed || s.probation {
		return 0
	}
	return max(0, min(Window, s.cfg.UnreadBytes-st.promise, s.growth))
}

// grow lets st hold more, and reports whether it may.
func (s *multiplex) grow(st *shared) bool {
	most := s.mayGrow(st)
	if most == 0 {
		return false
	}
	n := s.budget.grow(most)
	st.promise += n
	s.growth -= n
	s.promised += n
	return n > 0
}

// consumed is called when n bytes of st were read.
func (s *multiplex) consumed(st *shared, n int) {
	s.buffered -= n
	if excess := st.promise - Window; excess > 0 && st.buf.size == 0 {
		st.promise -= excess
		s.growth += excess
		s.promised -= excess
		s.budget.give(excess)
	}
	if s.full == st {
		s.patience = time.Now().Add(s.cfg.UnreadTimeout)
		if st.promise-st.buf.size >= largeChunk {
			s.drained.Signal()
		}
	}
	s.settle(st)
}

// receiveEnd handles the peer's end of its channel. It is answered when it is read.
func (s *multiplex) receiveEnd(st *shared) {
	if st == nil || st.finIn {
		return
	}
	st.finIn = true
	if st.closed {
		s.answer(st)
	}
	st.canRead.wake()
}
