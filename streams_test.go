package exchange_test

import (
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
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// A Conn whose peer is gone gives what had arrived and then says why, not that
// it was closed here.
func TestConnOfGonePeer(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(theirs *exchange.Peer, socket *memnet.Conn)
		want error
	}{
		{"bye", func(p *exchange.Peer, _ *memnet.Conn) { p.Close() }, errRemote},
		{"silence", func(_ *exchange.Peer, socket *memnet.Conn) { socket.Freeze() }, exchange.ErrDead},
		{"broken carrier", func(_ *exchange.Peer, socket *memnet.Conn) { socket.Cut(nil) }, exchange.ErrLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.node(), w.node()
				socket := b.dial(a)
				x, err := b.Connect(context.Background(), socket)
				if err != nil {
					t.Fatal(err)
				}
				y := a.accept()
				if _, err := x.Write([]byte("half")); err != nil {
					t.Fatal(err)
				}
				blocked := make(chan error, 1)
				if _, err := b.Listen("s"); err != nil {
					t.Fatal(err)
				}
				s, err := y.Peer().OpenStream(context.Background(), "s")
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					_, err := s.Read(make([]byte, 1))
					blocked <- err
				}()
				synctest.Wait()
				tt.end(x.Peer(), socket)
				<-y.Peer().Done()
				got, err := io.ReadAll(y)
				if string(got) != "half" {
					t.Errorf("read %q after the peer was gone, want what had arrived", got)
				}
				_, writeErr := y.Write([]byte("x"))
				_, openErr := y.Peer().OpenStream(context.Background(), "s")
				for what, err := range map[string]error{
					"Read": err, "a blocked Read": <-blocked, "Write": writeErr, "OpenStream": openErr, "Peer.Err": y.Peer().Err(),
				} {
					if !matches(err, tt.want) || errors.Is(err, net.ErrClosed) {
						t.Errorf("%s: %v, want %v and not net.ErrClosed", what, err, tt.want)
					}
				}
				y.Close()
				if _, err := y.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Read after Close: %v, want net.ErrClosed", err)
				}
				socket.Thaw()
			})
		})
	}
}

// openData opens a data stream by hand.
func (r *raw) openData() mux.Stream {
	r.t.Helper()
	s, err := r.mux.Open(context.Background(), pxp.DataStream)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := s.Write([]byte("again")); err != nil && !errors.Is(err, mux.ErrReset) { // reset for its name already
		r.t.Fatal(err)
	}
	return s
}

// A peer has one data stream at a time, whoever dialed: a second is reset, and
// one that comes after the first was closed goes to the listener.
func TestSecondDataStream(t *testing.T) {
	for _, who := range []string{"dialed by us", "dialed by the peer"} {
		t.Run(who, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				v := newWorld(t).node()
				var r *raw
				var first *exchange.Conn
				if who == "dialed by us" {
					near, far := memnet.Pipe()
					accepted := make(chan *raw, 1)
					go func() { accepted <- rawBeDialed(t, far) }()
					var err error
					if first, err = v.Connect(context.Background(), near); err != nil {
						t.Fatal(err)
					}
					r = <-accepted
				} else {
					r = rawDoor(t, v)
					r.join()
					first = v.accept()
				}
				wantReset(t, r.openData(), "a second data stream")
				first.Close()
				r.openData()
				second := v.accept()
				if second.Peer() != first.Peer() {
					t.Error("the second data stream has another peer")
				}
				exchangeBytesAfter(t, second, "again")
				if n := v.Stats().Conns; n != 1 {
					t.Errorf("%d Conns, want 1", n)
				}
				wantReset(t, r.openData(), "a third data stream beside the second")
			})
		})
	}
}

// rawBeDialed is a hand-played peer that is dialed, and has granted connect.
func rawBeDialed(t *testing.T, socket net.Conn) *raw {
	r := rawAccept(t, socket, newKey(t))
	expect[pxp.Hello](r)
	r.send(r.helloMessage(secure.Acceptor, "test", ""))
	r.send(pxp.Res{ID: expect[pxp.Connect](r).ID})
	r.acceptStream(pxp.DataStream)
	return r
}

// OpenStream waits for room, and heeds its context meanwhile.
func TestOpenStreamWaits(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		few := withLimits(exchange.Limits{Streams: 4})
		a, b := w.node(few), w.node(few)
		x, _ := b.connect(a)
		l, err := a.Listen("s")
		if err != nil {
			t.Fatal(err)
		}
		var mine, theirs net.Conn
		for range 2 { // besides control and data
			if mine, err = x.Peer().OpenStream(context.Background(), "s"); err != nil {
				t.Fatal(err)
			}
			if _, err := mine.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if theirs, err = l.Accept(); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := x.Peer().OpenStream(ctx, "s"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("a fifth stream where four may be: %v after %v, want the context's end", err, time.Since(began))
		}
		time.AfterFunc(time.Second, func() { mine.Close(); theirs.Close() })
		if _, err := x.Peer().OpenStream(context.Background(), "s"); err != nil {
			t.Errorf("with room again: %v", err)
		}
	})
}
