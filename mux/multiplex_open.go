package mux

import (
	"context"
	"slices"
	"time"
)

// Open implements [Session].
func (s *multiplex) Open(ctx context.Context, name string) (Stream, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reserve(ctx, name); err != nil {
		return nil, err
	}
	st := s.claim(name)
	if st == nil {
		if !s.budget.begin() {
			return nil, &LimitError{LimitBudgetBytes, s.budget.Used() + Window, s.budget.Limit()}
		}
		st = s.begin(name)
	}
	st.claimed = true
	st.channel = s.next
	s.next++
	s.opened++
	s.local[st.channel] = st
	s.rates[ours].add(time.Now())
	if st.err != nil { // the peer has destroyed it meanwhile
		s.sendEnd(st)
		s.end(st)
		return st, nil
	}
	s.names[name] = st
	return st, nil
}

// reserve waits until one more stream may be opened with that name.
func (s *multiplex) reserve(ctx context.Context, name string) error {
	wake := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	}
	for watched := false; ; {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.err != nil:
			return s.err
		case s.names[name] != nil:
			return &NameError{name, "in use"}
		case s.next == maxChannels:
			return &LimitError{LimitChannels, maxChannels + 1, maxChannels}
		}
		if s.opened < s.cfg.MaxStreams {
			wait := s.rates[ours].wait(time.Now(), float64(s.cfg.StreamBurst/2))
			if wait == 0 {
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

// begin makes a stream, for whose first Window the caller has asked the budget.
func (s *multiplex) begin(name string) *shared {
	st := &shared{session: s, name: name, promise: Window}
	st.canRead.L, st.canWrite.L = &s.mu, &s.mu
	s.promised += Window
	s.streams[st] = struct{}{}
	return st
}

// claim takes the first stream of that name that the peer has opened and we have not; nil when there is none.
func (s *multiplex) claim(name string) *shared {
	i := slices.IndexFunc(s.unclaimed, func(st *shared) bool { return st.name == name })
	if i < 0 {
		return nil
	}
	st := s.unclaimed[i]
	s.unclaimed = slices.Delete(s.unclaimed, i, i+1)
	st.timer.Stop()
	if s.full == st {
		s.patience = time.Now().Add(s.cfg.UnreadTimeout)
	}
	return st
}

// receiveOpen handles the peer's open: it is the other half of a stream of ours, or waits to become it, or is dropped.
func (s *multiplex) receiveOpen(channel int32, name string) error {
	if old := s.remote[channel]; old != nil {
		s.replace(old)
	}
	now := time.Now()
	level, burst := int64(s.rates[theirs].add(now)), int64(s.cfg.StreamBurst)
	if level > 2*burst {
		return &LimitError{LimitStreamRate, level, 2 * burst}
	}
	st := s.names[name]
	if st != nil && !st.matched {
		if st.closed {
			delete(s.names, name)
		}
	} else {
		if checkName(name) != nil || level > burst || len(s.unclaimed) >= s.maxUnclaimed() || !s.budget.begin() {
			s.cfg.Logger.Debug("mux: stream dropped", "name", name)
			return nil
		}
		st = s.begin(name)
		st.timer = time.AfterFunc(s.cfg.NameTimeout, st.expire)
		s.unclaimed = append(s.unclaimed, st)
	}
	st.matched, st.mapped, st.peerChannel = true, true, channel
	s.remote[channel] = st
	return nil
}

// Admit implements [Session].
func (s *multiplex) Admit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probation {
		s.probation = false
		s.budget = s.cfg.Budget
		s.budget.charge(s.promised)
	}
}

// maxUnclaimed is how many streams may wait to be claimed now.
func (s *multiplex) maxUnclaimed() int {
	if s.probation {
		return s.cfg.Probation
	}
	return s.cfg.MaxStreams
}

// replace takes the peer's channel from st, because the peer opens it once more. The original leaves the stream without a
// word; here it is reset, unless the peer had ended it.
func (s *multiplex) replace(st *shared) {
	switch {
	case st.finIn:
		s.unmap(st)
		st.answered = true
		s.endIfDone(st)
	case st.claimed:
		s.reset(st)
	default:
		s.abandon(st)
	}
}
