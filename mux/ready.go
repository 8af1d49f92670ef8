package mux

import "sync"

// waiters wait for a change: goroutines, and in place of a goroutine at most one function, which runs in a new one then.
// The condition's lock, which is the session's, guards them.
type waiters struct {
	sync.Cond
	later func()
}

// wake has all look again.
func (w *waiters) wake() {
	w.Broadcast()
	if f := w.later; f != nil {
		w.later = nil
		go f() // owned by who gave it to Ready
	}
}

// Ready implements [Stream].
func (st *stream) Ready(f func()) bool {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.flush()
	return st.ready(f)
}

// Ready implements [Stream].
func (st *shared) Ready(f func()) bool {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	return st.ready(f)
}

// ready reports whether Read has something to return, and otherwise has f wait for it.
func (e *endpoint) ready(f func()) bool {
	if e.readable(1) {
		return true
	}
	e.canRead.later = f
	return false
}

// Ready implements [Session].
func (s *session) Ready(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first() != nil || s.err != nil {
		return true
	}
	s.arrivals.later = f
	return false
}

// Ready implements [Session].
func (s *multiplex) Ready(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return true
	}
	s.arrivals.later = f
	return false
}
