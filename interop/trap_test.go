package interop

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/wrtc"
)

// trap stops a goNode where it has got to in opening a channel, tells the event "trapped", and lets it go on at the command
// "release". What ends the call that waits there ends the wait. The phases: "begin"; "offer", "answer", before the node
// sends it; "offered", "answered", before it looks at what it got; "sent", when it has sent its answer; "open", when the channel is.
//
// With then it does not stop: then is done there.
type trap struct {
	phase string
	free  chan struct{}
	then  func() // nil: stop
}

func newTrap(phase string) *trap { return &trap{phase: phase, free: make(chan struct{})} }

func (t *trap) release() { close(t.free) }

func (t *trap) at(ctx context.Context, phase string) {
	if phase != t.phase {
		return
	}
	select {
	case <-t.free:
		return
	default:
	}
	tell("trapped", fields{"phase": phase})
	if t.then != nil {
		t.then()
		return
	}
	select {
	case <-t.free:
	case <-ctx.Done():
	}
}

// trapped is a transport with a trap in it, in both versions.
type trapped struct {
	wrtc.Transport
	trap *trap
	tap  bool

	version1 bool
}

func (t trapped) SimplePeer() wrtc.Transport {
	return trapped{t.Transport.(*wrtc.WebRTC).SimplePeer(), t.trap, t.tap, true}
}

func (t trapped) Negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (wrtc.Conn, error) {
	t.trap.at(ctx, "begin")
	c, err := t.Transport.Negotiate(ctx, role, trappedSignaler{s, t.trap})
	if err == nil {
		t.trap.at(ctx, "open")
	}
	if err == nil && t.tap {
		c = tapChannel(c, t.version1)
	}
	return c, err
}

type trappedSignaler struct {
	wrtc.Signaler
	trap *trap
}

func (s trappedSignaler) Send(ctx context.Context, signal wrtc.Signal) error {
	switch signal.Kind {
	case wrtc.Offer:
		s.trap.at(ctx, "offer")
	case wrtc.Answer:
		s.trap.at(ctx, "answer")
	}
	err := s.Signaler.Send(ctx, signal)
	if err == nil && signal.Kind == wrtc.Answer {
		s.trap.at(ctx, "sent")
	}
	return err
}

func (s trappedSignaler) Receive(ctx context.Context) (wrtc.Signal, error) {
	signal, err := s.Signaler.Receive(ctx)
	switch {
	case err != nil:
	case signal.Kind == wrtc.Offer:
		s.trap.at(ctx, "offered")
	case signal.Kind == wrtc.Answer:
		s.trap.at(ctx, "answered")
	}
	return signal, err
}

// errorNames are the errors that tests look for.
var errorNames = map[string]error{
	"closed": exchange.ErrClosed, "no peers": exchange.ErrNoPeers, "no candidates": exchange.ErrNoCandidates,
	"all failed": exchange.ErrAllFailed, "self": exchange.ErrSelf, "wrong network": exchange.ErrWrongNetwork,
	"not pxp": exchange.ErrNotPXP, "version 1": exchange.ErrVersion1, "timeout": exchange.ErrTimeout,
	"lost": exchange.ErrLost, "refused": exchange.ErrRefused, "cancelled": context.Canceled,
}

func namesOf(err error) []string {
	names := []string{}
	for name, sentinel := range errorNames {
		if errors.Is(err, sentinel) {
			names = append(names, name)
		}
	}
	return names
}

// shutdownTime is how long an orderly end may wait for data streams, which these nodes do not close.
const shutdownTime = time.Second

// steady waits until the number of goroutines has not changed for a while, and tells it: what has yet to end then only lets
// settle be content with more.
func (n *goNode) steady() fields {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	goroutines := runtime.NumGoroutine()
	for same := 0; same < 10; same++ {
		<-look.C
		if now := runtime.NumGoroutine(); now != goroutines {
			goroutines, same = now, 0
		}
	}
	return fields{"goroutines": goroutines}
}

// settle waits until nothing of a meeting is left: no circuits, and no more goroutines than most. It gives up when that is
// long overdue, tells what there is, and says on stderr where.
func (n *goNode) settle(most int) fields {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.After(overdue); ; {
		circuits, goroutines := n.ex.Stats().Circuits, runtime.NumGoroutine()
		if circuits == 0 && goroutines <= most {
			return fields{"circuits": circuits, "goroutines": goroutines}
		}
		select {
		case <-look.C:
		case <-end:
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) // for who reads the log
			return fields{"circuits": circuits, "goroutines": goroutines}
		}
	}
}

// overdue is more than all time limits of a node together.
const overdue = 60 * time.Second
