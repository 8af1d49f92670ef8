package mux

import (
	"context"
	"fmt"
	"time"
)

// Open implements [Session].
func (s *session) Open(ctx context.Context, name string) (Stream, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := s.reserve(ctx); err != nil {
		return nil, err
	}
	st := newStream(s)
	st.name, st.named = name, true

	s.opening.Lock()
	s.mu.Lock()
	s.pending = st
	s.mu.Unlock()
	ys, err := s.yamux.OpenStream() // sends SYN: see register
	s.opening.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	st.ys = ys
	if st.id == 0 {
		s.opened[ours]--
		s.budget.give(Window)
	}
	switch {
	case s.err != nil:
		return nil, s.err
	case st.id == 0:
		return nil, fmt.Errorf("mux: open: %w", err)
	}
	return st, nil
}

// reserve waits until one more stream may be opened, and counts it.
func (s *session) reserve(ctx context.Context) error {
	wake := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for watched := false; ; {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.err != nil:
			return s.err
		case s.goingAway:
			return ErrRemoteClosed
		}
		if s.opened[ours] < s.cfg.MaxStreams && s.waiting < s.backlog-s.cfg.MaxStreams && s.out.control < maxControlBytes/2 {
			now := time.Now()
			wait := s.rates[ours].wait(now, float64(s.cfg.StreamBurst/2))
			if wait == 0 {
				if !s.budget.begin() {
					return &LimitError{LimitBudgetBytes, s.cfg.Budget.Used() + Window, s.cfg.Budget.Limit()}
				}
				s.rates[ours].add(now)
				s.opened[ours]++
				return nil
			}
			defer time.AfterFunc(wait, wake).Stop()
		}
		if !watched {
			watched = true
			defer context.AfterFunc(ctx, wake)()
		}
		s.room.Wait()
	}
}

// register takes the id that the library has given to the stream that Open is opening.
func (s *session) register(id uint32) {
	st := s.pending
	st.id = id
	s.highest[ours] = id
	s.streams[id] = st
	s.waiting++
	s.begin(st)
}
