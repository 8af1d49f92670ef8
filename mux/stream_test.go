package mux_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// randomBytes returns n bytes that differ from chunk to chunk.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// memoryPair is a pair over an instant pipe.
func memoryPair(t testing.TB) pair {
	a, b := memnet.Pipe()
	return connect(t, a, b, nil, nil)
}

func TestHalfClose(t *testing.T) {
	p := memoryPair(t)
	a, b := open(t, p.client, p.server)
	a.Write([]byte("question"))
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("write after CloseWrite: %v", err)
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatalf("second CloseWrite: %v", err)
	}
	big := randomBytes(1 << 20)
	go func() { b.Write(big); b.Close() }()
	if got, err := io.ReadAll(a); !bytes.Equal(got, big) || err != nil {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	if _, err := a.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("read after EOF: %v", err)
	}
	a.Close()
	if err := a.CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("CloseWrite after Close: %v", err)
	}
}

func TestCloseLosesNothing(t *testing.T) {
	big := randomBytes(8 << 20)
	for name, end := range map[string]func(mux.Session, mux.Stream){
		"stream":             func(_ mux.Session, st mux.Stream) { st.Close() },
		"write side":         func(_ mux.Session, st mux.Stream) { st.CloseWrite() },
		"stream and session": func(s mux.Session, st mux.Stream) { st.Close(); s.Close() },
	} {
		for carrier, pipe := range carriers {
			t.Run(name+"/"+carrier, func(t *testing.T) {
				if carrier == "slow reads" && name == "stream and session" {
					t.Skip("takes longer than the session lingers")
				}
				want := big
				if carrier == "slow reads" {
					want = big[:300<<10]
				}
				eachFraming(t, func(t *testing.T, f framing) {
					a, b := pipe(t)
					p := f.connect(t, a, b, nil, nil)
					st, other := f.open(t, p)
					go func() {
						st.Write(want)
						end(p.client, st)
					}()
					got, err := io.ReadAll(other())
					if err != nil || sha256.Sum256(got) != sha256.Sum256(want) {
						t.Fatalf("got %d bytes of %d, %v", len(got), len(want), err)
					}
				})
			})
		}
	}
}

// What was sent before the session's end is there for who accepts later.
func TestAcceptAfterTheEnd(t *testing.T) {
	p := memoryPair(t)
	for range 3 {
		st, err := p.client.Open(t.Context(), "late")
		if err != nil {
			t.Fatal(err)
		}
		st.Write([]byte("news"))
		st.CloseWrite()
	}
	p.client.Close()
	<-p.server.Done()
	for range 3 {
		st, err := p.server.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(st); string(got) != "news" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		if _, err := st.Write([]byte("x")); !errors.Is(err, mux.ErrRemoteClosed) {
			t.Fatalf("write: %v", err)
		}
		if err := st.CloseWrite(); !errors.Is(err, mux.ErrRemoteClosed) {
			t.Fatalf("close write: %v", err)
		}
		st.Close()
	}
	if _, err := p.server.Accept(t.Context()); err != mux.ErrRemoteClosed {
		t.Fatalf("got %v", err)
	}
	if st := p.server.Stats(); st.Streams != 0 || st.Promised != 0 {
		t.Fatalf("left: %+v", st)
	}
}

// What had arrived before the peer closed the session can still be read. An EOF that the peer did not say is none.
func TestTruncation(t *testing.T) {
	eachFraming(t, func(t *testing.T, f framing) {
		a, b := memnet.Pipe()
		p, x, y := f.pipe(t, a, b)
		mustWriteText(t, x, "half")
		p.client.Close()
		p.server.Release()
		got, err := io.ReadAll(y)
		if string(got) != "half" || !errors.Is(err, mux.ErrRemoteClosed) || p.server.Err() != mux.ErrRemoteClosed {
			t.Fatalf("got %q, %v", got, err)
		}
	})
}

func TestSlowReader(t *testing.T) {
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			a, b := carrier(t)
			p := connect(t, a, b, nil, nil)
			slow, unread := open(t, p.client, p.server)
			var wg sync.WaitGroup
			defer wg.Wait()
			defer slow.Close()
			wg.Go(func() { slow.Write(make([]byte, 10<<20)) }) // blocks: nobody reads
			fast, other := open(t, p.client, p.server)
			wg.Go(func() { io.Copy(other, other) })
			want := randomBytes(1000)
			for range 100 {
				fast.Write(want)
				got := make([]byte, len(want))
				if _, err := io.ReadFull(fast, got); err != nil || !bytes.Equal(got, want) {
					t.Fatal(err)
				}
			}
			fast.Close()
			unread.Close()
		})
	}
}

// A closed stream whose peer is still writing, or waits for room to: the writer hears of it.
func TestCloseWhilePeerWrites(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, more := range []int{0, 1 << 20} {
			p := memoryPair(t)
			a, b := open(t, p.client, p.server)
			failed := make(chan error)
			go func() {
				a.Write([]byte("some"))
				_, err := a.Write(make([]byte, more))
				for err == nil {
					_, err = a.Write([]byte("and more"))
					time.Sleep(time.Second)
				}
				failed <- err
			}()
			synctest.Wait()
			b.Close()
			if err := <-failed; err != mux.ErrReset {
				t.Fatalf("got %v", err)
			}
			if _, err := a.Read(make([]byte, 1)); err != io.EOF { // b did close, after all
				t.Fatalf("read: %v", err)
			}
			a.Close()
			synctest.Wait()
			for _, s := range []mux.Session{p.client, p.server} {
				if st := s.Stats(); st.Streams != 0 || st.Promised != 0 || st.Buffered != 0 {
					t.Fatalf("left: %+v", st)
				}
				s.Close()
			}
		}
	})
}

