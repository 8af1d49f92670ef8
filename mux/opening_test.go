package mux_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
)

func TestOpenBadName(t *testing.T) {
	p := memoryPair(t)
	var bad *mux.NameError
	if _, err := p.client.Open(t.Context(), "line\nbreak"); !errors.As(err, &bad) {
		t.Fatalf("got %v", err)
	}
}

// A name that cannot be one costs the peer the stream and nothing else.
func TestBadNames(t *testing.T) {
	for what, body := range map[string]string{
		"empty":             "\x00",
		"control character": "\x03a\nb",
		"invalid UTF-8":     "\x02\xff\xfe",
		"high control":      "\x02\xc2\x85",
	} {
		t.Run(what, func(t *testing.T) {
			s, peer := serveRaw(t, nil)
			peer.send(dataFrame(syn, 1, []byte(body+"data")), opening(3))
			peer.expect(window, rst, 1)
			st, err := s.Accept(t.Context())
			if err != nil || st.Name() != "n" {
				t.Fatalf("the next stream: %v, %v", st, err)
			}
		})
	}
	t.Run("cut short", func(t *testing.T) {
		s, peer := serveRaw(t, nil)
		peer.send(dataFrame(syn|fin, 1, []byte("\x05abc")), opening(3))
		peer.expect(window, rst, 1)
		if _, err := s.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNameByteByByte(t *testing.T) {
	s, peer := serveRaw(t, nil)
	peer.send(frame(window, syn, 1, 0))
	for _, c := range []byte("\x04namedata") {
		peer.send(dataFrame(0, 1, []byte{c}))
	}
	st, err := s.Accept(t.Context())
	if err != nil || st.Name() != "name" {
		t.Fatalf("got %v, %v", st, err)
	}
	got := make([]byte, 4)
	for i := range got {
		if n, err := st.Read(got[i : i+1]); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if string(got) != "data" {
		t.Fatalf("got %q", got)
	}
}

// Streams are accepted in the order in which their names arrive.
func TestNameOrder(t *testing.T) {
	s, peer := serveRaw(t, nil)
	peer.send(frame(window, syn, 1, 0), dataFrame(syn, 3, []byte("\x06second")), dataFrame(0, 1, []byte("\x05third")))
	for _, want := range []string{"second", "third"} {
		if st, err := s.Accept(t.Context()); err != nil || st.Name() != want {
			t.Fatalf("got %v, %v; want %s", st, err, want)
		}
	}
}

func TestNameTimeout(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, peer := serveRaw(t, nil)
		start := time.Now()
		peer.send(dataFrame(syn, 1, []byte("\x04na")))
		time.Sleep(9 * time.Second)
		if st := s.Stats(); st.Streams != 1 {
			t.Fatalf("after 9 s: %+v", st)
		}
		peer.expect(window, rst, 1)
		if took := time.Since(start); took != mux.DefaultNameTimeout {
			t.Fatalf("took %v", took)
		}
		if st := s.Stats(); st.Streams != 0 || st.Buffered != 0 {
			t.Fatalf("left: %+v", st)
		}
	})
}

// Open says nothing until there is something to say; then the name comes with it.
func TestNameWaitsForCompany(t *testing.T) {
	for what, speak := range map[string]func(mux.Stream){
		"read":        func(st mux.Stream) { st.Read(make([]byte, 1)) },
		"empty write": func(st mux.Stream) { st.Write(nil) },
		"write":       func(st mux.Stream) { st.Write([]byte("x")) },
		"close write": func(st mux.Stream) { st.CloseWrite() },
		"close":       func(st mux.Stream) { st.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				p := memoryPair(t)
				st, err := p.client.Open(t.Context(), "quiet")
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if in := p.server.Stats().LastReceived; time.Since(in) < time.Second {
					t.Fatal("Open has sent something")
				}
				go speak(st)
				synctest.Wait()
				if got, err := p.server.Accept(t.Context()); err != nil || got.Name() != "quiet" {
					t.Fatalf("got %v, %v", got, err)
				}
				p.client.Close()
				p.server.Close()
			})
		})
	}
}
