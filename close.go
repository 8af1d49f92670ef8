package exchange

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Shutdown ends the exchange in an orderly way. It stops taking and looking
// for peers, waits until the application has closed all its Conns or ctx is
// done, says goodbye to every peer once what was written has arrived, and then
// does as [Exchange.Close]. It returns nil when all were closed in time, else
// the cause of ctx. Streams that nobody has accepted are reset.
func (ex *Exchange) Shutdown(ctx context.Context) error {
	ex.beginClosing()
	err := ex.waitConns(ctx)
	ex.goodbye(ctx)
	ex.Close()
	return err
}

// shutdownLinger is how long Shutdown waits for peers to take the last bytes.
const shutdownLinger = 2 * time.Second

func (ex *Exchange) goodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownLinger)
	defer cancel()
	var wg sync.WaitGroup
	for p := range ex.Peers() {
		wg.Go(func() { p.s.finish(ctx, ErrClosed) }) // bounded by ctx, waited for below
	}
	wg.Wait()
}

// Close ends the exchange at once: every session, stream, listener and
// goroutine of it. It returns when nothing is left. A channel with npm
// peer-exchange that is about to open can hold it up for 4 s, see
// [Exchange.GetNewPeer]. Calls under way return [ErrClosed]. It is idempotent, and must not be called from Config.OnEvent.
func (ex *Exchange) Close() error {
	ex.beginClosing()
	ex.mu.Lock()
	ex.closed = true
	sessions := make([]*session, 0, len(ex.sessions))
	for s := range ex.sessions {
		sessions = append(sessions, s)
	}
	ex.mu.Unlock()
	ex.cancel(ErrClosed)

	var wg sync.WaitGroup
	for _, s := range sessions {
		wg.Go(func() { s.end(ErrClosed) }) // bounded by byeTime, waited for below
	}
	wg.Wait()
	ex.wg.Wait()
	ex.conns.Close()
	ex.events.close()
	return nil
}

// beginClosing refuses what is new: peers, listeners, calls.
func (ex *Exchange) beginClosing() {
	ex.mu.Lock()
	ex.closing = true
	var listeners []net.Listener
	for l := range ex.sockets {
		listeners = append(listeners, l)
	}
	for _, l := range ex.listeners {
		listeners = append(listeners, l)
	}
	ex.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	ex.conns.Close()
	select {
	case ex.retarget <- struct{}{}:
	default:
	}
}

func (ex *Exchange) addSocket(l net.Listener) bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.closing {
		return false
	}
	ex.sockets[l] = struct{}{}
	return true
}

func (ex *Exchange) removeSocket(l net.Listener) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	delete(ex.sockets, l)
}

// Conns are counted as long as their peer is there.

func (ex *Exchange) connOpened(s *session) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	s.conns++
	if !s.dropped {
		ex.counts.conns++
	}
}

func (ex *Exchange) connClosed(s *session) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	s.conns--
	if !s.dropped {
		ex.counts.conns--
		ex.becameIdle()
	}
}

// becameIdle wakes Shutdown; ex.mu is held.
func (ex *Exchange) becameIdle() {
	close(ex.idle)
	ex.idle = make(chan struct{})
}

// waitConns waits until no Conn is open, but such whose peer is gone.
func (ex *Exchange) waitConns(ctx context.Context) error {
	for {
		ex.mu.Lock()
		open, idle := ex.counts.conns, ex.idle
		ex.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("exchange: %d streams were still open at shutdown: %w", open, context.Cause(ctx))
		case <-ex.ctx.Done():
			return nil
		}
	}
}
