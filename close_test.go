package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
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

// What was written before Shutdown or Peer.Close arrives whole, also when the
// carrier takes only a little at a time.
func TestOrderlyEndLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		buffer int
		bytes  int
		end    func(b *node, p *exchange.Peer) error
	}{
		{"shutdown", 1 << 20, 3_000_000, (*node).shutdown},
		{"shutdown, small buffer", 16 << 10, 250_000, (*node).shutdown},
		{"peer close, small buffer", 16 << 10, 250_000, func(_ *node, p *exchange.Peer) error { return p.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.node(), w.node()
				near, far := memnet.PipeConfig{Delay: 50 * time.Millisecond, Buffer: tt.buffer}.Pipe()
				x, y := b.connectOver(near, a, far)
				want := bytes.Repeat([]byte("all of it "), tt.bytes/10)
				ended := make(chan error, 1)
				go func() {
					if _, err := x.Write(want); err != nil {
						t.Errorf("Write: %v", err)
					}
					x.Close()
					ended <- tt.end(b, x.Peer())
				}()
				got, err := io.ReadAll(y)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %d bytes of %d, %v", len(got), len(want), err)
				}
				if err := <-ended; err != nil {
					t.Errorf("the orderly end: %v", err)
				}
				if err := x.Peer().Err(); !errors.Is(err, exchange.ErrClosed) {
					t.Errorf("the peer ended with %v, want ErrClosed", err)
				}
				if err := y.Peer().Err(); !saysBye(err) {
					t.Errorf("the other side was told %v, want a bye", err)
				}
			})
		})
	}
}

func (n *node) shutdown(*exchange.Peer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return n.Shutdown(ctx)
}

// saysBye says whether err is the goodbye of a peer that closes.
func saysBye(err error) bool {
	var remote *exchange.RemoteError
	return errors.As(err, &remote) && remote.Code == pxp.CodeClosing
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

// Every peer hears why, however many there are.
func TestCloseSaysBye(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		v := w.node()
		var nodes []*node
		for range 20 {
			n := w.node()
			n.connect(v)
			nodes = append(nodes, n)
		}
		v.Close()
		for i, n := range nodes {
			if err := n.left(v.ID()); !saysBye(err) {
				t.Errorf("peer %d was told %v, want a bye", i, err)
			}
			if err := v.left(n.ID()); !errors.Is(err, exchange.ErrClosed) {
				t.Errorf("peer %d left with %v, want ErrClosed", i, err)
			}
		}
	})
}

// Requests that come while a session drains, and after its bye, change nothing
// and are not answered.
func TestRequestsWhileDraining(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		v := newWorld(t).node()
		near, far := memnet.PipeConfig{Delay: 50 * time.Millisecond, Buffer: 16 << 10}.Pipe()
		go func() {
			if c, err := v.Accept(context.Background(), far); err == nil {
				v.Deliver(c)
			}
		}()
		r := rawDial(t, near, newKey(t))
		data := r.join()
		conn := v.accept()
		const size = 200_000
		if _, err := conn.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		asked := make(chan struct{})
		go func() { // ends with the session
			defer close(asked)
			ask, _ := pxp.Append(nil, pxp.GetPeers{ID: 99, Max: 1})
			time.Sleep(150 * time.Millisecond) // it drains from 100 ms to 700 ms
			for {
				if _, err := r.control.Write(ask); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		closed := make(chan struct{})
		time.AfterFunc(100*time.Millisecond, func() { defer close(closed); conn.Peer().Close() })
		if n, err := io.Copy(io.Discard, data); n != size || err != nil {
			t.Errorf("%d bytes of %d arrived, %v", n, size, err)
		}
		if bye := expect[pxp.Bye](r); bye.Code != pxp.CodeClosing { // no answer before it
			t.Errorf("bye %v %q, want closing", bye.Code, bye.Reason)
		}
		r.send(pxp.Bye{Code: pxp.CodeInternal}) // as a peer that ends at the same time
		<-closed
		r.mux.Close()
		<-asked
		if err := conn.Peer().Err(); !errors.Is(err, exchange.ErrClosed) {
			t.Errorf("the peer ended with %v, want ErrClosed", err)
		}
	})
}

// Shutdown waits for Conns of peers that are there, and resets those that
// nobody has accepted.
func TestShutdownIgnores(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, w *world, a *node)
	}{
		{"conns of a peer that has gone", func(t *testing.T, w *world, a *node) {
			b := w.node()
			b.connect(a)
			b.Close()
			a.left(b.ID())
		}},
		{"conns of a peer that goes meanwhile", func(t *testing.T, w *world, a *node) {
			b := w.node()
			b.connect(a)
			time.AfterFunc(time.Second, func() { b.Close() })
		}},
		{"conns that nobody accepted", func(t *testing.T, w *world, a *node) {
			b := w.node()
			x, err := b.Connect(context.Background(), b.dial(a))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // it is in the listener
			t.Cleanup(func() {
				if _, err := x.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("read %v from a stream that nobody took, want an error", err)
				}
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a := w.node()
				tt.make(t, w, a)
				began := time.Now()
				if err := a.shutdown(nil); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				if _, err := a.Listener().Accept(); !errors.Is(err, exchange.ErrClosed) {
					t.Errorf("Listener after Shutdown: %v, want ErrClosed", err)
				}
			})
		})
	}
}

// lingering is a socket whose Close takes a while.
type lingering struct {
	net.Conn
	time time.Duration
	done chan struct{} // capacity for all calls of Close; one value when one has ended
}

func linger(c net.Conn, d time.Duration) *lingering {
	return &lingering{Conn: c, time: d, done: make(chan struct{}, 10)}
}

func (c *lingering) Close() error {
	time.Sleep(c.time)
	err := c.Conn.Close()
	c.done <- struct{}{}
	return err
}

func TestCloseWaitsForConnect(t *testing.T) {
	for _, call := range []string{"Connect", "Accept"} {
		t.Run(call, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				a := newWorld(t).node()
				near, far := memnet.Pipe()
				defer far.Close()
				socket := linger(near, time.Second)
				result := make(chan error, 1)
				go func() {
					do := a.Connect
					if call == "Accept" {
						do = a.Accept
					}
					_, err := do(context.Background(), socket)
					result <- err
				}()
				time.Sleep(100 * time.Millisecond)
				a.Close()
				if len(socket.done) == 0 {
					t.Error("Close returned before the call under way had closed its socket")
				}
				if err := <-result; !errors.Is(err, exchange.ErrClosed) {
					t.Errorf("%s: %v, want ErrClosed", call, err)
				}
			})
		})
	}
}

// GetNewPeer says that the exchange is closed, not what became of its attempts
// as their peers left for that.
func TestShutdownEndsSearch(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.node(), w.node(), w.node()
		b.connect(a)
		c.connect(a)
		reached := make(chan struct{})
		c.web.fault.Store(fault(func(ctx context.Context, _ wrtc.Role, _ wrtc.Signaler) error {
			close(reached)
			<-ctx.Done()
			return context.Cause(ctx)
		}))
		result := make(chan error, 1)
		go func() { // ended by Shutdown
			_, err := c.GetNewPeer(context.Background())
			result <- err
		}()
		<-reached
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Shutdown(ctx)
		if err := <-result; !errors.Is(err, exchange.ErrClosed) {
			t.Errorf("GetNewPeer: %v, want ErrClosed", err)
		}
	})
}
