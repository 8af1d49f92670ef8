//go:build !js

package wrtc

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/datachannel"
	"golang.org/x/net/nettest"
)

func TestConn(t *testing.T) {
	for name, dialect := range dialects {
		t.Run(name, func(t *testing.T) {
			w := dialect(newWebRTC(t, loopback()))
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				a, b := pair(t, w, w)
				return a, b, func() { closeBoth(a, b) }, nil
			})
		})
	}
}

// randomBytes are the same in each run.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// pion throws away at close what is not acknowledged (pion/sctp#361); Close must not.
func TestCloseFlushes(t *testing.T) {
	for name, dialect := range dialects {
		t.Run(name, func(t *testing.T) {
			w := dialect(newWebRTC(t, loopback()))
			a, b := pair(t, w, w)
			flushes(t, a, b)
		})
	}
}

func TestCloseFlushesOverDelay(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		a, b := pair(t, l.a, l.b)
		flushes(t, a, b)
	})
}

func flushes(t *testing.T, a, b Conn) {
	t.Helper()
	want := randomBytes(8 << 20)
	closed := make(chan error, 1)
	go func() {
		_, err := a.Write(want)
		closed <- errors.Join(err, a.Close())
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, err %v, equal %v", len(got), err, bytes.Equal(got, want))
	}
	if err := <-closed; err != nil {
		t.Error("write and close:", err)
	}
	if _, err := b.Write([]byte{1}); !errors.Is(err, ErrPeerClosed) {
		t.Errorf("write after the peer closed: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error("close:", err)
	}
}

// A reader that never reads: its end's memory and the writer's stay bounded, the writer blocks, its deadline fires, and what was written
// before arrives once somebody reads.
func TestBackPressure(t *testing.T) {
	cfg := &Config{HighWater: 256 << 10, LowWater: 64 << 10}
	inLabs(t, cfg, func(t *testing.T, l *lab) {
		a, b := pair(t, l.a, l.b)
		// Long enough for SCTP's default back-off to have reached its 60 s.
		const pause = 70 * time.Second
		check(t, a.SetWriteDeadline(time.Now().Add(pause)))
		start := time.Now()
		want := randomBytes(64 << 20)
		n, err := a.Write(want)
		if ne := net.Error(nil); !errors.As(err, &ne) || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("write: %v", err)
		}
		if took := time.Since(start); took != pause {
			t.Errorf("deadline after %v", took)
		}
		if most := 256<<10 + sctpWindowBytes + maxQueued + 3*defaultMessageSize; n > most {
			t.Errorf("%d bytes taken from the writer, want at most %d", n, most)
		}
		if k := a.(*conn).link.buffered(); k > 256<<10+defaultMessageSize {
			t.Errorf("%d bytes buffered at the writer", k)
		}
		if k := b.(*conn).queue.n; k > maxQueued+defaultMessageSize {
			t.Errorf("%d bytes queued at the reader", k)
		}
		// The reader comes back.
		start = time.Now()
		got := make([]byte, n)
		if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, want[:n]) {
			t.Errorf("read: %v, equal %v", err, bytes.Equal(got, want[:n]))
		}
		if took := time.Since(start); took > 3*sctpRetransmitMax {
			t.Errorf("a resumed reader waited %v", took)
		}
		// The deadline cut no message: the stream goes on.
		check(t, a.SetWriteDeadline(time.Time{}))
		_, err = a.Write([]byte("more"))
		check(t, err)
		if _, err := io.ReadFull(b, got[:4]); err != nil || string(got[:4]) != "more" {
			t.Errorf("read %q, %v", got[:4], err)
		}
		closeBoth(a, b)
	})
}

// A peer that neither reads nor goes away costs Close no more than linger.
func TestCloseLingers(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		a, b := pair(t, l.a, l.b)
		go func() { _, _ = a.Write(make([]byte, 64<<20)) }()
		synctest.Wait()
		time.Sleep(10 * time.Second)
		start := time.Now()
		err := a.Close()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(start); took < linger || took > linger+time.Second {
			t.Errorf("close took %v", took)
		}
		if err2 := a.Close(); err2 != err {
			t.Errorf("second close: %v", err2)
		}
		// The reader learns that something is missing.
		if _, err := io.Copy(io.Discard, b); !errors.Is(err, ErrFailed) {
			t.Errorf("read: %v", err)
		}
		if _, err := b.Write([]byte{1}); !errors.Is(err, ErrFailed) {
			t.Errorf("write: %v", err)
		}
		_ = b.Close()
	})
}

