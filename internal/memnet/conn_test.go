package memnet_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	for name, config := range map[string]memnet.PipeConfig{
		"instant":      {},
		"small buffer": {Buffer: 1024},
		"byte reads":   {MaxRead: 1},
		"delay":        {Delay: 100 * time.Microsecond},
		"rate":         {Rate: 100 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b := config.Pipe()
				return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
			})
		})
	}
}

// inBubble runs f with a pipe, in virtual time, and closes both ends.
func inBubble(t *testing.T, config memnet.PipeConfig, f func(t *testing.T, a, b *memnet.Conn)) {
	bubble.Run(t, func(t *testing.T) {
		a, b := config.Pipe()
		defer func() { _ = b.Close() }()
		defer func() { _ = a.Close() }()
		f(t, a, b)
	})
}

func mustWrite(t *testing.T, c net.Conn, p string) {
	t.Helper()
	if n, err := c.Write([]byte(p)); n != len(p) || err != nil {
		t.Fatalf("Write(%d bytes) = %d, %v", len(p), n, err)
	}
}

func mustRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// mustTake fails unless f takes exactly that long of virtual time.
func mustTake(t *testing.T, want time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if got := time.Since(start); got != want {
		t.Fatalf("took %v, want %v", got, want)
	}
}

func mustFail(t *testing.T, want error, f func() (int, error)) {
	t.Helper()
	_, err := f()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	var op *net.OpError
	if want != io.EOF && !errors.As(err, &op) {
		t.Fatalf("error %T, want a *net.OpError", err)
	}
	if want == io.EOF && err != io.EOF {
		t.Fatalf("io.EOF is wrapped: %v", err)
	}
}

func read(c net.Conn) func() (int, error) {
	return func() (int, error) { return c.Read(make([]byte, 100)) }
}

func write(c net.Conn) func() (int, error) {
	return func() (int, error) { return c.Write([]byte("x")) }
}

func TestHalfClose(t *testing.T) {
	inBubble(t, memnet.PipeConfig{}, func(t *testing.T, a, b *memnet.Conn) {
		mustWrite(t, a, "question")
		for range 2 {
			if err := a.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		mustFail(t, syscall.EPIPE, write(a))
		mustRead(t, b, "question")
		mustFail(t, io.EOF, read(b))
		mustWrite(t, b, "answer")
		mustRead(t, a, "answer")
	})
}

func TestCloseDeliversWhatWasWritten(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Delay: time.Second}, func(t *testing.T, a, b *memnet.Conn) {
		mustWrite(t, a, "last words")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		mustFail(t, net.ErrClosed, read(a))
		mustFail(t, net.ErrClosed, write(a))
		mustWrite(t, b, "the close is not known here yet")
		mustTake(t, time.Second, func() { mustRead(t, b, "last words") })
		mustFail(t, io.EOF, read(b))
		mustFail(t, syscall.EPIPE, write(b))
		if err := a.CloseWrite(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("CloseWrite after Close: %v", err)
		}
		if err := a.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("SetDeadline after Close: %v", err)
		}
	})
}

func TestCloseUnblocksWriterAtOtherEnd(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Buffer: 4, Delay: time.Second}, func(t *testing.T, a, b *memnet.Conn) {
		done := make(chan struct{})
		go func() { // ends with the Write
			defer close(done)
			if n, err := b.Write(make([]byte, 10)); n != 4 || !errors.Is(err, syscall.EPIPE) {
				t.Errorf("Write = %d, %v; want 4, EPIPE", n, err)
			}
		}()
		synctest.Wait()
		mustTake(t, time.Second, func() {
			_ = a.Close()
			<-done
		})
	})
}

func TestLatencyPipelines(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Delay: 20 * time.Millisecond}, func(t *testing.T, a, b *memnet.Conn) {
		mustTake(t, 20*time.Millisecond, func() {
			for range 1000 {
				mustWrite(t, a, "x")
			}
			mustRead(t, b, string(bytes.Repeat([]byte("x"), 1000)))
		})
		mustWrite(t, a, "1")
		time.Sleep(5 * time.Millisecond)
		mustWrite(t, a, "2")
		mustTake(t, 15*time.Millisecond, func() { mustRead(t, b, "1") })
		mustTake(t, 5*time.Millisecond, func() { mustRead(t, b, "2") })
	})
}

