package mux

import (
	"errors"
)

// endIfDone ends st when both channels have come to their end and the peer's has been answered.
func (s *multiplex) endIfDone(st *shared) {
	if st.finOut && st.answered {
		s.end(st)
	}
}

// end is the end of a stream on the wire. What has arrived can still be read.
func (s *multiplex) end(st *shared) {
	st.ended = true
	if st.timer != nil {
		st.timer.Stop()
	}
	s.unmap(st)
	if st.claimed {
		delete(s.local, st.channel)
	}
	if s.names[st.name] == st {
		delete(s.names, st.name)
	}
	s.settle(st)
	st.wake()
}

// unmap takes the peer's channel from st. Frames for it are dropped, or another stream's.
func (s *multiplex) unmap(st *shared) {
	if st.mapped {
		st.mapped = false
		delete(s.remote, st.peerChannel)
	}
}

// reset ends a stream because the peer says so. When our channel was not destroyed too, it is ended: with the original a
// name is in use until both are. What came before the peer's end can still be read.
func (s *multiplex) reset(st *shared) {
	if st.err == nil {
		st.err = ErrReset
	}
	if !st.finIn {
		s.drop(st)
	}
	s.unmap(st)
	if st.claimed {
		s.sendEnd(st)
		s.end(st)
	}
	st.wake()
}

// drop forgets what has not been read.
func (s *multiplex) drop(st *shared) {
	s.buffered -= st.buf.drop()
	st.wake()
}

// wake wakes everybody who waits for something of st.
func (st *shared) wake() {
	st.canRead.wake()
	st.canWrite.Broadcast()
	if st.session.full == st {
		st.session.drained.Signal()
	}
}

// release takes the promise to st back.
func (s *multiplex) release(st *shared) {
	s.growth += max(0, st.promise-Window)
	s.promised -= st.promise
	s.budget.give(st.promise)
	st.promise = 0
}

// settle forgets st when it has ended and holds nothing.
func (s *multiplex) settle(st *shared) {
	if !st.ended || st.settled || st.buf.size > 0 || st.buf.filling && !st.closed {
		return
	}
	st.settled = true
	s.release(st)
	delete(s.streams, st)
	if st.claimed {
		s.opened--
		s.room.Broadcast()
	}
}

// expire runs in the timer's goroutine: nobody has claimed the stream, or the peer has not ended one that we closed.
func (st *shared) expire() {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.ended || st.claimed && !st.closed {
		return
	}
	if !st.claimed {
		s.abandon(st)
		return
	}
	s.end(st)
}

// abandon forgets a stream that nobody has claimed.
func (s *multiplex) abandon(st *shared) {
	s.leaveLobby(st)
	s.cfg.Logger.Debug("mux: stream dropped", "name", st.name)
	st.closed = true
	s.drop(st)
	s.end(st)
}

// Close implements [Session].
func (s *multiplex) Close() error {
	s.fail(errSessionClosed)
	s.mu.Lock()
	for st := range s.streams { // those that have something left to read
		st.shut()
	}
	s.mu.Unlock()
	s.Release()
	return nil
}

// Release implements [Session].
func (s *multiplex) Release() {
	s.awaitEnd()
	<-s.read
}

// endAll ends all streams, because the session has ended. There is no last word, but after our Close sendAll sends what is
// queued.
func (s *multiplex) endAll(err error) {
	if errors.Is(s.err, errSessionClosed) {
		s.lingers()
	}
	for st := range s.streams {
		if !st.claimed {
			s.abandon(st)
			continue
		}
		if st.err == nil {
			st.err = err
		}
		s.end(st)
	}
	s.out.wake.Signal()
	s.out.flushed.Broadcast()
}
