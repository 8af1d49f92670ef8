package mux_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// A channel's number is taken when its stream is created, and shows when something is written.
func TestMultiplexFrames(t *testing.T) {
	s, peer := multiplexRaw(t, nil)
	mustOpen(t, s, "silent")
	second, third, fourth, fifth := mustOpen(t, s, "second"), mustOpen(t, s, "third"), mustOpen(t, s, "fourth"), mustOpen(t, s, "fifth")
	mustWriteText(t, third, "abc")
	mustWriteText(t, third, "de")
	second.CloseWrite() // of what was never written to
	third.CloseWrite()
	third.CloseWrite()
	mustWriteText(t, fourth, "")
	mustWriteText(t, fourth, "")
	fourth.Close()
	fourth.Close()
	fifth.Reset()
	peer.mustSay(s,
		m(2, mOpen, "third"), m(2, mData, "abc"), m(2, mData, "de"),
		m(1, mOpen, "second"), m(1, mEnd, ""), m(2, mEnd, ""),
		m(3, mOpen, "fourth"), m(3, mEnd, ""),
		m(4, mOpen, "fifth"), m(4, mEnd, ""))
}

// Large writes are split, and no Write to the carrier is larger than a data channel of the original takes.
func TestMultiplexSplit(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 8 << 20}.Pipe()
		c := &gate{Conn: b, open: make(chan struct{})}
		s, err := mux.Multiplex(c, &mux.Config{MaxStreams: 1000, SessionBytes: 1 << 30, StreamBurst: 2000})
		if err != nil {
			t.Fatal(err)
		}
		st := mustOpen(t, s, "x")
		mustWriteText(t, st, "first")
		synctest.Wait() // the carrier takes it, and takes its time
		go st.Write(make([]byte, 200<<10))
		synctest.Wait()
		for i := range 900 { // frames that are not data do not wait for room
			mustOpen(t, s, fmt.Sprintf("%0250d", i)).CloseWrite()
		}
		synctest.Wait()
		close(c.open)
		synctest.Wait()
		s.Close()
		all, err := io.ReadAll(a)
		if err != nil {
			t.Fatal(err)
		}
		frames, rest := parseMultiplex(all)
		var sizes []int
		for _, f := range frames {
			if f.kind == mData {
				sizes = append(sizes, len(f.payload))
			}
		}
		if len(rest) != 0 || len(frames) != 1806 || len(sizes) != 5 || sizes[1] != 64<<10 || sizes[3] != 64<<10 || sizes[4] != 8<<10 {
			t.Fatalf("%d frames, data of %v bytes", len(frames), sizes)
		}
		if c.largest > 262144 || c.largest < 128<<10 {
			t.Fatalf("one Write of %d bytes", c.largest)
		}
		a.Close()
	})
}

// gate is a carrier whose Writes wait until it is opened. It notes the largest.
type gate struct {
	net.Conn
	open    chan struct{}
	largest int
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.largest = max(g.largest, len(p))
	return g.Conn.Write(p)
}

// The peer's end is answered when it is read, or at once when nobody will.
func TestMultiplexAnswer(t *testing.T) {
	s, peer := multiplexRaw(t, nil)
	a, b, c := mustOpen(t, s, "a"), mustOpen(t, s, "b"), mustOpen(t, s, "c")
	b.Close()
	peer.send(m(8, mOpen, "b"), m(8, mData, "unread"), m(8, mEnd, ""), m(-9, mOpen, "c"), m(-9, mEnd, ""),
		m(7, mOpen, "a"), m(7, mData, "text"), m(7, mEnd, ""), m(7, mEnd, ""), m(7, mData, "late"))
	mustReadText(t, a, "tex")
	mustWriteText(t, a, "before")
	mustReadText(t, a, "t")
	mustReadErr(t, a, io.EOF)
	mustReadErr(t, a, io.EOF)
	mustReadErr(t, c, io.EOF)
	a.Close()
	c.Close()
	if n := s.Stats().Streams; n != 0 {
		t.Errorf("%d streams left", n)
	}
	peer.mustSay(s, m(1, mOpen, "b"), m(1, mEnd, ""), m(8, mEndBack, ""), m(0, mOpen, "a"), m(0, mData, "before"),
		m(7, mEndBack, ""), m(-9, mEndBack, ""), m(0, mEnd, ""), m(2, mOpen, "c"), m(2, mEnd, ""))
}

