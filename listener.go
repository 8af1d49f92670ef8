package exchange

import (
	"fmt"
	"net"
	"slices"
	"sync"
)

// Listener is a [net.Listener] of streams. Accept returns [*Conn] values.
type Listener struct {
	ex   *Exchange
	name string // "" for data streams

	backlog int

	mu     sync.Mutex
	some   sync.Cond // queue is not empty, or closed
	queue  []*Conn   // backlog at most
	closed bool
}

var _ net.Listener = (*Listener)(nil)

func newListener(ex *Exchange, name string, backlog int) *Listener {
	l := &Listener{ex: ex, name: name, backlog: backlog}
	l.some.L = &l.mu
	return l
}

// Listener returns the listener of data streams: one for every new peer,
// whoever began, except those whose Conn was returned by Connect, Accept or
// GetNewPeer, and those that peers open again. Calls return the same listener.
// Conns wait in it, one a peer at most; once it is closed, data streams that
// would go to it are reset, and the peers stay.
func (ex *Exchange) Listener() *Listener { return ex.conns }

// Listen returns a listener of the streams of that name that peers open with
// [Peer.OpenStream]. http.Serve works on it unchanged. Limits.StreamBacklog
// streams may wait for Accept; further ones are reset. A name has one listener
// at a time. Names are as [Peer.OpenStream] says. Peers of version 1 of the
// protocol open none; with V1Only Listen fails with [ErrDataOnly].
func (ex *Exchange) Listen(name string) (*Listener, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if ex.v1 == V1Only {
		return nil, fmt.Errorf("%w: Config.V1 is V1Only, so no peer could open streams named %q", ErrDataOnly, name)
	}
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.closing {
		return nil, ErrClosed
	}
	if ex.listeners[name] != nil {
		return nil, fmt.Errorf("exchange: already listening for streams named %q: close that listener first", name)
	}
	l := newListener(ex, name, ex.limits.StreamBacklog)
	ex.listeners[name] = l
	return l, nil
}

// Accept returns the next stream. It blocks until there is one, or returns
// [ErrClosed] once the listener or the exchange is closed.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.some.Wait()
	}
	if l.closed {
		return nil, ErrClosed
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Addr returns our [Addr], with an empty path.
func (l *Listener) Addr() net.Addr { return Addr{Peer: l.ex.id} }

// Close stops the listener; streams that wait in it are reset. It is
// idempotent.
func (l *Listener) Close() error {
	l.mu.Lock()
	queue := l.queue
	l.closed, l.queue = true, nil
	l.some.Broadcast()
	l.mu.Unlock()

	l.ex.mu.Lock()
	if l.ex.listeners[l.name] == l {
		delete(l.ex.listeners, l.name)
	}
	l.ex.mu.Unlock()
	for _, c := range queue {
		c.Reset()
	}
	return nil
}

// push queues c, or resets it if there is no room or no listener any more.
// Streams of peers that have left make room first.
func (l *Listener) push(c *Conn) {
	l.mu.Lock()
	var out []*Conn
	if len(l.queue) >= l.backlog {
		l.queue = slices.DeleteFunc(l.queue, func(old *Conn) bool {
			if old.peer.Err() == nil {
				return false
			}
			out = append(out, old)
			return true
		})
	}
	if full := len(l.queue) >= l.backlog; l.closed || full {
		out = append(out, c)
	} else {
		l.queue = append(l.queue, c)
		l.some.Signal()
	}
	l.mu.Unlock()
	for _, c := range out {
		l.ex.log.Warn("stream reset: nobody accepts it", "name", clean(c.Name()), "peer", c.peer.ID(), "backlog", l.backlog)
		c.Reset()
	}
}
