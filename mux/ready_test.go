package mux_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// Whatever makes Read return makes Ready call its function, once.
func TestStreamReady(t *testing.T) {
	for name, happen := range map[string]func(p pair, x, y mux.Stream){
		"data":         func(_ pair, x, _ mux.Stream) { x.Write([]byte("a")) },
		"end":          func(_ pair, x, _ mux.Stream) { x.CloseWrite() },
		"reset":        func(_ pair, x, _ mux.Stream) { x.Reset() },
		"close":        func(_ pair, _, y mux.Stream) { y.Close() },
		"deadline":     func(_ pair, _, y mux.Stream) { y.SetReadDeadline(time.Now().Add(time.Minute)) },
		"session":      func(p pair, _, _ mux.Stream) { p.server.Close() },
		"peer's close": func(p pair, _, _ mux.Stream) { p.client.Close() },
	} {
		eachFraming(t, func(t *testing.T, f framing) {
			t.Run(name, func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					a, b := memnet.Pipe()
					p, x, y := f.pipe(t, a, b)
					if name != "deadline" {
						y.SetReadDeadline(time.Now().Add(time.Hour)) // is no reason
					}
					calls := 0
					if y.Ready(func() { calls++ }) {
						t.Fatal("ready though there is nothing")
					}
					time.Sleep(time.Second)
					synctest.Wait()
					if calls != 0 {
						t.Fatal("called though nothing happened")
					}
					happen(p, x, y)
					time.Sleep(2 * time.Minute)
					x.Write([]byte("b"))
					synctest.Wait()
					if calls != 1 {
						t.Errorf("called %d times", calls)
					}
					if !y.Ready(func() { t.Error("called though Ready was true") }) {
						t.Error("not ready")
					}
					y.SetReadDeadline(time.Now().Add(time.Second))
					if _, err := y.Read(make([]byte, 1)); (err == nil) != (name == "data" || name == "deadline") {
						t.Errorf("Read: %v", err)
					}
				})
			})
		})
	}
}

// Like Read, Ready sends the name of a stream that was just opened.
func TestReadySendsName(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		p := connect(t, a, b, nil, nil)
		st := mustOpen(t, p.client, "quiet")
		if st.Ready(func() {}) {
			t.Error("ready though there is nothing")
		}
		if in, err := p.server.Accept(t.Context()); err != nil || in.Name() != "quiet" {
			t.Errorf("Accept: %v, %v", in, err)
		}
	})
}

// What ends Accept makes the session's Ready call its function, once; a stream whose name has not arrived is nothing yet.
func TestSessionReady(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, r := serveRaw(t, nil)
		calls := 0
		if s.Ready(func() { calls++ }) {
			t.Fatal("ready though there is nothing")
		}
		r.send(dataFrame(syn, 1, []byte("\x04na")))
		synctest.Wait()
		if calls != 0 {
			t.Fatal("called before the name was there")
		}
		r.send(dataFrame(0, 1, []byte("me")), opening(3))
		synctest.Wait()
		if calls != 1 {
			t.Fatalf("called %d times", calls)
		}
		for _, want := range []string{"name", "n"} {
			if !s.Ready(func() { t.Error("called though Ready was true") }) {
				t.Fatalf("not ready for %q", want)
			}
			if st, err := s.Accept(t.Context()); err != nil || st.Name() != want {
				t.Fatalf("Accept: %v, %v", st, err)
			}
		}
		if s.Ready(func() { calls++ }) {
			t.Error("ready though all was accepted")
		}
		s.Close()
		synctest.Wait()
		if calls != 2 || !s.Ready(func() { t.Error("called though Ready was true") }) {
			t.Errorf("called %d times by the end of the session", calls)
		}
	})
	t.Run("v1", func(t *testing.T) {
		bubble.Run(t, func(t *testing.T) {
			s, r := multiplexRaw(t, nil)
			calls := 0
			if s.Ready(func() { calls++ }) {
				t.Error("ready though nothing can come")
			}
			r.send(m(0, mOpen, "test"))
			synctest.Wait()
			if calls != 0 {
				t.Error("called though there is nothing to accept")
			}
			s.Close()
			synctest.Wait()
			if _, err := s.Accept(t.Context()); calls != 1 || !s.Ready(nil) || err == nil {
				t.Errorf("called %d times; Accept: %v", calls, err)
			}
		})
	})
}
