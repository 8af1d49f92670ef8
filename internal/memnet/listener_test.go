package memnet_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

func TestListener(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memnet.Listen("server", &memnet.PipeConfig{Delay: time.Second})
		var client *memnet.Conn
		mustTake(t, 2*time.Second, func() {
			var err error
			if client, err = l.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		defer func() { _ = client.Close() }()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Close() }()
		if client.RemoteAddr() != l.Addr() || server.RemoteAddr() != client.LocalAddr() {
			t.Fatalf("client %v to %v, server to %v", client.LocalAddr(), client.RemoteAddr(), server.RemoteAddr())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, server, "accepted connections live on")
		mustRead(t, client, "accepted connections live on")
	})
}

func TestListenerNamesDialers(t *testing.T) {
	l := memnet.Listen("server", nil)
	defer func() { _ = l.Close() }()
	seen := map[string]bool{}
	for range 3 {
		c, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen[c.LocalAddr().String()] = true
	}
	c, err := l.DialFrom(t.Context(), "192.0.2.7:7")
	if err != nil {
		t.Fatal(err)
	}
	seen[c.LocalAddr().String()] = true
	if len(seen) != 4 || !seen["192.0.2.7:7"] {
		t.Fatalf("dialers: %v", seen)
	}
}

func TestListenerClose(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memnet.Listen("server", nil)
		waiting, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		unaccepted, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		accepts := memnet.Listen("nobody comes", nil)
		done := make(chan error)
		go func() { _, err := accepts.Accept(); done <- err }() // ends by Close
		synctest.Wait()
		for range 2 {
			if err := errors.Join(accepts.Close(), l.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("blocked Accept: %v", err)
		}
		mustFail(t, syscall.ECONNRESET, read(unaccepted))
		mustWrite(t, waiting, "accepted")
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Accept: %v", err)
		}
		if _, err := l.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("Dial: %v", err)
		}
	})
}

func TestDialEndsWithContext(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		cause := errors.New("enough")
		slow := memnet.Listen("slow", &memnet.PipeConfig{Delay: time.Hour})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		mustTake(t, time.Second, func() {
			if _, err := slow.Dial(ctx); !errors.Is(err, cause) {
				t.Fatalf("slow: %v", err)
			}
		})
		full := memnet.Listen("full", nil)
		defer func() { _ = full.Close() }()
		ctx, cancel = context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		dialed := 0
		for {
			if _, err := full.Dial(ctx); err != nil {
				if !errors.Is(err, cause) {
					t.Fatalf("full: %v", err)
				}
				break
			}
			dialed++
		}
		if dialed != 128 {
			t.Fatalf("%d connections waited, want 128", dialed)
		}
	})
}