// What has no meaning is dropped, and the session goes on.
func TestMultiplexDropped(t *testing.T) {
	for name, frames := range map[string][][]byte{
		"type 7":                  {m(0, mNone, "x"), m(5, mNone, "")},
		"type 7, large":           {m(0, mNone, strings.Repeat("x", 1<<20))},
		"data for our channel":    {m(0, mDataBack, "x"), m(3, mDataBack, "x")},
		"end of our channel":      {m(0, mEndBack, ""), m(0, mEndBack, "text"), m(3, mEndBack, "")},
		"unknown channel":         {m(9, mData, "x"), m(9, mEnd, ""), m(9, mDestroy, ""), m(9, mDestroyBack, "text")},
		"negative channel":        {m(-1, mData, "x"), m(-1, mEnd, ""), m(-1, mDestroy, ""), m(-1<<28, mDestroyBack, "text")},
		"destroy of what is lazy": {m(0, mDestroyBack, "")},
		"name too long":           {m(9, mOpen, strings.Repeat("n", 256)), m(9, mData, "x"), m(10, mOpen, strings.Repeat("n", 64<<10))},
		"name not UTF-8":          {m(9, mOpen, "\xff"), m(9, mData, "x")},
		"name with control":       {m(9, mOpen, "a\nb"), m(9, mData, "x")},
		"no name":                 {m(9, mOpen, ""), m(9, mData, "x")},
		"data after the end":      {m(9, mOpen, "other"), m(9, mEnd, ""), m(9, mData, "x")},
		"long varints":            {append([]byte{0xfa, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, 0x81, 0x80, 0, 'x')},
		"header beyond 64 bits":   {append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			s, peer := multiplexRaw(t, nil)
			st := mustOpen(t, s, "x")
			peer.send(m(0, mOpen, "x"), m(0, mData, "before "))
			peer.send(frames...)
			peer.send(m(0, mData, "after"))
			mustReadText(t, st, "before after")
			peer.mustSay(s)
		})
	}
}

// Channels are what a 32-bit shift makes of the header, and no name is the number.
func TestMultiplexChannels(t *testing.T) {
	s, peer := multiplexRaw(t, nil)
	for _, channel := range []int32{0, 1, 1<<28 - 1, -1, -1 << 28} {
		name := map[int32]string{0: "0", 1: "1", 1<<28 - 1: "268435455", -1: "-1", -1 << 28: "-268435456"}[channel]
		st := mustOpen(t, s, name)
		peer.send(m(channel, mOpen, ""), m(channel, mData, "for "+name))
		mustReadText(t, st, "for "+name)
	}
	beyond := mustOpen(t, s, "2")
	peer.send([]byte{0x90, 0x80, 0x80, 0x80, 0x10, 0}, []byte{0x92, 0x80, 0x80, 0x80, 0x70, 1, 'x'}) // bit 32 and above do not count
	mustReadText(t, beyond, "x")
}

// A destroyed channel is the end of that stream and of no other. Nothing is destroyed in return.
func TestMultiplexDestroy(t *testing.T) {
	for name, test := range map[string]struct {
		frames  [][]byte
		written bool // by us, before
		read    error
		answer  [][]byte
	}{
		"theirs":          {[][]byte{m(5, mDestroy, "text")}, true, mux.ErrReset, [][]byte{m(0, mEnd, "")}},
		"theirs, lazy":    {[][]byte{m(5, mDestroy, "")}, false, mux.ErrReset, [][]byte{m(0, mOpen, "x"), m(0, mEnd, "")}},
		"ours":            {[][]byte{m(0, mDestroyBack, "")}, true, mux.ErrReset, nil},
		"as the original": {[][]byte{m(5, mEnd, ""), m(0, mDestroyBack, ""), m(5, mDestroy, "")}, true, io.EOF, nil},
		"storm": {[][]byte{m(5, mDestroy, ""), m(0, mDestroyBack, ""), m(5, mDestroy, ""), m(5, mData, "x"), m(5, mEnd, "")},
			true, mux.ErrReset, [][]byte{m(0, mEnd, "")}},
	} {
		t.Run(name, func(t *testing.T) {
			s, peer := multiplexRaw(t, nil)
			st, other := mustOpen(t, s, "x"), mustOpen(t, s, "other")
			var sent [][]byte
			if test.written {
				mustWriteText(t, st, "y")
				sent = [][]byte{m(0, mOpen, "x"), m(0, mData, "y")}
			}
			peer.send(m(5, mOpen, "x"), m(6, mOpen, "other"))
			peer.send(test.frames...)
			peer.send(m(6, mData, "lives"))
			mustReadText(t, other, "lives")
			mustReadErr(t, st, test.read)
			if _, err := st.Write([]byte("x")); err != mux.ErrReset {
				t.Errorf("write: %v", err)
			}
			if err := st.CloseWrite(); err != mux.ErrReset {
				t.Errorf("close write: %v", err)
			}
			if n := s.Stats().Streams; n != 1 {
				t.Errorf("%d streams left", n)
			}
			again := mustOpen(t, s, "x") // the name is free, and the number is not used again
			mustWriteText(t, again, "z")
			st.Close()
			peer.mustSay(s, append(append(sent, test.answer...), m(2, mOpen, "x"), m(2, mData, "z"))...)
		})
	}
}

