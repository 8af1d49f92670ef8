//go:build !js

package bootstrap

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Limits of the HTTP server before a WebSocket is open; after that those of
// the exchange hold. The numbers are those of exchange.Limits.
const (
	headerTime    = 10 * time.Second
	maxHeader     = 8 << 10
	maxRequests   = 128
	maxPerAddress = 8
)

// wsListener is the net.Listener of the WebSockets opened at one path of an
// HTTP server of its own.
type wsListener struct {
	socket net.Listener
	path   string
	server *http.Server

	queue chan net.Conn // unbuffered, never closed
	once  sync.Once
	done  chan struct{} // closed by Close
	ended chan struct{} // closed when the server has ended
	err   error         // why; set before ended is closed

	running sync.WaitGroup // requests, and connections that have none yet

	mu    sync.Mutex
	conns map[net.Conn]netip.Addr // not WebSockets yet
	from  map[netip.Addr]int
}

func listenWebSocket(socket net.Listener, path string) *wsListener {
	l := &wsListener{
		socket: socket,
		path:   path,
		queue:  make(chan net.Conn),
		done:   make(chan struct{}),
		ended:  make(chan struct{}),
		conns:  make(map[net.Conn]netip.Addr),
		from:   make(map[netip.Addr]int),
	}
	l.server = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       headerTime,
		WriteTimeout:      headerTime,
		MaxHeaderBytes:    maxHeader,
		ConnState:         l.connState,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	l.server.SetKeepAlivesEnabled(false)
	// Owned by l: ended by Close, wait waits.
	go l.run()
	return l
}

func (l *wsListener) run() {
	defer close(l.ended)
	l.err = l.server.Serve(l.socket)
}

// wait waits until nothing is left, after Close or a failure of the socket.
func (l *wsListener) wait() {
	<-l.ended
	l.running.Wait()
}

// ServeHTTP opens a WebSocket and hands it to Accept.
func (l *wsListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.running.Add(1) // the connection is still counted
	defer l.running.Done()
	if r.URL.EscapedPath() != l.path {
		http.NotFound(w, r)
		return
	}
	conn, err := upgrade(w, r)
	if err != nil {
		return // it was answered
	}
	select {
	case l.queue <- conn:
	case <-l.done:
		_ = conn.Close()
	}
}

// connState counts connections from the first byte until they are closed or
// become WebSockets. Those above the limits are closed.
func (l *wsListener) connState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		l.running.Add(1) // by the goroutine that ends before ended is closed
		if !l.enter(c) {
			_ = c.Close()
		}
	case http.StateHijacked, http.StateClosed:
		l.leave(c)
		l.running.Done()
	}
}

func (l *wsListener) enter(c net.Conn) bool {
	var ip netip.Addr
	if addr, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		ip = addressOf(addr)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= maxRequests || l.from[ip] >= maxPerAddress {
		return false
	}
	l.conns[c] = ip
	l.from[ip]++
	return true
}

// addressOf returns what counts as one address: an IPv4 address, the first of
// an IPv6 /64.
func addressOf(addr *net.TCPAddr) netip.Addr {
	ip := addr.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			ip = prefix.Masked().Addr()
		}
	}
	return ip
}

func (l *wsListener) leave(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ip, ok := l.conns[c]
	if !ok {
		return
	}
	delete(l.conns, c)
	if l.from[ip]--; l.from[ip] == 0 {
		delete(l.from, ip)
	}
}

// Accept returns the next WebSocket.
func (l *wsListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.queue:
		return conn, nil
	case <-l.done:
		return nil, l.fail(net.ErrClosed)
	case <-l.ended:
	}
	select {
	case <-l.done:
		return nil, l.fail(net.ErrClosed)
	default:
		return nil, l.fail(l.err)
	}
}

func (l *wsListener) fail(err error) error {
	return &net.OpError{Op: "accept", Net: "ws", Addr: l.Addr(), Err: err}
}

// Close closes the socket and what is not a WebSocket yet. Only the first call
// has an effect.
func (l *wsListener) Close() error {
	l.once.Do(func() {
		close(l.done)
		_ = l.server.Close()
		_ = l.socket.Close() // if the server has not begun
	})
	return nil
}

func (l *wsListener) Addr() net.Addr { return l.socket.Addr() }
