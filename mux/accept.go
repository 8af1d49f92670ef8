package mux

import (
	"context"
	"slices"
	"time"
)

// Accept implements [Session].
func (s *session) Accept(ctx context.Context) (Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for watched := false; ; {
		switch st := s.first(); {
		case st != nil:
			s.queue = slices.Delete(s.queue, 0, 1)
			return st, nil
		case s.err != nil:
			return nil, s.err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		if !watched {
			watched = true
			defer context.AfterFunc(ctx, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.arrivals.Broadcast()
			})()
		}
		s.arrivals.Wait()
	}
}

// first returns the stream that Accept is to return next, or nil.
func (s *session) first() *stream {
	if len(s.queue) == 0 || s.queue[0].ys == nil && s.err == nil {
		return nil // attach is about to bring what is missing; after the session's end it is not needed
	}
	return s.queue[0]
}

// admit handles the peer's SYN: there is a new stream, or it is refused by RST. It fails when the peer goes on and on.
func (s *session) admit(id uint32) error {
	s.highest[theirs] = id
	ok, err := s.countTheirs()
	if err != nil {
		return err
	}
	reason := ""
	switch {
	case !ok:
		reason = LimitStreamRate
	case s.opened[theirs] >= s.maxTheirs() || s.handed >= s.backlog:
		reason = "streams open"
	case !s.budget.begin():
		reason = LimitBudgetBytes
	}
	if reason != "" {
		s.late += Window // what the peer may send before it knows
		s.sendControl(nil, header{kind: frameWindow, flags: flagRST, id: id}, true)
		s.refused(reason)
		return nil
	}
	st := newStream(s)
	st.id = id
	st.timer = time.AfterFunc(s.cfg.NameTimeout, st.expire)
	s.streams[id] = st
	s.opened[theirs]++
	s.begin(st)
	s.note(st, flagSYN)
	s.handed++
	if !s.attaching {
		s.attaching = true
		s.attached.Add(1)
		go s.attach()
	}
	return nil
}

// attach gives streams that the peer opened their half in the library, and with it their ACK. It runs in a goroutine that
// ends when there are no more, or with the library; Close waits for it.
func (s *session) attach() {
	defer s.attached.Done()
	for {
		ys, err := s.yamux.AcceptStream()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.handed--
		if st := s.streams[ys.StreamID()]; st != nil {
			st.ys = ys
			if !st.acked && !st.ended { // the library leaves it out when FIN came first
				st.acked = true
				s.sendControl(st, header{kind: frameWindow, flags: flagACK, id: st.id}, false)
			}
		}
		if s.first() != nil { // the names were there already; or this one was reset and kept others waiting
			s.arrivals.wake()
		}
		s.attaching = s.handed > 0
		more := s.attaching
		s.mu.Unlock()
		if !more {
			return
		}
	}
}
