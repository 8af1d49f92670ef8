package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// Close in every phase of a connection's life returns, releases everything
// (the bubble fails otherwise) and makes calls under way return ErrClosed.
func TestCloseInEveryPhase(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration // one way is 100 ms
	}{
		{"noise", 50 * time.Millisecond},
		{"hello", 250 * time.Millisecond},
		{"connected", 450 * time.Millisecond},
	} {
		for _, who := range []string{"dialer", "acceptor"} {
			t.Run(tt.name+"/"+who, func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					w := newWorld(t)
					a, b := w.node(), w.node()
					near, far := memnet.PipeConfig{Delay: 100 * time.Millisecond}.Pipe()
					accepted, connected := make(chan error, 1), make(chan error, 1)
					go func() {
						_, err := a.Accept(context.Background(), far)
						accepted <- err
					}()
					go func() {
						_, err := b.Connect(context.Background(), near)
						connected <- err
					}()
					time.Sleep(tt.after)
					closed, own, other := b, connected, accepted
					if who == "acceptor" {
						closed, own, other = a, accepted, connected
					}
					closed.Close()
					if err := <-own; err != nil && !errors.Is(err, net.ErrClosed) {
						t.Errorf("the closed side's call: %v, want ErrClosed", err)
					}
					if err := <-other; err != nil && isTimeout(err) {
						t.Errorf("the other side's call: %v", err)
					}
					if a.NumPeers()+b.NumPeers() > 1 {
						t.Error("the closed exchange has a peer")
					}
				})
			})
		}
	}
}

func TestCloseWhileMeeting(t *testing.T) {
	// One way is 100 ms on every link: query until 200 ms, circuit until
	// about 600 ms, then the upgrade.
	for _, who := range []string{"asker", "relay", "candidate"} {
		for at := 50 * time.Millisecond; at < 1800*time.Millisecond; at += 100 * time.Millisecond {
			t.Run(who+"/"+at.String(), func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					w := newWorld(t)
					w.web.delay = 100 * time.Millisecond
					a, b, c := w.node(), w.node(), w.node()
					for _, n := range []*node{b, c} {
						near, far := memnet.PipeConfig{Delay: 100 * time.Millisecond}.Pipe()
						go a.Accept(context.Background(), far)
						if _, err := n.Connect(context.Background(), near); err != nil {
							t.Fatal(err)
						}
					}
					done := make(chan error, 1)
					go func() {
						_, err := c.GetNewPeer(context.Background())
						done <- err
					}()
					time.Sleep(at)
					map[string]*node{"asker": c, "relay": a, "candidate": b}[who].Close()
					err := <-done
					if who == "asker" && err != nil && !errors.Is(err, exchange.ErrClosed) {
						t.Errorf("GetNewPeer: %v, want ErrClosed", err)
					}
				})
			})
		}
	}
}

func TestAfterClose(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect(a)
		l, err := b.Listen("x")
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		b.Close()
		ours, theirs := memnet.Pipe()
		defer theirs.Close()
		for what, call := range map[string]func() error{
			"Connect":    func() error { _, err := b.Connect(context.Background(), ours); return err },
			"Accept":     func() error { _, err := b.Accept(context.Background(), ours); return err },
			"GetNewPeer": func() error { _, err := b.GetNewPeer(context.Background()); return err },
			"Serve":      func() error { return b.Serve(memnet.Listen("late", nil)) },
			"Listen":     func() error { _, err := b.Listen("late"); return err },
			"Listener":   func() error { _, err := b.Listener().Accept(); return err },
			"listener":   func() error { _, err := l.Accept(); return err },
			"OpenStream": func() error { _, err := x.Peer().OpenStream(context.Background(), "s"); return err },
			"Write":      func() error { _, err := x.Write([]byte("x")); return err },
			"Peer.Err":   func() error { return x.Peer().Err() },
		} {
			if err := call(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v, want net.ErrClosed", what, err)
			}
		}
		var remote *exchange.RemoteError
		if err := a.left(b.ID()); !errors.As(err, &remote) {
			t.Errorf("the other side was told %v", err)
		}
		if _, err := y.Read(make([]byte, 1)); err == nil {
			t.Error("the other side's stream still reads")
		}
	})
}

// What was written before Shutdown arrives whole.
func TestShutdownLosesNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		near, far := memnet.PipeConfig{Delay: 50 * time.Millisecond, Buffer: 1 << 20}.Pipe()
		go func() {
			if c, err := a.Accept(context.Background(), far); err == nil {
				a.Deliver(c)
			}
		}()
		x, err := b.Connect(context.Background(), near)
		if err != nil {
			t.Fatal(err)
		}
		y := a.accept()
		want := bytes.Repeat([]byte("all of it "), 300_000)
		down := make(chan error, 1)
		go func() {
			if _, err := x.Write(want); err != nil {
				t.Errorf("Write: %v", err)
			}
			x.Close()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			down <- b.Shutdown(ctx)
		}()
		got, err := io.ReadAll(y)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %d bytes of %d, %v", len(got), len(want), err)
		}
		if err := <-down; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

func TestShutdownWaits(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect(a)
		began := time.Now()
		time.AfterFunc(3*time.Second, func() { x.Close() })
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(began); took < 3*time.Second || took > 6*time.Second {
			t.Errorf("took %v; the stream was closed after 3 s", took)
		}
		y.Close()

		c := w.node()
		c.connect(a)
		ctx, cancel = context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown with a stream that stays open: %v, want the context's error", err)
		}
	})
}

func TestPeerClose(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect(a)
		if _, err := x.Write([]byte("last words")); err != nil {
			t.Fatal(err)
		}
		x.Peer().Close()
		got, _ := io.ReadAll(y)
		if string(got) != "last words" {
			t.Errorf("got %q", got)
		}
		var remote *exchange.RemoteError
		if err := a.left(b.ID()); !errors.As(err, &remote) {
			t.Errorf("left with %v", err)
		}
		if a.NumPeers() != 0 || b.NumPeers() != 0 {
			t.Error("the peers are still there")
		}
	})
}