// What arrived before the other end closed and went away is read whole, however late the reader is.
func TestLateReader(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		a, b := pair(t, l.a, l.b)
		want := randomBytes(2 * maxQueued) // more than the queue, less than SCTP's window
		_, err := a.Write(want)
		check(t, err)
		check(t, a.Close()) // acknowledged by SCTP, not confirmed by the reader
		time.Sleep(time.Minute)
		if _, err := b.Write([]byte{1}); !errors.Is(err, ErrFailed) {
			t.Errorf("write: %v", err)
		}
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		check(t, b.Close())
	})
}

// The other end's host disappears.
func TestPartition(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		a, b := pair(t, l.a, l.b)
		_, err := b.Write([]byte("last words"))
		check(t, err)
		time.Sleep(time.Second)
		l.drop.Store(true)
		start := time.Now()
		got, err := io.ReadAll(a)
		if string(got) != "last words" || !errors.Is(err, ErrFailed) || errors.Is(err, net.ErrClosed) {
			t.Errorf("read %q, %v", got, err)
		}
		if took := time.Since(start); took > 40*time.Second {
			t.Errorf("noticed after %v", took)
		}
		_ = a.Close()
		if err := b.Close(); err != nil {
			t.Errorf("close with everything delivered: %v", err)
		}
	})
}

func TestCloseUnblocks(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		a, b := pair(t, l.a, l.b)
		errs := make(chan error, 3)
		go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := a.Write(make([]byte, 64<<20)); errs <- err }()
		time.Sleep(time.Minute)
		closed := make(chan struct{})
		start := time.Now()
		go func() { _ = a.Close(); close(closed) }()
		for range 3 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) || !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("unblocked after %v", took)
		}
		<-closed
		if err := a.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Error("SetDeadline:", err)
		}
		_ = b.Close()
	})
}

// What a peer that breaks the rules of the channel gets, and what its victim.
func TestBadMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(raw datachannel.Writer) error
		ok   bool
	}{
		{"text", func(raw datachannel.Writer) error {
			_, err := raw.WriteDataChannel([]byte("hello"), true)
			return err
		}, false},
		{"largest", func(raw datachannel.Writer) error {
			_, err := raw.WriteDataChannel(make([]byte, maxMessageSize), false)
			return err
		}, true},
		{"too large", func(raw datachannel.Writer) error {
			_, err := raw.WriteDataChannel(make([]byte, maxMessageSize+1), false)
			return err
		}, false},
		{"unexpected confirmation", func(raw datachannel.Writer) error {
			_, err := raw.WriteDataChannel(nil, true)
			return err
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inLab(t, nil, func(t *testing.T, l *lab) {
				a, b := pair(t, l.a, l.b)
				_, err := a.Write([]byte("before"))
				check(t, err)
				check(t, c.send(a.(*conn).link.(*pionLink).raw))
				_, _ = a.Write([]byte("after")) // may fail: the other end may be gone
				check(t, b.SetReadDeadline(time.Now().Add(time.Second)))
				got, err := io.ReadAll(b)
				if c.ok && (!bytes.HasSuffix(got, []byte("after")) || !errors.Is(err, os.ErrDeadlineExceeded)) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
				if !c.ok && (string(got) != "before" || !errors.Is(err, ErrFailed)) {
					t.Errorf("read %q, %v", got, err)
				}
				closeBoth(a, b)
			})
		})
	}
}

// A connection that is opened and closed leaves nothing, also the twentieth time.
func TestSequential(t *testing.T) {
	w := newWebRTC(t, loopback())
	before := runtime.NumGoroutine()
	for range 20 {
		a, b := pair(t, w, w)
		_, err := a.Write([]byte("x"))
		check(t, err)
		_, err = io.ReadFull(b, make([]byte, 1))
		check(t, err)
		closeBoth(a, b)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestAddresses(t *testing.T) {
	w := newWebRTC(t, loopback())
	a, b := pair(t, w, w)
	defer closeBoth(a, b)
	if a.LocalAddr().String() != b.RemoteAddr().String() || a.RemoteAddr().String() != b.LocalAddr().String() {
		t.Errorf("%v-%v and %v-%v", a.LocalAddr(), a.RemoteAddr(), b.RemoteAddr(), b.LocalAddr())
	}
	if addr := a.RemoteAddr().(Addr); !addr.AddrPort.Addr().IsLoopback() || addr.Network() != "webrtc" || addr.Type == "" {
		t.Errorf("%+v", addr)
	}
	if got := (Addr{}).String(); got != "hidden" {
		t.Errorf("%q", got)
	}
	for _, c := range []Conn{a, b} {
		if x := c.Timing(); x.ICE <= 0 || x.DTLS <= 0 || x.Gather < 0 || x.Open < 0 {
			t.Errorf("%+v", x)
		}
	}
}
