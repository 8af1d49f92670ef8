package mux

import (
	"errors"
	"net"
	"slices"
)

// end is the end of a stream on the wire: both sides have sent FIN, or one RST, or the session has ended. What has
// arrived can still be read.
func (s *session) end(st *stream) {
	st.ended = true
	if st.timer != nil {
		st.timer.Stop()
	}
	s.settle(st)
	st.canRead.wake()
	st.canWrite.Broadcast()
}

// abort resets a stream on this side's behalf.
func (s *session) abort(st *stream) {
	s.late += st.window.allowed
	s.sendControl(st, header{kind: frameWindow, flags: flagRST, id: st.id}, true)
	s.note(st, flagRST)
	st.err = net.ErrClosed
	st.drop()
	s.end(st)
}

// settle takes the promise to st back, when it has ended and holds nothing.
func (s *session) settle(st *stream) {
	if !st.ended || st.buf.size > 0 || st.buf.filling || st.settled {
		return
	}
	st.settled = true
	s.growth += st.window.size - Window
	s.promised -= st.window.size
	s.budget.give(st.window.size)
	s.opened[s.sideOf(st.id)]--
	delete(s.streams, st.id)
	if s.err == nil { // nobody needs to accept what was reset
		s.queue = slices.DeleteFunc(s.queue, func(other *stream) bool { return other == st })
	}
	s.room.Broadcast()
}

// Close implements [Session].
func (s *session) Close() error {
	s.fail(errSessionClosed)
	s.mu.Lock()
	s.queue = nil
	for _, st := range s.streams { // those that have something left to read
		st.shut()
	}
	s.mu.Unlock()
	s.Release()
	return nil
}

// Release implements [Session].
func (s *session) Release() {
	s.awaitEnd()
	s.yamux.Close()
	s.attached.Wait()
}

// endAll queues the last word and ends all streams, because the session has ended.
func (s *session) endAll(err error) {
	s.sayGoodbye()
	for _, st := range s.streams {
		if !st.named { // nobody can accept it, so nobody will read what is there of its name
			s.buffered -= st.buf.drop()
		}
		s.end(st)
		if st.err == nil {
			st.err = err
		}
	}
	s.out.call()
}

// sayGoodbye queues the last word, if there is one.
func (s *session) sayGoodbye() {
	var code uint32
	var limit *LimitError
	var protocol *ProtocolError
	switch {
	case errors.Is(s.err, errSessionClosed):
		code = goAwayNormal
	case errors.As(s.err, &limit), errors.As(s.err, &protocol):
		code = goAwayProtocol
	default:
		return
	}
	s.lingers()
	s.sendControl(nil, header{kind: frameGoAway, length: code}, true)
}
