package exchange_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// illListener fails with errs, one a call, before it works.
type illListener struct {
	*memnet.Listener
	errs []error
}

func (l *illListener) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	return l.Listener.Accept()
}

// tooManyFiles is as syscall.EMFILE: it passes.
type tooManyFiles struct{}

func (tooManyFiles) Error() string   { return "too many open files" }
func (tooManyFiles) Timeout() bool   { return false }
func (tooManyFiles) Temporary() bool { return true }

func TestServeErrors(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.node(), w.node()
		passing := &illListener{Listener: memnet.Listen("ill", nil), errs: make([]error, 12)}
		for i := range passing.errs {
			passing.errs[i] = tooManyFiles{}
		}
		served := make(chan error, 1)
		began := time.Now()
		go func() { served <- a.Serve(passing) }()
		socket, err := passing.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := b.Connect(context.Background(), socket)
		if err != nil {
			t.Fatalf("after errors that pass: %v", err)
		}
		exchangeBytes(t, conn, a.accept())
		// 5 ms, twice as long each time, a second at most.
		if took := time.Since(began); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("twelve errors took %v; want pauses that grow to a second", took)
		}

		boom := errors.New("boom")
		broken := &illListener{Listener: memnet.Listen("broken", nil), errs: []error{boom}}
		if err := a.Serve(broken); !errors.Is(err, boom) {
			t.Errorf("Serve with a broken listener: %v, want its error", err)
		}
		if _, err := broken.Dial(context.Background()); err == nil {
			t.Error("Serve has not closed the broken listener")
		}
		a.Close()
		if err := <-served; !errors.Is(err, exchange.ErrClosed) {
			t.Errorf("Serve after Close: %v, want ErrClosed", err)
		}
		if _, err := passing.Dial(context.Background()); err == nil {
			t.Error("Close has not closed the listener that Serve accepts from")
		}
	})
}

// A context that is done ends Connect and Accept with its cause, at once.
func TestConnectHeedsContext(t *testing.T) {
	cause := errors.New("enough")
	for _, call := range []string{"Connect", "Accept"} {
		for _, at := range []time.Duration{0, time.Second} {
			t.Run(call+"/"+at.String(), func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					v := newWorld(t).node()
					do := v.Connect
					if call == "Accept" {
						do = v.Accept
					}
					ctx, cancel := context.WithCancelCause(context.Background())
					time.AfterFunc(at, func() { cancel(cause) })
					near, silent := memnet.Pipe()
					defer silent.Close()
					began := time.Now()
					if _, err := do(ctx, near); !errors.Is(err, cause) {
						t.Errorf("%v, want the context's cause", err)
					}
					if took := time.Since(began); took > at+100*time.Millisecond {
						t.Errorf("took %v, canceled after %v", took, at)
					}
					if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
						t.Errorf("the socket was not closed: %v", err)
					}
				})
			})
		}
	}
}
