package mux_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// Sessions within a stream of a session, as a relayed one is.
func TestMultiplexNested(t *testing.T) {
	a, b := tcpPipe(t)
	outer := multiplexPair(t, a, b, nil, nil)
	x, y := shared(t, outer, "relay:0")
	inner := multiplexPair(t, x, y, nil, nil)
	out, in := shared(t, inner, "data")
	want := randomBytes(3 << 20)
	go func() { out.Write(want); out.Close() }()
	if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
}

// The same name again and again, with one stream after the other.
func TestMultiplexReopen(t *testing.T) {
	a, b := tcpPipe(t)
	fast := &mux.Config{StreamsPerSecond: 1e6, StreamBurst: 1e6}
	p := multiplexPair(t, a, b, fast, fast)
	for i := range 300 {
		x, y := shared(t, p, "data")
		want := fmt.Sprint("stream ", i)
		mustWriteText(t, x, want)
		x.CloseWrite()
		mustReadText(t, y, want)
		mustReadErr(t, y, io.EOF)
		y.CloseWrite()
		mustReadErr(t, x, io.EOF)
		x.Close()
		y.Close()
	}
	if x, y := p.client.Stats(), p.server.Stats(); x.Streams+y.Streams+x.Promised+y.Promised != 0 {
		t.Fatalf("left: %+v %+v", x, y)
	}
}

// Frames go out in the order of the Writes, whatever their size and stream.
func TestMultiplexOrder(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 1 << 20}.Pipe()
		g := &gate{Conn: b, open: make(chan struct{})}
		s, err := mux.Multiplex(g, nil)
		if err != nil {
			t.Fatal(err)
		}
		bulk, control, relay := mustOpen(t, s, "bulk"), mustOpen(t, s, "control"), mustOpen(t, s, "relay")
		large := string(randomBytes(64 << 10))
		mustWriteText(t, bulk, "first")
		synctest.Wait()
		mustWriteText(t, bulk, large)
		mustWriteText(t, control, "res")
		relay.Close()
		bulk.Close()
		close(g.open)
		peer := &rawPeer{t, a}
		peer.mustSay(s, m(0, mOpen, "bulk"), m(0, mData, "first"), m(0, mData, large), m(1, mOpen, "control"), m(1, mData, "res"),
			m(2, mOpen, "relay"), m(2, mEnd, ""), m(0, mEnd, ""))
		a.Close()
	})
}

// A carrier that takes nothing does not keep Write beyond its deadline, nor the session's Close beyond a second; and when
// it goes on it has been given whole frames, of exactly what Write has said that it wrote.
func TestMultiplexStalledCarrier(t *testing.T) {
	for _, goesOn := range []bool{true, false} {
		bubble.Run(t, func(t *testing.T) {
			a, b := memnet.PipeConfig{Buffer: 100}.Pipe()
			s, err := mux.Multiplex(b, nil)
			if err != nil {
				t.Fatal(err)
			}
			st, waits := mustOpen(t, s, "stalled"), mustOpen(t, s, "waits")
			start := time.Now()
			st.SetWriteDeadline(start.Add(3 * time.Second))
			n, err := st.Write(make([]byte, 1<<20))
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took != 3*time.Second {
				t.Errorf("took %v", took)
			}
			if q := s.Stats().Queued; n == 0 || q > 129<<10 || n > 4*64<<10 {
				t.Errorf("wrote %d, %d queued", n, q)
			}
			waits.SetWriteDeadline(time.Now().Add(time.Second))
			if n, err := waits.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %d, %v", n, err)
			}
			if goesOn {
				all := make(chan []byte)
				go func() { b, _ := io.ReadAll(a); all <- b }()
				st.SetWriteDeadline(time.Time{})
				mustWriteText(t, st, "more")
				s.Close()
				frames, rest := parseMultiplex(<-all)
				got := 0
				for _, f := range frames {
					if f.channel != 0 {
						t.Errorf("channel %d", f.channel)
					}
					if f.kind == mData {
						got += len(f.payload)
					}
				}
				if len(rest) != 0 || got != n+4 {
					t.Errorf("the peer got %d bytes of %d, and %d of a frame that was cut", got, n+4, len(rest))
				}
			} else {
				start = time.Now()
				s.Close()
				if took := time.Since(start); took != time.Second {
					t.Errorf("close took %v", took)
				}
			}
			a.Close()
		})
	}
}

