package secure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/memnet"
)

func TestHandshake(t *testing.T) {
	a, b := memnet.Pipe()
	dialer, acceptor := &tap{Conn: a}, &tap{Conn: b}
	client, server := pairOver(t, dialer, acceptor)
	if client.Peer() != testKey(t, 2).ID() || server.Peer() != testKey(t, 1).ID() {
		t.Errorf("peers %v and %v", client.Peer(), server.Peer())
	}
	if client.Binding() != server.Binding() || client.Binding() == [32]byte{} {
		t.Errorf("bindings %x and %x", client.Binding(), server.Binding())
	}
	if client.Export("a") != server.Export("a") || client.Export("a") == client.Export("b") {
		t.Error("exports differ, or do not")
	}
	// Preamble and message together: each is one write.
	if got, want := sizes(dialer.writes), []int{5 + 2 + 32, 2 + 160}; !slices.Equal(got, want) {
		t.Errorf("dialer's writes of %v bytes, want %v", got, want)
	}
	if got, want := sizes(acceptor.writes), []int{5 + 2 + 192}; !slices.Equal(got, want) {
		t.Errorf("acceptor's writes of %v bytes, want %v", got, want)
	}
	other, _ := pair(t)
	if other.Binding() == client.Binding() || other.Export("a") == client.Export("a") {
		t.Error("two connections with one binding or export")
	}
	if client.Export("") == client.Binding() {
		t.Error("an export is public")
	}
}

func sizes(writes [][]byte) (sizes []int) {
	for _, w := range writes {
		sizes = append(sizes, len(w))
	}
	return sizes
}

func TestHandshakeAnybodyNoPreamble(t *testing.T) {
	a, b := memnet.Pipe()
	client, server, cErr, sErr := handshakeOver(t.Context(), t, a, b, &Config{Key: testKey(t, 1)}, &Config{Key: testKey(t, 2)})
	if cErr != nil || sErr != nil {
		t.Fatal(cErr, sErr)
	}
	if client.Peer() != testKey(t, 2).ID() || server.Peer() != testKey(t, 1).ID() {
		t.Errorf("peers %v and %v", client.Peer(), server.Peer())
	}
	_ = client.Close()
	_ = server.Close()
}

func TestOneByteAtATime(t *testing.T) {
	a, b := memnet.PipeConfig{MaxRead: 1}.Pipe()
	client, server := pairOver(t, a, b)
	want := pattern(5000)
	if _, err := client.Write(want); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, equal %v", err, bytes.Equal(got, want))
	}
}

func TestExpectOther(t *testing.T) {
	a, b := memnet.Pipe()
	x := &tap{Conn: a}
	dialer := dialerConfig(t)
	dialer.Expect = testKey(t, 3).ID()
	_, _, cErr, sErr := handshakeOver(t.Context(), t, x, b, dialer, acceptorConfig(t))
	var idErr *IdentityError
	if !errors.As(cErr, &idErr) || !errors.Is(cErr, ErrIdentity) || !errors.Is(cErr, ErrHandshake) {
		t.Fatalf("client: %v", cErr)
	}
	if idErr.Want != testKey(t, 3).ID() || idErr.Got != testKey(t, 2).ID() {
		t.Errorf("%+v", idErr)
	}
	if !strings.Contains(cErr.Error(), idErr.Want.String()) || !strings.Contains(cErr.Error(), idErr.Got.String()) {
		t.Errorf("the error does not name both: %v", cErr)
	}
	if !errors.Is(sErr, ErrHandshake) || !errors.Is(sErr, io.ErrUnexpectedEOF) {
		t.Errorf("server: %v", sErr)
	}
	if len(x.writes) != 1 {
		t.Error("the dialer showed its identity to the wrong peer")
	}

	// The acceptor expects another dialer, which only its first Read tells it.
	a, b = memnet.Pipe()
	acceptor := acceptorConfig(t)
	acceptor.Expect = testKey(t, 3).ID()
	client, _, cErr, sErr := handshakeOver(t.Context(), t, a, b, dialerConfig(t), acceptor)
	if !errors.As(sErr, &idErr) || idErr.Got != testKey(t, 1).ID() || cErr != nil {
		t.Fatalf("server: %v, client: %v", sErr, cErr)
	}
	if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the refused dialer reads %d, %v", n, err)
	}
	_ = client.Close()
}

func TestOtherProtocols(t *testing.T) {
	for _, answer := range []string{"#PXP#", "HTTP/1.1 400 Bad Request\r\n", "\x00\x00\x00\x00\x00", "no\n", "#PXP3"} {
		carrier := &script{in: strings.NewReader(answer)}
		_, err := Client(t.Context(), carrier, dialerConfig(t))
		var pErr *PreambleError
		if !errors.As(err, &pErr) || !errors.Is(err, ErrHandshake) {
			t.Errorf("%q: %v", answer, err)
			continue
		}
		if want := answer[:min(len(answer), 5)]; string(pErr.Got) != want || string(pErr.Want) != "#PXP2" {
			t.Errorf("%q: %+v", answer, pErr)
		}
		if !carrier.closed {
			t.Errorf("%q: the carrier is open", answer)
		}
	}
	// The beginning of the right preamble and then nothing is no other protocol.
	_, err := Client(t.Context(), &script{in: strings.NewReader("#PX")}, dialerConfig(t))
	if pErr := (*PreambleError)(nil); errors.As(err, &pErr) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut preamble: %v", err)
	}
}

