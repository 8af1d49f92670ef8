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
	err := s.reserve(ctx, func() (bool, error) {
		switch {
		case s.names[name] != nil:
			return false, &NameError{name, "in use"}
		case s.next == maxChannels:
			return false, &LimitError{LimitChannels, maxChannels + 1, maxChannels}
		}
		return s.opened < s.cfg.MaxStreams, nil
	})
	if err != nil {
		return nil, err
	}
	if !s.budget.begin() {
		return nil, s.budget.over()
	}
	st := s.claim(name)
	if st == nil {
		st = s.begin(name)
	}
	st.promise = Window
	s.promised += Window
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

// begin makes a stream, to which nothing is promised yet.
func (s *multiplex) begin(name string) *shared {
	st := &shared{session: s}
	st.init(&s.core)
	st.name = name
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
	s.leaveLobby(st)
	st.timer.Stop()
	if s.full == st {
		s.patience = time.Now().Add(s.cfg.UnreadTimeout)
	}
	return st
}

// maxUnclaimed is how many streams the peer may have opened that we have not. It is a step or two ahead of us, not more.
const maxUnclaimed = 16

// enterLobby reports whether there is room for one more unclaimed stream. Nobody told the peer that it may send anything on
// those: all of a session share one window.
func (s *multiplex) enterLobby() bool {
	switch n := len(s.unclaimed); {
	case n >= min(s.maxTheirs(), maxUnclaimed):
		return false
	case n == 0 && !s.budget.begin():
		return false
	case n == 0:
		s.promised += Window
	}
	return true
}

// leaveLobby takes st from the unclaimed streams.
func (s *multiplex) leaveLobby(st *shared) {
	s.unclaimed = slices.DeleteFunc(s.unclaimed, func(other *shared) bool { return other == st })
	if len(s.unclaimed) == 0 {
		s.promised -= Window
		s.budget.give(Window)
	}
	if s.full != nil { // it may have waited for this room
		s.drained.Signal()
	}
}

// room returns how many bytes more st may hold.
func (st *shared) room() int {
	if st.claimed {
		return st.promise - st.buf.size
	}
	n := Window
	for _, other := range st.session.unclaimed {
		n -= other.buf.size
	}
	return n
}

// receiveOpen handles the peer's open: it is the other half of a stream of ours, or waits to become it, or is dropped.
func (s *multiplex) receiveOpen(channel int32, name string) error {
	if old := s.remote[channel]; old != nil {
		s.replace(old)
	}
	ok, err := s.countTheirs()
	if err != nil {
		return err
	}
	st := s.names[name]
	if st != nil && !st.matched {
		if st.closed {
			delete(s.names, name)
		}
	} else {
		if checkName(name) != nil || !ok || s.cfg.Expect != nil && !s.cfg.Expect(name) || !s.enterLobby() {
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
		s.budget.budget = s.cfg.Budget
		s.budget.charge(s.promised)
	}
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
