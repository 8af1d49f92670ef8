package mux_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// A peer on probation has few streams, few unread bytes and no part in the budget; once admitted it has what others have.
func TestProbation(t *testing.T) {
	sessions := func(t *testing.T, budget *mux.Budget) (guest, host mux.Session) {
		a, b := memnet.Pipe()
		guest, err := mux.Client(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		host, err = mux.Server(b, &mux.Config{Probation: 2, Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { guest.Close(); host.Close() })
		return guest, host
	}
	open := func(t *testing.T, s mux.Session) mux.Stream {
		st, err := s.Open(context.Background(), "s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write(nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		return st
	}
	refused := func(st mux.Stream) bool {
		_, err := st.Write([]byte("x"))
		return errors.Is(err, mux.ErrReset)
	}
	t.Run("streams", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			budget := mux.NewBudget(10*mux.Window, 0)
			guest, host := sessions(t, budget)
			first, second := open(t, guest), open(t, guest)
			if refused(first) || refused(second) {
				t.Error("a stream within the probation was refused")
			}
			if !refused(open(t, guest)) {
				t.Error("a third stream was let in where two may be")
			}
			if n := budget.Used(); n != 0 {
				t.Errorf("%d bytes of the budget are used by a session on probation", n)
			}
			host.Admit()
			host.Admit()
			if n := budget.Used(); n != 2*mux.Window {
				t.Errorf("%d bytes of the budget are used, want 2 windows", n)
			}
			if refused(open(t, guest)) {
				t.Error("a stream of an admitted peer was refused")
			}
			guest.Close()
			host.Close()
			if n := budget.Used(); n != 0 {
				t.Errorf("%d bytes of the budget were not given back", n)
			}
		})
	})
	t.Run("bytes", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			guest, host := sessions(t, nil)
			st := open(t, guest)
			if _, err := st.Write(make([]byte, 70<<10)); err != nil {
				t.Fatal(err)
			}
			<-host.Done()
			var limit *mux.LimitError
			if !errors.As(host.Err(), &limit) || limit.Limit != mux.LimitProbationBytes {
				t.Errorf("the session ended with %v", host.Err())
			}
		})
	})
}

func TestFlush(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 1}.Pipe()
		defer b.Close()
		s, err := mux.Client(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		st, err := s.Open(context.Background(), "s")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the carrier is busy with the first, the second is queued
			if _, err := st.Write(make([]byte, 10_000)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		stop := errors.New("stop")
		done := make(chan error, 1)
		go func() { done <- s.Flush(ctx) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Flush returned %v with a full queue", err)
		default:
		}
		cancel(stop)
		if err := <-done; !errors.Is(err, stop) {
			t.Errorf("cancelled: %v", err)
		}
		go func() { done <- s.Flush(context.Background()) }()
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := b.Read(buf); err != nil {
					return
				}
			}
		}()
		if err := <-done; err != nil {
			t.Errorf("with a carrier that moves: %v", err)
		}
	})
}