// A closed stream whose peer never closes is given up.
func TestCloseTimeout(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := memoryPair(t)
		a, b := open(t, p.client, p.server)
		a.Close()
		time.Sleep(59 * time.Second)
		if st := p.client.Stats(); st.Streams != 1 {
			t.Fatalf("gone early: %+v", st)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if st := p.client.Stats(); st.Streams != 0 {
			t.Fatalf("still there: %+v", st)
		}
		if _, err := b.Write([]byte("x")); err != mux.ErrReset {
			t.Fatalf("got %v", err)
		}
		p.client.Close()
		p.server.Close()
	})
}

// mustBeClosed fails unless all calls on st say that it was closed, and closing it again does nothing.
func mustBeClosed(t *testing.T, st mux.Stream) {
	t.Helper()
	for name, op := range map[string]func() error{
		"Read":        func() error { _, err := st.Read(make([]byte, 1)); return err },
		"Write":       func() error { _, err := st.Write(make([]byte, 1)); return err },
		"CloseWrite":  st.CloseWrite,
		"SetDeadline": func() error { return st.SetDeadline(time.Now()) },
	} {
		if err := op(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
	if st.Reset() != nil || st.Close() != nil {
		t.Error("closing again failed")
	}
}

func TestReset(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := memoryPair(t)
		a, b := open(t, p.client, p.server)
		errs := make(chan error, 2)
		go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := a.Write(make([]byte, 1<<20)); errs <- err }()
		synctest.Wait()
		b.Reset()
		for range 2 {
			if err := <-errs; err != mux.ErrReset {
				t.Fatalf("got %v", err)
			}
		}
		mustBeClosed(t, b)
		if a.Close() != nil {
			t.Fatal("closing after the peer's Reset failed")
		}
		synctest.Wait()
		if c, s := p.client.Stats(), p.server.Stats(); c.Streams+s.Streams+c.Promised+s.Promised != 0 {
			t.Fatalf("left: %+v %+v", c, s)
		}
		p.client.Close()
		p.server.Close()
	})
}

// Close unblocks everybody, whatever they wait for.
func TestCloseUnblocks(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := memoryPair(t)
		a, _ := open(t, p.client, p.server)
		errs := make(chan error, 4)
		go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := a.Write(make([]byte, 1<<20)); errs <- err }() // has the turn
		synctest.Wait()
		go func() { _, err := a.Write([]byte("x")); errs <- err }() // waits for it
		synctest.Wait()
		a.Close()
		for range 3 {
			if err := <-errs; err != net.ErrClosed {
				t.Fatalf("got %v", err)
			}
		}
		p.client.Close()
		p.server.Close()
	})
}

// A carrier that takes nothing does not keep Write beyond its deadline, nor the session's Close beyond a second.
func TestStalledCarrier(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 1}.Pipe()
		s, err := mux.Client(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		st, err := s.Open(t.Context(), "stalled")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		st.SetWriteDeadline(start.Add(3 * time.Second))
		n, err := st.Write(make([]byte, 1<<20))
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Fatalf("took %v", took)
		}
		if n == 0 || n > 256<<10 {
			t.Fatalf("wrote %d", n)
		}
		if q := s.Stats().Queued; q > 128<<10 {
			t.Fatalf("%d bytes queued", q)
		}
		other, err := s.Open(t.Context(), "other") // the queue is full of bulk, not closed to others
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Write([]byte("small")); err != nil {
			t.Fatal(err)
		}
		other.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := other.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		start = time.Now()
		s.Close()
		if took := time.Since(start); took != time.Second {
			t.Fatalf("close took %v", took)
		}
		b.Close()
	})
}

// Writes of several goroutines do not mix.
func TestConcurrentWriters(t *testing.T) {
	eachFraming(t, func(t *testing.T, f framing) {
		a, b := memnet.Pipe()
		_, x, y := f.pipe(t, a, b)
		const writers, size = 8, 200 << 10
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() { x.Write(bytes.Repeat([]byte{byte(i)}, size)) })
		}
		go func() { wg.Wait(); x.Close() }()
		got, err := io.ReadAll(y)
		if err != nil || len(got) != writers*size {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
		for ; len(got) > 0; got = got[size:] {
			if !bytes.Equal(got[:size], bytes.Repeat(got[:1], size)) {
				t.Fatal("two writes mixed")
			}
		}
	})
}

func TestAddrs(t *testing.T) {
	a, b := memnet.Pipe()
	here, there := memnet.Addr{Net: "x", Name: "here"}, memnet.Addr{Net: "x", Name: "there"}
	p := connect(t, a, b, nil, &mux.Config{LocalAddr: here, RemoteAddr: there})
	x, y := open(t, p.client, p.server)
	if x.LocalAddr() != a.LocalAddr() || x.RemoteAddr() != a.RemoteAddr() {
		t.Errorf("carrier's: %v %v", x.LocalAddr(), x.RemoteAddr())
	}
	if y.LocalAddr() != here || y.RemoteAddr() != there {
		t.Errorf("configured: %v %v", y.LocalAddr(), y.RemoteAddr())
	}
	if x.Name() != "test" || y.Name() != "test" {
		t.Errorf("names %q %q", x.Name(), y.Name())
	}
}
