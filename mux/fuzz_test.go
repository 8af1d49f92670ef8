package mux_test

import (
	"context"
	"io"
	"sync"
	"testing"

	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// Whatever a peer sends, the session neither panics nor hangs nor holds more than it has promised.
func FuzzLink(f *testing.F) {
	f.Add([]byte{})
	f.Add(opening(1))
	f.Add(append(opening(1), dataFrame(fin, 1, []byte("data"))...))
	f.Add(append(opening(1), frame(window, rst, 1, 0)...))
	f.Add(append(frame(window, syn, 1, 0), dataFrame(0, 1, []byte("\x01a"))...))
	f.Add(append(frame(ping, syn, 0, 7), frame(goAway, 0, 0, 0)...))
	f.Add(append(opening(1), append(frame(window, ack, 2, 100), frame(window, fin, 2, 0)...)...))
	f.Add(frame(data, syn, 1, 1<<31))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, y := memnet.PipeConfig{Buffer: 1 << 20}.Pipe()
		s, err := mux.Server(y, nil)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { io.Copy(io.Discard, x) })
		mine, err := s.Open(context.Background(), "ours")
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { mine.Write([]byte("x")); io.Copy(io.Discard, mine) })
		wg.Go(func() {
			for {
				st, err := s.Accept(context.Background())
				if err != nil {
					return
				}
				wg.Go(func() { io.Copy(st, st); st.Close() })
			}
		})
		x.Write(b)
		x.CloseWrite()
		<-s.Done()
		if st := s.Stats(); st.Buffered > st.Promised || st.Promised > mux.DefaultSessionBytes || st.Buffered > len(b) {
			t.Fatalf("%+v", st)
		}
		s.Close()
		x.Close()
		wg.Wait()
		if st := s.Stats(); st.Streams != 0 || st.Promised != 0 || st.Buffered != 0 {
			t.Fatalf("left: %+v", st)
		}
	})
}
