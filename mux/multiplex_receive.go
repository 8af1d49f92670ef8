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
			io.Copy(io.Discard, s.in) // until the carrier is closed: one that is closed with unread bytes may lose the last sent
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
		space := st.buf.space(min(left, st.promise-st.buf.size), &s.spare)
		s.mu.Unlock()
		n, err := s.in.Read(space)
		s.mu.Lock()
		left -= n
		s.buffered += st.buf.commit(n)
		st.canRead.Broadcast()
		s.settle(st) // if it ended in the middle
		if err != nil {
			return left, readError(unexpected(err))
		}
	}
	return left, nil
}

// waitForRoom waits until st can hold more, and reports whether it wants more.
func (s *multiplex) waitForRoom(st *shared) bool {
	for {
		switch {
		case st == nil || st.closed || st.finIn || st.err != nil:
			return false
		case st.buf.size < st.promise || s.grow(st):
			return true
		}
		s.full = st
		s.patience = time.Now().Add(s.cfg.UnreadTimeout)
		if s.impatient == nil {
			s.impatient = time.AfterFunc(s.cfg.UnreadTimeout, s.losePatience)
		} else {
			s.impatient.Reset(s.cfg.UnreadTimeout)
		}
		s.drained.Wait()
		s.impatient.Stop()
		s.full = nil
	}
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

// grow lets st hold more, and reports whether it may.
func (s *multiplex) grow(st *shared) bool {
	if !st.claimed {
		return false
	}
	most := min(Window, s.cfg.UnreadBytes-st.promise, s.growth)
	if most <= 0 {
		return false
	}
	n := s.cfg.Budget.grow(most)
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
		s.cfg.Budget.give(excess)
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
	st.canRead.Broadcast()
}