// A channel that is opened again belongs to the new stream; the old one is told, unlike with the original.
func TestMultiplexOpenAgain(t *testing.T) {
	s, peer := multiplexRaw(t, nil)
	a, b, c := mustOpen(t, s, "a"), mustOpen(t, s, "b"), mustOpen(t, s, "c")
	peer.send(m(0, mOpen, "a"), m(0, mOpen, "b"), m(0, mData, "for b"), m(0, mEnd, ""), m(0, mOpen, "c"),
		m(1, mOpen, "unclaimed"), m(1, mData, "lost"), m(1, mOpen, "unclaimed"), m(1, mData, "kept"), m(0, mData, "for c"))
	mustReadText(t, c, "for c")
	mustReadErr(t, a, mux.ErrReset)
	mustReadText(t, b, "for b")
	mustReadErr(t, b, io.EOF)
	mustReadText(t, mustOpen(t, s, "unclaimed"), "kept")
	peer.mustSay(s, m(0, mOpen, "a"), m(0, mEnd, ""))
}

// A name is in use until it is certain that what comes next under it is the new stream's.
func TestMultiplexNameInUse(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, peer := multiplexRaw(t, nil)
		inUse := func(when string) {
			t.Helper()
			synctest.Wait()
			var name *mux.NameError
			if _, err := s.Open(t.Context(), "x"); !errors.As(err, &name) || name.Problem != "in use" {
				t.Fatalf("%s: %v", when, err)
			}
		}
		st := mustOpen(t, s, "x")
		inUse("new")
		peer.send(m(0, mOpen, "x"))
		inUse("open at both ends")
		st.CloseWrite()
		inUse("half closed")
		peer.send(m(0, mEnd, ""))
		inUse("its end is not read")
		mustReadErr(t, st, io.EOF)
		second := mustOpen(t, s, "x")
		second.Close()
		inUse("closed, and the peer may still write to it")
		peer.send(m(1, mOpen, "x"), m(1, mData, "for the second"))
		synctest.Wait()
		third := mustOpen(t, s, "x")
		peer.send(m(2, mOpen, "x"), m(2, mData, "for the third"))
		mustReadText(t, third, "for the third")
		third.Close()
		fourth := mustOpen(t, s, "x")
		fourth.Close()
		time.Sleep(59 * time.Second)
		inUse("a minute is not over")
		time.Sleep(time.Second)
		synctest.Wait()
		mustOpen(t, s, "x")
		if n := s.Stats().Streams; n != 1 {
			t.Fatalf("%d streams left", n)
		}
		s.Close()
		peer.Close()
	})
}

// A carrier that ends within a frame is no orderly end, wherever it does.
func TestMultiplexTruncatedFrame(t *testing.T) {
	whole := [][]byte{m(0, mOpen, "x"), m(100, mData, "text"), m(0, mData, "text"), m(1, mNone, "text")}
	all := bytes.Join(whole, nil)
	ends := map[int]bool{0: true}
	n := 0
	for _, f := range whole {
		n += len(f)
		ends[n] = true
	}
	for cut := range len(all) + 1 {
		s, peer := multiplexRaw(t, nil)
		peer.send(all[:cut])
		peer.Conn.(*memnet.Conn).CloseWrite()
		<-s.Done()
		if err := s.Err(); ends[cut] != (err == mux.ErrRemoteClosed) || ends[cut] == errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: %v", cut, err)
		}
		s.Close()
	}
}

func TestMultiplexOpenErrors(t *testing.T) {
	s, peer := multiplexRaw(t, nil)
	for _, name := range []string{"", "a\nb", "\xff", strings.Repeat("n", 256)} {
		if _, err := s.Open(t.Context(), name); !errors.As(err, new(*mux.NameError)) {
			t.Errorf("name %.10q: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCut)
	if _, err := s.Open(ctx, "x"); err != errCut {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Accept(ctx); err != errCut {
		t.Errorf("accept: %v", err)
	}
	st := mustOpen(t, s, "name")
	if st.Name() != "name" || st.LocalAddr() == nil || st.RemoteAddr() == nil {
		t.Errorf("%q, %v, %v", st.Name(), st.LocalAddr(), st.RemoteAddr())
	}
	if n, err := st.Read(nil); n != 0 || err != nil {
		t.Errorf("read of nothing: %d, %v", n, err)
	}
	st.CloseWrite()
	if _, err := st.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after CloseWrite: %v", err)
	}
	peer.mustSay(s, m(0, mOpen, "name"), m(0, mEnd, ""))
}