// The preamble is part of the prologue: two ends that were led to believe in
// different ones find out.
func TestPreambleIsAuthenticated(t *testing.T) {
	a, b := memnet.Pipe()
	acceptor := acceptorConfig(t)
	acceptor.Preamble = []byte("#PXP!")
	done := make(chan error, 1)
	go func() {
		_, err := accept(t.Context(), &meddler{b, 4, '!' ^ '2'}, acceptor)
		done <- err
	}()
	_, err := Client(t.Context(), a, dialerConfig(t))
	if pErr := (*PreambleError)(nil); !errors.Is(err, ErrHandshake) || errors.As(err, &pErr) {
		t.Errorf("client: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("the acceptor took it")
	}
}

// eachSide runs f for a side that hears what the other side of the vectors
// said, which is enough for a complete handshake.
func eachSide(t *testing.T, f func(t *testing.T, run func(ctx context.Context, carrier net.Conn) (*Conn, error), hears []byte)) {
	v := loadNoise(t)
	for _, role := range []Role{Dialer, Acceptor} {
		t.Run(role.String(), func(t *testing.T) {
			hears, _ := v.sent(Dialer + Acceptor - role)
			f(t, func(ctx context.Context, carrier net.Conn) (*Conn, error) {
				return start(ctx, v.handshake(t, role, carrier))
			}, hears)
		})
	}
}

func TestEveryTruncation(t *testing.T) {
	eachSide(t, func(t *testing.T, run func(context.Context, net.Conn) (*Conn, error), hears []byte) {
		for n := range len(hears) {
			carrier := &script{in: bytes.NewReader(hears[:n])}
			c, err := run(t.Context(), carrier)
			if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, ErrHandshake) || c != nil || !carrier.closed {
				t.Fatalf("after %d of %d bytes: %v, closed %v", n, len(hears), err, carrier.closed)
			}
		}
		if _, err := run(t.Context(), &script{in: bytes.NewReader(hears)}); err != nil {
			t.Errorf("all of it: %v", err)
		}
	})
}

// lengths returns where the lengths of messages are in what a side hears.
func lengths(hears []byte) []int {
	if bytes.HasPrefix(hears, preamble) {
		return []int{len(preamble)}
	}
	return []int{0, 2 + 32}
}

func TestBadLengths(t *testing.T) {
	eachSide(t, func(t *testing.T, run func(context.Context, net.Conn) (*Conn, error), hears []byte) {
		for _, at := range lengths(hears) {
			for _, length := range []int{0, 1, 31, maxHandshakeMessage + 1, 0xffff} {
				in := append(bytes.Clone(hears[:at]), byte(length>>8), byte(length))
				in = append(in, make([]byte, min(length, 31))...)
				carrier := &script{in: io.MultiReader(bytes.NewReader(in), failing{errors.New("read on")})}
				_, err := run(t.Context(), carrier)
				if !errors.Is(err, ErrHandshake) || strings.Contains(err.Error(), "read on") || !carrier.closed {
					t.Errorf("length %d at %d: %v", length, at, err)
				}
				if length > maxHandshakeMessage && !strings.Contains(err.Error(), fmt.Sprintf("%d bytes, limit 2048", length)) {
					t.Errorf("length %d at %d: the error does not tell: %v", length, at, err)
				}
			}
		}
	})
}

// failing is a reader that always fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A stranger can not make this end keep much, whatever it sends.
func TestStrangerGetsSmallBuffer(t *testing.T) {
	flood := append(frame(make([]byte, 32), make([]byte, maxHandshakeMessage)), make([]byte, 1<<20)...)
	h := &handshake{carrier: &script{in: bytes.NewReader(flood)}, cfg: acceptorConfig(t), role: Acceptor}
	if _, err := h.run(); err == nil {
		t.Error("took zeros")
	}
	if len(h.in.buf) != smallBuffer {
		t.Errorf("buffer of %d bytes", len(h.in.buf))
	}
	h = &handshake{carrier: &script{in: bytes.NewReader(flood)}, cfg: acceptorConfig(t), role: Acceptor}
	h.in.carrier = h.carrier
	for range 2 {
		if _, err := h.in.record(maxHandshakeMessage); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.in.buf) != smallBuffer {
		t.Errorf("buffer of %d bytes after messages of the largest size", len(h.in.buf))
	}
}