func TestBufferLimitsWhatIsInFlight(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Buffer: 10, Delay: time.Second}, func(t *testing.T, a, b *memnet.Conn) {
		got := make(chan []byte, 1)
		go func() { // ends at EOF
			all, _ := io.ReadAll(b)
			got <- all
		}()
		mustTake(t, 3*time.Second, func() { mustWrite(t, a, "0123456789012345678901234567890123456789") })
		_ = a.CloseWrite()
		if all := <-got; len(all) != 40 {
			t.Fatalf("%d bytes arrived, want 40", len(all))
		}
	})
}

func TestRate(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Rate: 1_000_000, Delay: time.Second, Buffer: 4_000_000}, func(t *testing.T, a, b *memnet.Conn) {
		mustTake(t, 3*time.Second, func() {
			mustWrite(t, a, string(make([]byte, 2_000_000)))
			mustRead(t, b, string(make([]byte, 2_000_000)))
		})
	})
}

func TestMaxRead(t *testing.T) {
	inBubble(t, memnet.PipeConfig{MaxRead: 3}, func(t *testing.T, a, b *memnet.Conn) {
		mustWrite(t, a, "abcdefg")
		for _, want := range []int{3, 3, 1} {
			if n, err := b.Read(make([]byte, 100)); n != want || err != nil {
				t.Fatalf("Read = %d, %v; want %d", n, err, want)
			}
		}
	})
}

func TestDeadlineEndsBlockedCalls(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Buffer: 1}, func(t *testing.T, a, b *memnet.Conn) {
		_ = a.SetDeadline(time.Now().Add(time.Second))
		mustTake(t, time.Second, func() { mustFail(t, os.ErrDeadlineExceeded, read(a)) })
		mustFail(t, os.ErrDeadlineExceeded, write(a))
		_ = a.SetDeadline(time.Time{})
		mustWrite(t, a, "x")
		_ = a.SetWriteDeadline(time.Now().Add(time.Hour))
		_ = a.SetWriteDeadline(time.Now().Add(2 * time.Second))
		mustTake(t, 2*time.Second, func() { mustFail(t, os.ErrDeadlineExceeded, write(a)) })
		mustWrite(t, b, "y")
		mustRead(t, a, "y")
	})
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Buffer: 3}, func(t *testing.T, a, b *memnet.Conn) {
		for _, letter := range []string{"a", "b", "c"} {
			go func() { // ends when all is read
				if _, err := a.Write(bytes.Repeat([]byte(letter), 1000)); err != nil {
					t.Error(err)
				}
			}()
		}
		got := make([]byte, 3000)
		if _, err := io.ReadFull(b, got); err != nil {
			t.Fatal(err)
		}
		for i, c := range got {
			if c != got[i-i%1000] {
				t.Fatalf("byte %d is %q in a run of %q", i, c, got[i-i%1000])
			}
		}
	})
}

func TestAddresses(t *testing.T) {
	a, b := memnet.PipeConfig{Names: [2]string{"192.0.2.1:1", "192.0.2.2:2"}}.Pipe()
	if a.LocalAddr() != b.RemoteAddr() || a.RemoteAddr() != (memnet.Addr{Net: "mem", Name: "192.0.2.2:2"}) {
		t.Fatalf("a: %v to %v; b: %v to %v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
	if a, _ := memnet.Pipe(); a.LocalAddr().String() == a.RemoteAddr().String() {
		t.Fatalf("both ends are called %v", a.LocalAddr())
	}
}

func TestNegativeConfigPanics(t *testing.T) {
	for _, config := range []memnet.PipeConfig{{Buffer: -1}, {Delay: -1}, {Rate: -1}, {MaxRead: -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v: no panic", config)
				}
			}()
			config.Pipe()
		}()
	}
}

// Two ends that write into full buffers wait; they do not keep each other busy, so that a bubble's clock moves on.
func TestBothEndsFull(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 1}.Pipe()
		for _, c := range []*memnet.Conn{a, b} {
			go c.Write(make([]byte, 10))
		}
		time.Sleep(time.Second)
		a.Close()
		b.Close()
	})
}
