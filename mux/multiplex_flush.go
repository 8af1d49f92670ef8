package mux

import "context"

// Admit implements [Session].
func (s *multiplex) Admit() {}

// Flush implements [Session].
func (s *multiplex) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	})()
	for len(s.out.buf) > 0 {
		switch {
		case s.err != nil:
			return s.err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		s.room.Wait()
	}
	return nil
}
