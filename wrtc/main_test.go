package wrtc

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is one end of an in-memory signaling path.
type wire struct {
	out, in chan Signal
	// change, when not nil, rewrites what is sent; nil result = lost. Called by one goroutine.
	change func(Signal) []Signal
}

// wires makes a path. It holds as many signals as a negotiation may send.
func wires() (a, b *wire) {
	x, y := make(chan Signal, 256), make(chan Signal, 256)
	return &wire{out: x, in: y}, &wire{out: y, in: x}
}

func (w *wire) Send(ctx context.Context, s Signal) error {
	list := []Signal{s}
	if w.change != nil {
		list = w.change(s)
	}
	for _, s := range list {
		select {
		case w.out <- s:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *wire) Receive(ctx context.Context) (Signal, error) {
	select {
	case s, ok := <-w.in:
		if !ok {
			return Signal{}, errors.New("path closed")
		}
		return s, nil
	case <-ctx.Done():
		return Signal{}, ctx.Err()
	}
}

// loopback is the configuration of tests over real sockets: nothing leaves the machine.
func loopback() *Config {
	return &Config{Loopback: true, Interface: func(name string) bool { return name == "lo" }}
}

func newWebRTC(t testing.TB, cfg *Config) *WebRTC {
	t.Helper()
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

type result struct {
	conn Conn
	err  error
}

// both negotiates at both ends.
func both(ctx context.Context, a, b Transport, sa, sb Signaler) (ra, rb result) {
	done := make(chan result)
	go func() {
		c, err := b.Negotiate(ctx, Answerer, sb)
		done <- result{c, err}
	}()
	ra.conn, ra.err = a.Negotiate(ctx, Offerer, sa)
	return ra, <-done
}

// pair makes two ends of a connection; the caller closes them.
func pair(t testing.TB, a, b Transport) (Conn, Conn) {
	t.Helper()
	sa, sb := wires()
	ra, rb := both(context.Background(), a, b, sa, sb)
	if ra.err != nil || rb.err != nil {
		t.Fatal(ra.err, rb.err)
	}
	return ra.conn, rb.conn
}

// closeBoth closes both ends at once, as two peers that leave together.
func closeBoth(a, b Conn) {
	done := make(chan struct{})
	go func() { _ = b.Close(); close(done) }()
	_ = a.Close()
	<-done
}

var discard = slog.New(slog.DiscardHandler)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
