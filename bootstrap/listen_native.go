//go:build !js

package bootstrap

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/peer-exchange/exchange"
)

// Listener accepts peers on a socket. See [Listen].
type Listener struct {
	url    URL
	socket net.Listener
	wait   func()        // until what the socket started has ended
	done   chan struct{} // closed when serving has ended
	err    error         // why; set before done is closed
}

// Listen listens on url, which is tcp://host:port or ws://host:port/path, and
// serves in the background: who connects becomes a peer of ex, and the data
// stream goes to [exchange.Exchange.Listener]. Port 0 takes a free port, an
// empty host every local address. A peer ID in url must be that of ex.
//
// It ends with Close, or with the exchange. For wss put a server that ends TLS
// in front, or use [Handler].
func Listen(ex *exchange.Exchange, url string) (*Listener, error) {
	u, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Scheme == SchemeWSS:
		return nil, fmt.Errorf("bootstrap: cannot listen on %s: put a server that ends TLS before a ws:// listener, or mount Handler in one", u)
	case u.V1:
		return nil, fmt.Errorf("bootstrap: cannot listen on %s: listeners serve every version that the exchange allows, leave out ?v=1", u)
	case !u.Peer.IsZero() && u.Peer != ex.ID():
		return nil, fmt.Errorf("bootstrap: cannot listen on %s: this node's own ID is %s", u, ex.ID())
	}
	select {
	case <-ex.Done():
		return nil, fmt.Errorf("bootstrap: not listening on %s: %w", u, exchange.ErrClosed)
	default:
	}
	socket, err := net.Listen("tcp", u.address())
	if err != nil {
		return nil, fmt.Errorf("bootstrap: listening on %s: %w", u, err)
	}
	addr := socket.Addr().(*net.TCPAddr).AddrPort()
	u.Port = addr.Port()
	if _, err := netip.ParseAddr(u.Host); err == nil || u.Host == "" {
		u.Host = addr.Addr().Unmap().String()
	}
	u.Peer = ex.ID()
	l := &Listener{url: u, socket: socket, wait: func() {}, done: make(chan struct{})}
	if u.Scheme == SchemeWS {
		ws := listenWebSocket(socket, u.Path)
		l.socket, l.wait = ws, ws.wait
	}
	// Owned by l: ended by Close or the exchange, Close waits.
	go l.serve(ex)
	return l, nil
}

func (l *Listener) serve(ex *exchange.Exchange) {
	defer close(l.done)
	err := ex.Serve(l.socket)
	l.wait()
	if !errors.Is(err, net.ErrClosed) {
		l.err = err
	}
}

// URL returns where the listener is reached, with the real port. A host that
// stands for every local address stays as it is: who dials from elsewhere
// needs another.
func (l *Listener) URL() string {
	u := l.url
	u.Peer = [32]byte{}
	return u.String()
}

// PinnedURL returns URL and, after #, this node's peer ID: who dials it finds
// this node or nobody.
func (l *Listener) PinnedURL() string { return l.url.String() }

// Done returns a channel that is closed when the listener has ended.
func (l *Listener) Done() <-chan struct{} { return l.done }

// Err returns why the listener ended if it was neither by Close nor with the
// exchange; else, and before it has ended, nil.
func (l *Listener) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Close stops listening and waits until nothing of the listener is left. Peers
// that came by it stay. It is idempotent.
func (l *Listener) Close() error {
	_ = l.socket.Close() // a second time it fails
	<-l.done
	return nil
}