// Streams that wait for the queue take turns, and one that gives up does not hold up the next.
func TestMultiplexQueueIsFair(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 64 << 10, Rate: 1 << 20}.Pipe()
		p := multiplexPair(t, a, b, nil, nil)
		var wg sync.WaitGroup
		var got [3]int
		for i := range got {
			out, in := shared(t, p, fmt.Sprint(i))
			out.SetWriteDeadline(time.Now().Add(10 * time.Second))
			wg.Go(func() { out.Write(make([]byte, 100<<20)); out.CloseWrite() })
			wg.Go(func() { n, _ := io.Copy(io.Discard, in); got[i] = int(n) })
		}
		quitter := mustOpen(t, p.client, "quitter")
		wg.Go(func() { quitter.Write(make([]byte, 1<<20)) })
		time.Sleep(50 * time.Millisecond)
		quitter.Close()
		wg.Wait()
		for _, n := range got {
			if n < 3<<20 || n > 4<<20 {
				t.Errorf("bytes of the streams: %v", got)
				break
			}
		}
		p.client.Close()
		p.server.Close()
	})
}

// After Close and Reset local calls fail, and the peer reads EOF after what was written.
func TestMultiplexReset(t *testing.T) {
	for name, end := range map[string]func(mux.Stream) error{"close": mux.Stream.Close, "reset": mux.Stream.Reset} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				a, b := memnet.Pipe()
				p := multiplexPair(t, a, b, nil, nil)
				x, y := shared(t, p, "x")
				mustWriteText(t, x, "last")
				mustWriteText(t, y, "unread")
				errs := make(chan error, 2)
				go func() { _, err := io.Copy(io.Discard, x); errs <- err }()
				synctest.Wait()
				if err := end(x); err != nil {
					t.Error(err)
				}
				if err := <-errs; !errors.Is(err, net.ErrClosed) {
					t.Errorf("blocked read: %v", err)
				}
				mustBeClosed(t, x)
				mustReadText(t, y, "last")
				mustReadErr(t, y, io.EOF)
				mustWriteText(t, y, "nobody hears this")
				y.Close()
				synctest.Wait()
				for _, s := range []mux.Session{p.client, p.server} {
					if st := s.Stats(); st.Streams != 0 || st.Promised != 0 || st.Buffered != 0 || st.RTT != 0 {
						t.Errorf("left: %+v", st)
					}
					s.Close()
				}
			})
		})
	}
}

// Whatever a session is doing, it ends at once and all calls with it.
func TestMultiplexEndInEveryPhase(t *testing.T) {
	phases := map[string]func(t *testing.T, p pair) []func() error{
		"idle": func(*testing.T, pair) []func() error { return nil },
		"accepting": func(t *testing.T, p pair) []func() error {
			return []func() error{func() error { _, err := p.client.Accept(t.Context()); return err }}
		},
		"opening": func(t *testing.T, p pair) []func() error {
			mustOpen(t, p.client, "only one")
			return []func() error{func() error { _, err := p.client.Open(t.Context(), "x"); return err }}
		},
		"unclaimed": func(t *testing.T, p pair) []func() error {
			mustWriteText(t, mustOpen(t, p.server, "x"), "unheard")
			return nil
		},
		"unclaimed and full": func(t *testing.T, p pair) []func() error {
			st := mustOpen(t, p.client, "x")
			go st.Write(make([]byte, 1<<20))
			return nil
		},
		"reading": func(t *testing.T, p pair) []func() error {
			st := mustOpen(t, p.client, "x")
			return []func() error{func() error { _, err := st.Read(make([]byte, 1)); return err }}
		},
		"writing": func(t *testing.T, p pair) []func() error {
			st, _ := shared(t, p, "x")
			write := func() error { _, err := st.Write(make([]byte, 8<<20)); return err }
			return []func() error{write, write}
		},
		"closing": func(t *testing.T, p pair) []func() error {
			st, _ := shared(t, p, "x")
			mustWriteText(t, st, "x")
			st.Close()
			return nil
		},
	}
	for phase, begin := range phases {
		for ending, e := range endings {
			t.Run(phase+"/"+ending, func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					a, b := memnet.Pipe()
					one := &mux.Config{MaxStreams: 1, UnreadBytes: mux.Window}
					p := multiplexPair(t, a, b, one, one)
					start := e.mustEnd(t, p, b, begin(t, p))
					p.client.Release()
					p.client.Close()
					p.server.Close()
					// A session that does not read its carrier lets the other's Close linger.
					if took := time.Since(start); took > time.Second || took > 0 && phase != "writing" && phase != "unclaimed and full" {
						t.Errorf("took %v", took)
					}
					if _, err := p.client.Open(t.Context(), "y"); err == nil {
						t.Error("opened after the end")
					}
				})
			})
		}
	}
}

