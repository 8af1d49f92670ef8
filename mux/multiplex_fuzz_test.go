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
func FuzzMultiplex(f *testing.F) {
	f.Add([]byte{})
	f.Add(append(m(0, mOpen, "x"), m(0, mData, "data")...))
	f.Add(append(m(0, mOpen, "x"), append(m(0, mEnd, ""), m(0, mDestroyBack, "text")...)...))
	f.Add(append(m(1, mOpen, "y"), append(m(1, mData, "early"), m(1, mDestroy, "")...)...))
	f.Add(append(m(1, mOpen, ""), append(m(1, mOpen, "x"), m(1, mOpen, "z")...)...))
	f.Add(append(m(-1, mNone, "x"), m(0, mDataBack, "y")...))
	f.Add([]byte("\x02\x81\x80\x80\x80\x04"))
	f.Add([]byte("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"))
	f.Add([]byte("#PXP#"))
	for _, file := range recordings {
		var r recording
		loadVectors(f, file, &r)
		for _, text := range r.Stream {
			f.Add(unhex(f, text)[magicBytes:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, y := memnet.PipeConfig{Buffer: 1 << 20}.Pipe()
		s, err := mux.Multiplex(y, nil)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		said := 0
		wg.Go(func() { n, _ := io.Copy(io.Discard, x); said = int(n) })
		echo := func(name string) {
			st, err := s.Open(context.Background(), name)
			if err != nil {
				return
			}
			wg.Go(func() { io.Copy(st, st); st.Close() })
		}
		echo("x")
		echo("pxp")
		x.Write(b)
		echo("y") // perhaps the peer was first
		x.CloseWrite()
		<-s.Done()
		if st := s.Stats(); st.Buffered > st.Promised || st.Buffered > len(b) || st.Streams > 3+mux.DefaultMaxStreams {
			t.Fatalf("%+v", st)
		}
		s.Close()
		x.Close()
		wg.Wait()
		if st := s.Stats(); st.Streams != 0 || st.Promised != 0 || st.Buffered != 0 || st.Queued != 0 {
			t.Fatalf("left: %+v", st)
		}
		if most := 4*len(b) + 100; said > most {
			t.Fatalf("%d bytes made the session say %d", len(b), said)
		}
	})
}
