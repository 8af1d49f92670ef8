package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// unharmed runs f against a node that has an honest peer, and checks
// that the two still talk afterwards, and that nobody else joined.
func unharmed(t *testing.T, f func(t *testing.T, w *world, victim *node)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		victim, honest := w.node(), w.node()
		x, y := honest.connect(victim)
		f(t, w, victim)
		exchangeBytes(t, x, y)
	})
}

// refused returns why the node did not admit the next connection that fails.
func (n *node) refused() error {
	n.t.Helper()
	e := waitEvent(n, "refused handshake", func(e exchange.StepDone) bool {
		return e.Step == exchange.StepHandshake && e.Err != nil
	})
	return e.Err
}

func TestBeforeHandshake(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(c net.Conn)
		want error
	}{
		{"wrong magic", func(c net.Conn) { c.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }, exchange.ErrNotPXP},
		{"version 1, then silence", func(c net.Conn) { c.Write([]byte("#PXP#\x00\x03pxp")) }, exchange.ErrVersion1},
		{"silence", func(net.Conn) {}, exchange.ErrTimeout},
		{"magic, then silence", func(c net.Conn) { c.Write([]byte(pxp.Magic2)) }, exchange.ErrTimeout},
		{"a byte a second", func(c net.Conn) {
			for _, b := range []byte(pxp.Magic2 + "\x00\x20" + strings.Repeat("x", 100)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, exchange.ErrTimeout},
		{"giant length", func(c net.Conn) { c.Write([]byte(pxp.Magic2 + "\xff\xff" + strings.Repeat("x", 1000))) }, secure.ErrHandshake},
		{"closed in the magic", func(c net.Conn) { c.Write([]byte("#PX")); c.Close() }, exchange.ErrLost},
		{"closed at once", func(c net.Conn) { c.Close() }, exchange.ErrLost},
	} {
		t.Run("acceptor/"+tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, w *world, victim *node) {
				c, err := victim.door.Dial(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				began := time.Now()
				tt.send(c)
				want := tt.want
				if want == exchange.ErrVersion1 { // which an acceptor speaks too
					want = exchange.ErrTimeout
				}
				if err := victim.refused(); !errors.Is(err, want) {
					t.Errorf("refused with %v, want %v", err, want)
				}
				if took := time.Since(began); took > 11*time.Second {
					t.Errorf("took %v", took)
				}
				if _, err := c.Read(make([]byte, 1)); err == nil && want != exchange.ErrTimeout {
					t.Error("something was answered")
				}
			})
		})
		t.Run("dialer/"+tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, w *world, victim *node) {
				ours, theirs := memnet.Pipe()
				sent := make(chan struct{})
				go func() { defer close(sent); tt.send(theirs) }()
				conn, err := victim.Connect(context.Background(), ours)
				theirs.Close()
				<-sent
				if !errors.Is(err, tt.want) || conn != nil {
					t.Errorf("Connect: %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// tap records what one end of a pipe sends.
type tap struct {
	net.Conn
	sent []byte
}

func (c *tap) Write(p []byte) (int, error) {
	c.sent = append(c.sent, p...)
	return c.Conn.Write(p)
}

func TestReplayedHandshake(t *testing.T) {
	unharmed(t, func(t *testing.T, w *world, victim *node) {
		b := w.node()
		c := &tap{Conn: b.dial(victim)}
		conn, err := b.Connect(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		victim.accept()
		conn.Peer().Close()
		again := b.dial(victim)
		defer again.Close()
		go again.Write(c.sent)
		if err := victim.refused(); !errors.Is(err, secure.ErrHandshake) {
			t.Errorf("replay refused with %v, want ErrHandshake", err)
		}
	})
}

func TestBeforeHello(t *testing.T) {
	hello := func(r *raw) pxp.Hello { return r.helloMessage(secure.Dialer, "test", "") }
	for _, tt := range []struct {
		name string
		send func(r *raw)
		want error
		code pxp.Code // of the bye, 0 for none
	}{
		{"silence", func(r *raw) { r.control.Write(nil) }, exchange.ErrTimeout, pxp.CodeTimeout},
		{"half a hello", func(r *raw) { r.sendBytes([]byte{0, 50, 0x98}) }, exchange.ErrTimeout, pxp.CodeTimeout},
		{"empty frame", func(r *raw) { r.sendBytes([]byte{0, 0}) }, errProtocol, pxp.CodeProtocol},
		{"giant frame", func(r *raw) { r.sendBytes([]byte{0xff, 0xff}) }, errProtocol, pxp.CodeProtocol},
		{"rubbish", func(r *raw) { r.sendBytes([]byte{0, 4, 1, 2, 3, 4}) }, errProtocol, pxp.CodeProtocol},
		{"connect first", func(r *raw) { r.send(pxp.Connect{ID: 1}) }, errProtocol, pxp.CodeProtocol},
		{"bye", func(r *raw) { r.send(pxp.Bye{Code: pxp.CodeInternal, Reason: "ill\x1b[2J"}) }, errRemote, 0},
		{"proof of the other role", func(r *raw) {
			r.send(r.helloMessage(secure.Acceptor, "test", ""))
		}, exchange.ErrWrongNetwork, pxp.CodeWrongNetwork},
		{"proof of another session", func(r *raw) {
			h := hello(r)
			h.Proof = secure.Prove(secure.NetworkKey("test", nil), secure.Dialer, [32]byte{1})
			r.send(h)
		}, exchange.ErrWrongNetwork, pxp.CodeWrongNetwork},
		{"hello, then silence", func(r *raw) { r.send(hello(r)) }, exchange.ErrTimeout, pxp.CodeTimeout},
		{"two hellos", func(r *raw) { r.send(hello(r)); r.send(hello(r)) }, errProtocol, pxp.CodeProtocol},
		{"getpeers before connect", func(r *raw) { r.send(hello(r)); r.send(pxp.GetPeers{ID: 1, Max: 1}) }, errProtocol, pxp.CodeProtocol},
		{"relay before connect", func(r *raw) { r.send(hello(r)); r.send(pxp.Relay{ID: 1}) }, errProtocol, pxp.CodeProtocol},
		{"incoming before connect", func(r *raw) { r.send(hello(r)); r.send(pxp.Incoming{ID: 1, From: [32]byte{1}}) }, errProtocol, pxp.CodeProtocol},
		{"upgrade outside a circuit", func(r *raw) {
			r.send(hello(r))
			r.send(pxp.Upgrade{ID: 1, Transport: "webrtc", Kind: pxp.UpgradeEnd})
		}, errProtocol, pxp.CodeProtocol},
		{"connect without data stream", func(r *raw) { r.send(hello(r)); r.send(pxp.Connect{ID: 1}) }, exchange.ErrTimeout, pxp.CodeTimeout},
		{"closed", func(r *raw) { r.control.Write(nil); r.mux.Close() }, exchange.ErrLost, 0},
		{"closed after hello", func(r *raw) { r.send(hello(r)); r.mux.Close() }, exchange.ErrLost, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, w *world, victim *node) {
				c, err := victim.door.Dial(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				r := rawDial(t, c, newKey(t))
				began := time.Now()
				tt.send(r)
				if tt.code != 0 {
					if bye := r.expectEnd(); bye.Code != tt.code {
						t.Errorf("bye %v %q, want code %v", bye.Code, bye.Reason, tt.code)
					}
				}
				if err := victim.refused(); !matches(err, tt.want) {
					t.Errorf("refused with %v (%T), want %v", err, err, tt.want)
				}
				if took := time.Since(began); took > 12*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// What goes wrong between the handshake and the control stream has a name too.
func TestBeforeControl(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(t *testing.T, c *secure.Conn)
		want error
	}{
		{"closed", func(_ *testing.T, c *secure.Conn) { c.Close() }, exchange.ErrLost},
		{"rubbish", func(_ *testing.T, c *secure.Conn) { c.Write([]byte(strings.Repeat("\xff", 12))) }, errProtocol},
		{"silence", func(*testing.T, *secure.Conn) {}, exchange.ErrTimeout},
		{"another stream first", func(t *testing.T, c *secure.Conn) {
			m, err := mux.Client(c, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { m.Close() })
			s, err := m.Open(context.Background(), "data:test")
			if err != nil {
				t.Fatal(err)
			}
			s.Write([]byte("x"))
		}, errProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, _ *world, victim *node) {
				socket, err := victim.door.Dial(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				c, err := secure.Client(context.Background(), socket, &secure.Config{Key: newKey(t), Preamble: []byte(pxp.Magic2)})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				tt.send(t, c)
				if err := victim.refused(); !matches(err, tt.want) {
					t.Errorf("refused with %v (%T), want %v", err, err, tt.want)
				}
			})
		})
	}
}

// Stand-ins for error types in tables.
var (
	errProtocol = errors.New("a ProtocolError")
	errRemote   = errors.New("a RemoteError")
)

func matches(err, want error) bool {
	switch want {
	case errProtocol:
		var e *exchange.ProtocolError
		return errors.As(err, &e)
	case errRemote:
		var e *exchange.RemoteError
		return errors.As(err, &e) && !strings.ContainsRune(e.Error(), '\x1b') && !strings.ContainsRune(e.Reason, '\x1b')
	}
	return errors.Is(err, want)
}

func TestMisbehavingPeer(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(r *raw)
		want error
		code pxp.Code
	}{
		{"malformed message", func(r *raw) { r.sendBytes([]byte{0, 1, 0xc0}) }, errProtocol, pxp.CodeProtocol},
		{"hello again", func(r *raw) { r.send(r.helloMessage(secure.Dialer, "test", "")) }, errProtocol, pxp.CodeProtocol},
		{"connect again", func(r *raw) { r.send(pxp.Connect{ID: r.id()}) }, errProtocol, pxp.CodeProtocol},
		{"answer to nothing", func(r *raw) { r.send(pxp.Res{ID: 77}) }, errProtocol, pxp.CodeProtocol},
		{"control stream closed", func(r *raw) { r.control.CloseWrite() }, errProtocol, pxp.CodeProtocol},
		{"control stream reset", func(r *raw) { r.control.Reset() }, exchange.ErrLost, 0},
		{"cut in a message", func(r *raw) { r.sendBytes([]byte{0, 9, 1}); r.control.CloseWrite() }, errProtocol, pxp.CodeProtocol},
		{"carrier closed", func(r *raw) { r.mux.Close() }, exchange.ErrLost, 0},
		{"bye", func(r *raw) { r.send(pxp.Bye{Code: pxp.CodeClosing, Reason: "so\x07 long"}) }, errRemote, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unharmed(t, func(t *testing.T, w *world, victim *node) {
				c, err := victim.door.Dial(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				r := rawDial(t, c, newKey(t))
				r.join()
				conn := victim.accept()
				tt.send(r)
				if tt.code != 0 {
					if bye := r.expectEnd(); bye.Code != tt.code {
						t.Errorf("bye %v %q, want code %v", bye.Code, bye.Reason, tt.code)
					}
				}
				if err := victim.left(r.key.ID()); !matches(err, tt.want) {
					t.Errorf("left with %v (%T), want %v", err, err, tt.want)
				}
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					t.Error("the data stream of a peer that is gone still reads")
				}
				if _, err := conn.Peer().OpenStream(context.Background(), "x"); err == nil {
					t.Error("a stream was opened to a peer that is gone")
				}
			})
		})
	}
}

func TestUnknownMessages(t *testing.T) {
	unharmed(t, func(t *testing.T, w *world, victim *node) {
		c, err := victim.door.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r := rawDial(t, c, newKey(t))
		r.join()
		r.send(pxp.Unknown{MessageType: 99})         // a notice: ignored
		r.send(pxp.Unknown{MessageType: 98, ID: 41}) // a request: answered
		if res := expect[pxp.Res](r); res.ID != 41 || res.Code != pxp.CodeUnsupported {
			t.Errorf("unknown request answered by %+v", res)
		}
		r.send(pxp.Ping{ID: 42})
		if res := expect[pxp.Res](r); res.ID != 42 || res.Code != pxp.CodeOK {
			t.Errorf("ping answered by %+v", res)
		}
	})
}

// A peer that answers twice, or after we have given up, is within the
// protocol (PXP §6): the answer is ignored.
func TestLateAnswers(t *testing.T) {
	unharmed(t, func(t *testing.T, w *world, victim *node) {
		c, err := victim.door.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r := rawDial(t, c, newKey(t))
		r.join()
		done := make(chan error, 1)
		go func() {
			_, err := victim.GetNewPeer(context.Background())
			done <- err
		}()
		ask := expect[pxp.GetPeers](r)
		r.send(pxp.Res{ID: ask.ID})
		r.send(pxp.Res{ID: ask.ID})
		r.send(pxp.Ping{ID: r.id()})
		expect[pxp.Res](r) // the session lives
		if err := <-done; !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("GetNewPeer: %v", err)
		}
	})
}

func TestRequestRate(t *testing.T) {
	unharmed(t, func(t *testing.T, w *world, victim *node) {
		c, err := victim.door.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r := rawDial(t, c, newKey(t))
		r.join()
		const n = 450 // burst 50, then 20 a second
		go func() {
			for range n {
				b, _ := pxp.Append(nil, pxp.Ping{ID: 1000})
				if _, err := r.control.Write(b); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		for range n {
			expect[pxp.Res](r)
		}
		if took := time.Since(began); took < 19*time.Second || took > 25*time.Second {
			t.Errorf("%d pings were answered in %v; at 20 a second after 50 that takes 20 s", n, took)
		}
	})
}

func TestDeadPeer(t *testing.T) {
	unharmed(t, func(t *testing.T, w *world, victim *node) {
		b := w.node()
		socket := b.dial(victim)
		conn, err := b.Connect(context.Background(), socket)
		if err != nil {
			t.Fatal(err)
		}
		victim.accept()
		time.Sleep(10 * time.Minute) // keepalive holds an idle session
		if conn.Peer().Err() != nil || conn.Peer().Latency() < 0 {
			t.Fatalf("idle session ended: %v", conn.Peer().Err())
		}
		began := time.Now()
		socket.Freeze()
		if err := victim.left(b.ID()); !errors.Is(err, exchange.ErrDead) {
			t.Errorf("left with %v, want ErrDead", err)
		}
		if took := time.Since(began); took < 29*time.Second || took > 46*time.Second {
			t.Errorf("noticed after %v, want at most 45 s after the last byte", took)
		}
		socket.Thaw()
	})
}

// A message of 16 KiB counts as 17 requests, or as many as may come at once if that is less.
func TestRequestSize(t *testing.T) {
	const times = 42
	answered := func(t *testing.T, victim *node) time.Duration {
		r := rawJoin(t, victim)
		b := bytes.Repeat([]byte{0}, 2+pxp.MaxMessage)
		copy(b, []byte{pxp.MaxMessage >> 8, pxp.MaxMessage & 255, 0x93, 99, 41, 0xc5, (pxp.MaxMessage - 6) >> 8, (pxp.MaxMessage - 6) & 255})
		go func() { // ends with the session
			for range times {
				if _, err := r.control.Write(b); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		for range times {
			if res := expect[pxp.Res](r); res.Code != pxp.CodeUnsupported {
				t.Fatalf("%+v", res)
			}
		}
		return time.Since(began)
	}
	unharmed(t, func(t *testing.T, _ *world, victim *node) {
		// 714 requests: burst 50, less those that joining took, then 20 a second.
		if took := answered(t, victim); took < 33*time.Second || took > 34*time.Second {
			t.Errorf("%d requests of 16 KiB were answered in %v, want 33 s", times, took)
		}
	})
	bubble.Run(t, func(t *testing.T) {
		victim := newWorld(t).node(withLimits(exchange.Limits{RequestBurst: 5}))
		// 210 requests, and 5 at once.
		if took := answered(t, victim); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("%d requests of 16 KiB were answered in %v, want 10 s", times, took)
		}
	})
}
