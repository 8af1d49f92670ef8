package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

func TestReopen(t *testing.T) {
	for _, version := range []int{1, 2} {
		bubble.Run(t, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.node(), w.node()
			connect := b.connect
			if version == 1 {
				connect = b.connect1
			}
			x, y := connect(a)
			if _, err := x.Write([]byte("last")); err != nil {
				t.Fatal(err)
			}
			if version == 1 {
				x.Close()
			} else {
				x.CloseWrite() // and read to the end, is as good
			}
			if got, err := io.ReadAll(y); err != nil || string(got) != "last" {
				t.Errorf("version %d: read %q, %v", version, got, err)
			}
			y.Close()
			synctest.Wait()
			if version == 2 {
				if _, err := x.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("read %v, want EOF", err)
				}
			}
			again, err := x.Peer().Reopen(context.Background())
			if err != nil {
				t.Fatalf("version %d: %v", version, err)
			}
			exchangeBytes(t, again, a.accept())
		})
	}
}

// slowPeers returns the two ends of a session of version 1 whose messages take
// 20 ms, and no data stream any more.
func slowPeers(t *testing.T) (a, b *node, atA, atB *exchange.Peer) {
	t.Helper()
	w := newWorld(t)
	a, b = w.node(), w.node()
	near, far := memnet.PipeConfig{Delay: 20 * time.Millisecond}.Pipe()
	go a.serve(far) // ends with the handshake
	y, err := b.ConnectWith(context.Background(), near, by1)
	if err != nil {
		t.Fatal(err)
	}
	x := a.accept()
	x.Close()
	y.Close()
	time.Sleep(time.Second)
	return a, b, x.Peer(), y.Peer()
}

func (n *node) serve(socket *memnet.Conn) {
	if c, err := n.Accept(context.Background(), socket); err == nil {
		n.Deliver(c)
	}
}

// Both ends open the data stream again, at whichever distance in time: there is
// one, at both ends, and the session stays.
func TestReopenAtOnce(t *testing.T) {
	for offset := -50; offset <= 50; offset += 5 {
		t.Run(fmt.Sprint(offset, "ms"), func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				a, b, atA, atB := slowPeers(t)
				var wg sync.WaitGroup
				reopen := func(p *exchange.Peer, after int, conn **exchange.Conn) {
					wg.Go(func() {
						time.Sleep(time.Duration(after) * time.Millisecond)
						*conn, _ = p.Reopen(context.Background())
					})
				}
				var x, y *exchange.Conn
				reopen(atA, max(offset, 0), &x)
				reopen(atB, max(-offset, 0), &y)
				wg.Wait()
				time.Sleep(time.Second)
				if err := errors.Join(atA.Err(), atB.Err()); err != nil {
					t.Fatalf("the session ended: %v", err)
				}
				switch { // one came long before the other
				case x == nil && y == nil:
					t.Fatal("both failed")
				case x == nil:
					x = a.accept()
				case y == nil:
					y = b.accept()
				}
				exchangeBytes(t, x, y)
				for _, n := range []*node{a, b} {
					n.Listener().Close()
				}
				exchangeBytes(t, x, y) // no listener got one of them
			})
		})
	}
}

// Whoever opens the data stream again while it is open at the other end is
// refused, and does it later.
func TestReopenTooEarly(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		x, y := b.connect1(a)
		exchangeBytes(t, x, y)
		x.Close()
		for range 3 {
			if _, err := x.Peer().Reopen(context.Background()); !errors.Is(err, exchange.ErrRefused) {
				t.Fatalf("Reopen: %v, want ErrRefused", err)
			}
		}
		if _, err := y.Write([]byte("to nobody")); err != nil || y.Peer().Err() != nil {
			t.Errorf("the stream that is open there: %v, the session: %v", err, y.Peer().Err())
		}
		y.Close()
		again, err := x.Peer().Reopen(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		exchangeBytes(t, again, a.accept())
	})
}

// Who does not wait for the answer leaves no half of a stream behind.
func TestReopenGivenUp(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b, atA, atB := slowPeers(t)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer cancel()
		if _, err := atB.Reopen(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Reopen: %v", err)
		}
		left := a.accept()
		if n, err := left.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read %d bytes, %v; want the end", n, err)
		}
		left.Close()
		time.Sleep(time.Second)
		y, err := atA.Reopen(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		exchangeBytes(t, y, b.accept())
	})
}
