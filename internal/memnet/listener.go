package memnet

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// backlog is how many dialed connections wait for Accept before Dial blocks.
const backlog = 128

// Listener is a [net.Listener] that only its own Dial reaches. All methods may be called concurrently.
type Listener struct {
	addr   Addr
	config PipeConfig
	queue  chan *Conn    // dialed, not yet accepted; never closed
	done   chan struct{} // closed by Close
	close  sync.Once
	dialed atomic.Int64 // names who dials
}

// Listen returns a listener with that name. A nil config is the zero [PipeConfig]; its Names are not used.
func Listen(name string, config *PipeConfig) *Listener {
	l := &Listener{addr: Addr{"mem", name}, queue: make(chan *Conn, backlog), done: make(chan struct{})}
	if config != nil {
		l.config = *config
	}
	return l
}

// Dial is DialFrom with a name of its own for each call: "dialer-1" and so on.
func (l *Listener) Dial(ctx context.Context) (*Conn, error) {
	return l.DialFrom(ctx, fmt.Sprintf("dialer-%d", l.dialed.Add(1)))
}

// DialFrom connects from an end with that name. As with TCP it takes one round trip and does not wait for Accept, unless
// 128 connections wait already. It fails with [syscall.ECONNREFUSED] when the listener is closed, and with the cause of
// ctx; both wrapped in *[net.OpError].
func (l *Listener) DialFrom(ctx context.Context, name string) (*Conn, error) {
	config := l.config
	config.Names = [2]string{name, l.addr.Name}
	near, far := config.Pipe()
	if err := l.connect(ctx, far); err != nil {
		return nil, &net.OpError{Op: "dial", Net: near.addr.Net, Source: near.addr, Addr: l.addr, Err: err}
	}
	return near, nil
}

func (l *Listener) connect(ctx context.Context, far *Conn) error {
	trip := time.NewTimer(2 * l.config.Delay)
	defer trip.Stop()
	select {
	case <-trip.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-l.done:
		return syscall.ECONNREFUSED
	default:
	}
	select {
	case l.queue <- far:
	case <-l.done:
		return syscall.ECONNREFUSED
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-l.done:
		l.drop() // Close may have looked before far was there
	default:
	}
	return nil
}

// Accept returns the other end of the next dialed connection, a *Conn. It blocks until there is one, or until Close:
// [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
	default:
		select {
		case c := <-l.queue:
			return c, nil
		case <-l.done:
		}
	}
	return nil, &net.OpError{Op: "accept", Net: l.addr.Net, Addr: l.addr, Err: net.ErrClosed}
}

// Close makes Accept and Dial fail, and resets the connections that were not accepted. Accepted ones live on. A second
// call has no effect.
func (l *Listener) Close() error {
	l.close.Do(func() { close(l.done) })
	l.drop()
	return nil
}

func (l *Listener) drop() {
	for {
		select {
		case c := <-l.queue:
			c.Cut(nil)
			_ = c.Close()
		default:
			return
		}
	}
}

// Addr returns the [Addr] with the name that Listen was given.
func (l *Listener) Addr() net.Addr { return l.addr }
