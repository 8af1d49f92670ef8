package memnet_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/memnet"
)

// mustBeSilent fails unless a Read of c, which has no deadline afterwards, sees nothing for a minute.
func mustBeSilent(t *testing.T, c *memnet.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	mustFail(t, os.ErrDeadlineExceeded, read(c))
	_ = c.SetReadDeadline(time.Time{})
}

func TestFreezeIsSilentAndLosesNothing(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Delay: time.Second}, func(t *testing.T, a, b *memnet.Conn) {
		mustWrite(t, a, "arrived ")
		time.Sleep(time.Second)
		mustWrite(t, a, "in flight ")
		b.Freeze()
		mustRead(t, b, "arrived ")
		mustWrite(t, a, "written while frozen")
		mustWrite(t, b, "other way")
		mustBeSilent(t, a)
		mustBeSilent(t, b)
		a.Thaw()
		mustTake(t, 0, func() {
			mustRead(t, b, "in flight written while frozen")
			mustRead(t, a, "other way")
		})
	})
}

func TestFreezeOutIsOneWay(t *testing.T) {
	inBubble(t, memnet.PipeConfig{}, func(t *testing.T, a, b *memnet.Conn) {
		a.FreezeOut()
		mustWrite(t, a, "lost for now")
		mustWrite(t, b, "this way is open")
		mustRead(t, a, "this way is open")
		mustBeSilent(t, b)
	})
}

func TestFreezeFillsTheBuffer(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Buffer: 8}, func(t *testing.T, a, b *memnet.Conn) {
		a.Freeze()
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write(make([]byte, 20)); n != 8 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write = %d, %v; want 8 and a timeout", n, err)
		}
	})
}

func TestFreezeHidesClose(t *testing.T) {
	inBubble(t, memnet.PipeConfig{}, func(t *testing.T, a, b *memnet.Conn) {
		time.Sleep(time.Second)
		a.Freeze()
		time.Sleep(time.Second)
		_ = a.Close()
		mustBeSilent(t, b)
		mustWrite(t, b, "into the hole")
		b.Thaw()
		mustFail(t, io.EOF, read(b))
		mustFail(t, syscall.EPIPE, write(b))
	})
}

func TestThawWakesReader(t *testing.T) {
	inBubble(t, memnet.PipeConfig{}, func(t *testing.T, a, b *memnet.Conn) {
		a.Freeze()
		time.Sleep(time.Second)
		mustWrite(t, a, "x")
		time.AfterFunc(time.Second, b.Thaw)
		mustTake(t, time.Second, func() { mustRead(t, b, "x") })
	})
}

func TestCut(t *testing.T) {
	inBubble(t, memnet.PipeConfig{Buffer: 4}, func(t *testing.T, a, b *memnet.Conn) {
		mustWrite(t, a, "lost")
		done := make(chan error, 2)
		go func() { _, err := a.Write([]byte("blocked")); done <- err }() // ends by Cut
		go func() { _, err := a.Read(make([]byte, 1)); done <- err }()    // ends by Cut
		synctest.Wait()
		cause := errors.New("cable pulled")
		b.Cut(cause)
		b.Cut(errors.New("too late"))
		for range 2 {
			if err := <-done; !errors.Is(err, cause) {
				t.Errorf("blocked call: %v", err)
			}
		}
		mustFail(t, cause, read(b))
		mustFail(t, cause, write(b))
		if err := b.Close(); err != nil {
			t.Fatalf("Close after Cut: %v", err)
		}
	})
}

func TestCutWithoutCauseIsReset(t *testing.T) {
	inBubble(t, memnet.PipeConfig{}, func(t *testing.T, a, b *memnet.Conn) {
		a.Cut(nil)
		mustFail(t, syscall.ECONNRESET, read(b))
	})
}
