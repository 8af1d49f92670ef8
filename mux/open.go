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
	if err := s.reserveStream(ctx); err != nil {
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

// reserveStream waits until one more stream may be opened, and counts it.
func (s *session) reserveStream(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.reserve(ctx, func() (bool, error) {
		if s.goingAway {
			return false, ErrRemoteClosed
		}
		return s.opened[ours] < s.cfg.MaxStreams && s.waiting < s.backlog-s.cfg.MaxStreams && s.out.control < maxControlBytes/2, nil
	})
	if err != nil {
		return err
	}
	if !s.budget.begin() {
		return s.budget.over()
	}
	s.rates[ours].add(time.Now())
	s.opened[ours]++
	return nil
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
