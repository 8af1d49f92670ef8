package mux

import (
	"context"
	"time"
)

// Accept implements [Session].
func (s *session) Accept(ctx context.Context) (Stream, error) {
	select {
	case st := <-s.accepts:
		return s.accepted(st)
	default:
	}
	select {
	case st := <-s.accepts:
		return s.accepted(st)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-s.done:
	}
	select {
	case st := <-s.accepts: // arrived before the end
		return s.accepted(st)
	default:
		return nil, s.Err()
	}
}

func (s *session) accepted(st *stream) (Stream, error) {
	if err := s.Err(); err == errSessionClosed {
		return nil, err
	}
	return st, nil
}

// admit handles the peer's SYN: there is a new stream, or it is refused by RST. It fails when the peer goes on and on.
func (s *session) admit(id uint32) error {
	s.highest[theirs] = id
	now := time.Now()
	level, burst := int64(s.rates[theirs].add(now)), int64(s.cfg.StreamBurst)
	if level > 2*burst {
		return &LimitError{LimitStreamRate, level, 2 * burst}
	}
	if level > burst || s.opened[theirs] >= s.cfg.MaxStreams || s.handed >= s.backlog || !s.cfg.Budget.begin() {
		s.late += Window // what the peer may send before it knows
		s.sendControl(nil, header{kind: frameWindow, flags: flagRST, id: id}, true)
		s.cfg.Logger.Debug("mux: stream refused", "stream", id)
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
			s.offer(st)
		}
		s.attaching = s.handed > 0
		more := s.attaching
		s.mu.Unlock()
		if !more {
			return
		}
	}
}

// offer gives a stream to Accept when it is complete.
func (s *session) offer(st *stream) {
	if !st.named || st.offered || st.ys == nil && s.err == nil {
		return
	}
	st.offered = true
	select {
	case s.accepts <- st:
	default:
		if !st.ended {
			s.abort(st)
		}
	}
}