func TestSilence(t *testing.T) {
	eachSide(t, func(t *testing.T, run func(context.Context, net.Conn) (*Conn, error), hears []byte) {
		for _, n := range []int{0, 1, 2, 4, 5, 6, 7, 34, 35, len(hears) - 1} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				a, b := memnet.Pipe()
				defer b.Close()
				if _, err := b.Write(hears[:n]); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				_, err := run(ctx, a)
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "read ") {
					t.Errorf("silent after %d bytes: %v", n, err)
				}
				if took := time.Since(begin); took != 10*time.Second {
					t.Errorf("silent after %d bytes: ended after %v", n, took)
				}
				if _, err := a.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("silent after %d bytes: the carrier is open: %v", n, err)
				}
			})
		}
	})
}

func TestOneByteASecond(t *testing.T) {
	eachSide(t, func(t *testing.T, run func(context.Context, net.Conn) (*Conn, error), hears []byte) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
			defer cancel()
			a, b := memnet.Pipe()
			defer b.Close()
			var wg sync.WaitGroup
			wg.Go(func() {
				for _, c := range hears {
					if _, err := b.Write([]byte{c}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			if _, err := run(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			wg.Wait()
		})
	})
}

// stuck is a carrier that takes nothing: Write blocks until Close.
type stuck struct {
	net.Conn
	closed chan struct{} // closed by Close
}

func (c stuck) Write([]byte) (int, error) { <-c.closed; return 0, net.ErrClosed }
func (c stuck) Close() error              { close(c.closed); return c.Conn.Close() }

// The context ends a blocked write too, and its cause is told.
func TestBlockedWrite(t *testing.T) {
	cause := errors.New("the user changed his mind")
	eachSide(t, func(t *testing.T, run func(context.Context, net.Conn) (*Conn, error), hears []byte) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			a, b := memnet.Pipe()
			defer b.Close()
			if _, err := b.Write(hears); err != nil {
				t.Fatal(err)
			}
			go func() { synctest.Wait(); cancel(cause) }()
			if _, err := run(ctx, stuck{a, make(chan struct{})}); !errors.Is(err, cause) || !strings.Contains(err.Error(), "send ") {
				t.Error(err)
			}
		})
	})
}

func TestContextAlreadyDone(t *testing.T) {
	eachSide(t, func(t *testing.T, run func(context.Context, net.Conn) (*Conn, error), hears []byte) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a, b := memnet.Pipe()
		defer b.Close()
		if _, err := b.Write(hears); err != nil {
			t.Fatal(err)
		}
		if c, err := run(ctx, a); !errors.Is(err, context.Canceled) || c != nil {
			t.Error(err)
		}
		if _, err := a.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the carrier is open: %v", err)
		}
	})
}

// Once the handshake is over its context means nothing.
func TestContextAfterwards(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a, b := memnet.Pipe()
	client, server, cErr, sErr := handshakeOver(ctx, t, a, b, dialerConfig(t), acceptorConfig(t))
	if cErr != nil || sErr != nil {
		t.Fatal(cErr, sErr)
	}
	defer client.Close()
	defer server.Close()
	cancel()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if n, err := server.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Error(n, err)
	}
}

func TestCarrierFails(t *testing.T) {
	broken := errors.New("cable cut")
	eachSide(t, func(t *testing.T, run func(context.Context, net.Conn) (*Conn, error), hears []byte) {
		for _, n := range []int{0, 3, 40} {
			carrier := &script{in: io.MultiReader(bytes.NewReader(hears[:n]), failing{broken})}
			if _, err := run(t.Context(), carrier); !errors.Is(err, broken) || !errors.Is(err, ErrHandshake) || !carrier.closed {
				t.Errorf("after %d bytes: %v", n, err)
			}
		}
	})
}

func TestBadConfig(t *testing.T) {
	for name, cfg := range map[string]*Config{
		"nil":      nil,
		"Key":      {Preamble: preamble},
		"Preamble": {Key: testKey(t, 1), Preamble: make([]byte, 65)},
	} {
		for _, f := range []func(context.Context, net.Conn, *Config) (*Conn, error){Client, Server} {
			carrier := &script{in: strings.NewReader("")}
			_, err := f(t.Context(), carrier, cfg)
			if !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), name) || !carrier.closed {
				t.Errorf("%s: %v, closed %v", name, err, carrier.closed)
			}
		}
	}
}

// noDeadlines is a carrier on which a deadline is a defect.
type noDeadlines struct {
	net.Conn
	t *testing.T
}

func (c noDeadlines) SetDeadline(time.Time) error      { c.t.Error("SetDeadline"); return nil }
func (c noDeadlines) SetReadDeadline(time.Time) error  { c.t.Error("SetReadDeadline"); return nil }
func (c noDeadlines) SetWriteDeadline(time.Time) error { c.t.Error("SetWriteDeadline"); return nil }

func TestNoDeadlines(t *testing.T) {
	a, b := memnet.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	client, server, cErr, sErr := handshakeOver(ctx, t, noDeadlines{a, t}, noDeadlines{b, t}, dialerConfig(t), acceptorConfig(t))
	if cErr != nil || sErr != nil {
		t.Fatal(cErr, sErr)
	}
	defer server.Close()
	for _, f := range []func(time.Time) error{client.SetDeadline, client.SetReadDeadline, client.SetWriteDeadline} {
		if err := f(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
			t.Errorf("%v, want os.ErrNoDeadline", err)
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}
