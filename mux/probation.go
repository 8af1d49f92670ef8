package mux

// probationBytes is what a peer on probation may have unread, in all streams together: hello and the names.
const probationBytes = 64 << 10

// Admit implements [Session].
func (s *session) Admit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.probation {
		return
	}
	s.probation = false
	s.budget = s.cfg.Budget
	s.budget.charge(Window * (s.opened[ours] + s.opened[theirs])) // no window has grown yet
}

// maxTheirs is how many streams the peer may have open now.
func (s *session) maxTheirs() int {
	if s.probation {
		return s.cfg.Probation
	}
	return s.cfg.MaxStreams
}

// checkProbation fails when a peer on probation has sent more than it needs to be admitted.
func (s *session) checkProbation() error {
	if s.probation && s.buffered > probationBytes {
		return &LimitError{LimitProbationBytes, int64(s.buffered), probationBytes}
	}
	return nil
}
