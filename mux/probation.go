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
	s.budget.budget = s.cfg.Budget
	s.budget.charge(Window * (s.opened[ours] + s.opened[theirs])) // no window has grown yet
}

// maxTheirs is how many streams the peer may have open now, or waiting to be claimed.
func (c *core) maxTheirs() int {
	if c.probation {
		return c.cfg.Probation
	}
	return c.cfg.MaxStreams
}

// checkProbation fails when a peer on probation has sent more than it needs to be admitted.
func (c *core) checkProbation() error {
	if c.probation && c.buffered > probationBytes {
		return &LimitError{LimitProbationBytes, int64(c.buffered), probationBytes}
	}
	return nil
}