// A carrier whose Write fails first does not take away what the peer had sent, and ends the session all the same.
func TestMultiplexWriteFailure(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		p := multiplexPair(t, a, writeFails{b}, nil, nil)
		x, y := shared(t, p, "x")
		mustWriteText(t, y, "this fails")
		synctest.Wait()
		mustWriteText(t, x, "last words")
		mustReadText(t, y, "last words")
		start := time.Now()
		if _, err := y.Read(make([]byte, 1)); !errors.Is(err, errCut) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
		p.server.Release()
		p.client.Close()
	})
}

// The same over TCP and in real time, where goroutines are caught wherever they are.
func TestMultiplexCloseAtAnyMoment(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	fast := &mux.Config{StreamsPerSecond: 1e6, StreamBurst: 1e6}
	for range 30 {
		a, b := tcpPipe(t)
		p := multiplexPair(t, a, b, fast, fast)
		var wg sync.WaitGroup
		for i := range 4 {
			for _, s := range []mux.Session{p.client, p.server} {
				wg.Go(func() {
					for {
						st, err := s.Open(context.Background(), fmt.Sprint(i))
						if err != nil {
							if errors.As(err, new(*mux.NameError)) {
								continue
							}
							return
						}
						wg.Go(func() { st.Write(make([]byte, 100<<10)); st.CloseWrite() })
						io.Copy(io.Discard, st)
						st.Close()
					}
				})
			}
		}
		last, echo := shared(t, p, "last")
		mustWriteText(t, last, "x")
		mustReadText(t, echo, "x")
		wg.Go(func() { p.client.Close() })
		wg.Go(func() { p.server.Close() })
		wg.Wait()
		for _, s := range []mux.Session{p.client, p.server} {
			if st := s.Stats(); st.Streams+st.Promised+st.Buffered != 0 {
				t.Fatalf("left: %+v", st)
			}
		}
	}
}

// Flush waits until the carrier has been given what was queued before, and for nothing after.
func TestMultiplexFlush(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 10, Rate: 10}.Pipe()
		s, err := mux.Multiplex(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, a)
		start := time.Now()
		if err := s.Flush(t.Context()); err != nil {
			t.Errorf("nothing to flush: %v", err)
		}
		st := mustOpen(t, s, "x")
		mustWriteText(t, st, string(make([]byte, 95)))
		flushed := make(chan error, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { flushed <- s.Flush(ctx) }()
		go func() { flushed <- s.Flush(t.Context()) }()
		synctest.Wait()
		mustWriteText(t, st, string(make([]byte, 1000)))
		if err := <-flushed; !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		if err := <-flushed; err != nil || time.Since(start) > 11*time.Second || time.Since(start) < 9*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		go func() { flushed <- s.Flush(t.Context()) }()
		synctest.Wait()
		a.Close()
		if err := <-flushed; err == nil {
			t.Error("flushed to nowhere")
		}
		s.Close()
	})
}

// A session that ends while the carrier is being read, with nothing left to read, keeps nothing.
func TestMultiplexEndWithinFrame(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		s, err := mux.Multiplex(writeFails{b}, nil)
		if err != nil {
			t.Fatal(err)
		}
		st := mustOpen(t, s, "x")
		whole := m(0, mData, "text")
		(&rawPeer{t, a}).send(m(0, mOpen, "x"), whole[:len(whole)-1])
		mustReadText(t, st, "tex")
		mustWriteText(t, st, "this fails")
		s.Release()
		if got := s.Stats(); got.Streams != 0 || got.Promised != 0 || !errors.Is(s.Err(), errCut) {
			t.Errorf("left: %+v, %v", got, s.Err())
		}
		a.Close()
	})
}
