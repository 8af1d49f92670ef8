package mux

import (
	"testing"
	"testing/synctest"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// A stream waits for Accept behind one that the peer resets before the library has handed it out: then it is the
// first, and Ready's function is called for it.
func TestReadyAfterResetBeforeAttach(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		made, err := Server(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		defer made.Close()
		s := made.(*session)
		send := func(h header, body string) {
			h.length = uint32(len(body))
			if _, err := a.Write(append(h.append(nil), body...)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		send(header{kind: frameData, flags: flagSYN, id: 1}, "\x02a")
		calls := 0
		if s.Ready(func() { calls++ }) {
			t.Fatal("ready though no name is there")
		}

		s.mu.Lock() // the library is slow: it learns of what follows when the next frame comes
		if err := s.admit(3); err != nil {
			t.Error(err)
		}
		first, second := s.streams[1], s.streams[3]
		for _, st := range []*stream{second, first} {
			st.name, st.named = "n", true
			st.timer.Stop()
			s.queue = append(s.queue, st)
		}
		if s.first() != nil {
			t.Error("the library has handed out a stream that it knows nothing of")
		}
		second.reset(ErrReset)
		s.end(second)
		s.note(second, flagRST)
		s.mu.Unlock()
		send(header{kind: frameWindow, id: 1}, "")
		if calls != 1 {
			t.Errorf("called %d times, want once", calls)
		}
		if st, err := s.Accept(t.Context()); err != nil || st != Stream(first) {
			t.Errorf("Accept: %v, %v", st, err)
		}
	})
}
