package mux_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// phases are what a session may be doing when it ends. Each returns calls that are then blocked; they must return.
var phases = map[string]func(*testing.T, pair) []func() error{
	"idle": func(*testing.T, pair) []func() error { return nil },
	"accepting": func(t *testing.T, p pair) []func() error {
		return []func() error{
			func() error { _, err := p.client.Accept(context.Background()); return err },
			func() error { _, err := p.client.Accept(context.Background()); return err },
		}
	},
	"opening": func(t *testing.T, p pair) []func() error {
		for range mux.DefaultMaxStreams {
			if _, err := p.client.Open(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		return []func() error{func() error { _, err := p.client.Open(context.Background(), "x"); return err }}
	},
	"opened": func(t *testing.T, p pair) []func() error {
		if _, err := p.client.Open(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		return nil
	},
	"not accepted": func(t *testing.T, p pair) []func() error {
		st, err := p.server.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		st.Write([]byte("unheard"))
		return nil
	},
	"reading": func(t *testing.T, p pair) []func() error {
		a, _ := open(t, p.client, p.server)
		return []func() error{func() error { _, err := a.Read(make([]byte, 1)); return err }}
	},
	"writing": func(t *testing.T, p pair) []func() error {
		a, _ := open(t, p.client, p.server)
		return []func() error{func() error { _, err := a.Write(make([]byte, 1<<20)); return err }}
	},
	"closing": func(t *testing.T, p pair) []func() error {
		a, _ := open(t, p.client, p.server)
		a.Write([]byte("x"))
		a.Close()
		return nil
	},
	"resetting": func(t *testing.T, p pair) []func() error {
		a, _ := open(t, p.client, p.server)
		a.Reset()
		return nil
	},
}

// ending is how it ends, and what the client's calls then return.
type ending struct {
	end  func(pair, *memnet.Conn)
	want error // nil is any
}

var endings = map[string]ending{
	"close":         {func(p pair, _ *memnet.Conn) { p.client.Close() }, net.ErrClosed},
	"peer's close":  {func(p pair, _ *memnet.Conn) { p.server.Close() }, mux.ErrRemoteClosed},
	"carrier's end": {func(_ pair, c *memnet.Conn) { c.Close() }, nil},
	"cut":           {func(_ pair, c *memnet.Conn) { c.Cut(errCut) }, errCut},
}

var errCut = errors.New("cut")

// mustEnd ends the client's session, whose carrier's other end is carrier, while calls are blocked, and fails unless they
// return. It returns when that began.
func (e ending) mustEnd(t *testing.T, p pair, carrier *memnet.Conn, calls []func() error) time.Time {
	t.Helper()
	errs := make(chan error)
	for _, call := range calls {
		go func() { errs <- call() }()
	}
	synctest.Wait()
	start := time.Now()
	e.end(p, carrier)
	for range calls {
		if err := <-errs; err == nil || e.want != nil && !errors.Is(err, e.want) {
			t.Errorf("got %v", err)
		}
	}
	<-p.client.Done()
	if err := p.client.Err(); err == nil || e.want != nil && !errors.Is(err, e.want) {
		t.Errorf("session's error: %v", err)
	}
	return start
}

func TestEndInEveryPhase(t *testing.T) {
	for phase, begin := range phases {
		for ending, e := range endings {
			t.Run(phase+"/"+ending, func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					a, b := memnet.Pipe()
					p := connect(t, a, b, nil, nil)
					start := e.mustEnd(t, p, b, begin(t, p))
					<-p.server.Done()
					synctest.Wait()
					p.client.Close()
					p.server.Close()
					if took := time.Since(start); took != 0 {
						t.Errorf("took %v", took)
					}
					if _, err := p.client.Open(t.Context(), "x"); err == nil {
						t.Error("opened after the end")
					}
					if _, err := p.client.Accept(t.Context()); err == nil && ending == "close" {
						t.Error("accepted after Close")
					}
				})
			})
		}
	}
}

// The same over TCP and in real time, where goroutines are caught wherever they are.
func TestCloseAtAnyMoment(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for range 50 {
		a, b := tcpPipe(t)
		c, err := mux.Client(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := mux.Server(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				st, err := s.Accept(context.Background())
				if err != nil {
					return
				}
				wg.Go(func() { io.Copy(st, st); st.Close() })
			}
		})
		for range 4 {
			wg.Go(func() {
				for {
					st, err := c.Open(context.Background(), "x")
					if err != nil {
						return
					}
					wg.Go(func() { st.Write(make([]byte, 100<<10)); st.CloseWrite() })
					io.Copy(io.Discard, st)
					st.Close()
				}
			})
		}
		st, err := c.Open(context.Background(), "last")
		if err != nil {
			t.Fatal(err)
		}
		st.Write([]byte("x"))
		io.ReadFull(st, make([]byte, 1))
		wg.Go(func() { c.Close() })
		wg.Go(func() { s.Close() })
		c.Close()
		wg.Wait()
	}
}

// A carrier whose Write fails first does not take away what the peer had sent.
func TestWriteFailureLeavesReading(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Delay: 10 * time.Millisecond, Buffer: 1 << 20}.Pipe()
		p := connect(t, a, writeFails{b}, nil, nil)
		st, err := p.client.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		st.Write([]byte("last words"))
		st.Close()
		go p.client.Close()
		in, err := p.server.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		in.Write([]byte("this fails"))
		if got, err := io.ReadAll(in); string(got) != "last words" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		<-p.server.Done()
		p.server.Close()
	})
}

type writeFails struct{ net.Conn }

func (writeFails) Write([]byte) (int, error) { return 0, errCut }

// When only writing fails and nothing ends the reading, the session still ends.
func TestWriteFailureEnds(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		s, err := mux.Client(writeFails{a}, nil)
		if err != nil {
			t.Fatal(err)
		}
		st, err := s.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		st.Write([]byte("x"))
		start := time.Now()
		released := make(chan struct{})
		go func() { s.Release(); close(released) }()
		synctest.Wait()
		select {
		case <-released:
			t.Error("released before the end")
		case <-s.Done():
			t.Error("ended at once")
		default:
		}
		if _, err := st.Read(make([]byte, 1)); !errors.Is(err, errCut) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
		if err := s.Err(); !errors.Is(err, errCut) {
			t.Errorf("session: %v", err)
		}
		<-released
		s.Close()
		b.Close()
	})
}

func TestGoAway(t *testing.T) {
	s, peer := serveRaw(t, nil)
	peer.send(opening(1), frame(goAway, 0, 0, 0), dataFrame(0, 1, []byte("more")))
	st, err := s.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(st, make([]byte, 4)); err != nil {
		t.Fatalf("streams go on: %v", err)
	}
	if _, err := s.Open(t.Context(), "x"); err != mux.ErrRemoteClosed {
		t.Fatalf("open: %v", err)
	}
	peer.Conn.(*memnet.Conn).Cut(errCut) // however it ends then, it was said
	<-s.Done()
	if s.Err() != mux.ErrRemoteClosed {
		t.Fatalf("got %v", s.Err())
	}
}
