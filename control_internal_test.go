package exchange

import (
	"bytes"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
)

// sink is a stream that takes everything.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Read(p []byte) (int, error)     { return s.Buffer.Read(p) }
func (s *sink) Write(p []byte) (int, error)    { return s.Buffer.Write(p) }
func (*sink) SetWriteDeadline(time.Time) error { return nil }
func (*sink) Name() string                     { return "pxp" }
func (*sink) CloseWrite() error                { return nil }
func (*sink) Ready(func()) bool                { return true }
func (*sink) Reset() error                     { return nil }

// A keepalive that finds the stream busy is not taken for one that was sent.
// (From outside, a control stream that is busy for 15 s cannot be had.)
func TestKeepaliveWhileWriting(t *testing.T) {
	l := DefaultLimits()
	out := new(sink)
	c := newControl(out, &wire2{}, identity.ID{1}, &l, time.Now)
	ping := func() int {
		t.Helper()
		before := out.Len()
		if err := c.keepalive(); err != nil {
			t.Fatal(err)
		}
		return out.Len() - before
	}
	if !c.tryAcquire() {
		t.Fatal("the writer of a new control stream is busy")
	}
	if n := ping(); n != 0 {
		t.Errorf("%d bytes were written between somebody else's", n)
	}
	c.release()
	if ping() == 0 {
		t.Error("no ping after the writer was busy once")
	}
	if ping() != 0 {
		t.Error("a second ping while the first has no answer")
	}
}

// A bye waits for the message that is being written, though not for ever.
func TestByeWhileWriting(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := DefaultLimits()
		for _, moves := range []bool{true, false} {
			out := new(sink)
			c := newControl(out, &wire2{}, identity.ID{1}, &l, time.Now)
			if !c.tryAcquire() {
				t.Fatal("the writer of a new control stream is busy")
			}
			began := time.Now()
			said := make(chan struct{})
			go func() { // ends within byeTime
				defer close(said)
				c.sendBye(pxp.CodeTimeout, "")
			}()
			synctest.Wait()
			if out.Len() != 0 {
				t.Errorf("%d bytes were written between somebody else's", out.Len())
			}
			if moves {
				c.release()
			}
			<-said
			if took := time.Since(began); (out.Len() > 0) != moves || moves && took != 0 || took > byeTime {
				t.Errorf("the stream moves: %v; after %v there are %d bytes of a bye", moves, took, out.Len())
			}
		}
	})
}
