package bootstrap

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// maxMessage is the longest message that is read. Peers of ours send at
	// most sentMessage.
	maxMessage = 1 << 20
	// sentMessage is the longest message that is written. A record of package
	// secure fits.
	sentMessage = 64 << 10
	// closeTime bounds a Close: what was written leaves, and the other end says
	// that it has it.
	closeTime = time.Second
)

var errText = errors.New("text message: this protocol sends binary messages only")

// socket is what a WebSocket library gives. One goroutine at a time calls next
// and reads, one calls write; interrupt and kill may be called at any time.
type socket interface {
	// next waits for the next binary message. The error is io.EOF after an
	// orderly close by the other end. Errors are final.
	next() (io.Reader, error)
	// write sends p, at most sentMessage bytes, as one binary message.
	write(p []byte) error
	// interrupt makes next, and a read of its message, fail now and ever after.
	interrupt()
	// finish sends what is still held and closes in good order: it returns when
	// the other end has closed, too, or at kill. It is called once, after
	// interrupt, when nothing else is called any more.
	finish()
	// kill ends the connection at once. It may be called more than once.
	kill()
}

// wsConn is a WebSocket as a carrier: a net.Conn whose reads and writes may be
// of any size. It has no deadlines.
type wsConn struct {
	socket        socket
	local, remote wsAddr

	reading sync.Mutex
	message io.Reader // guarded by reading; nil between messages
	readErr error     // guarded by reading; final

	writing  sync.Mutex
	writeErr error // guarded by writing; final

	once   sync.Once
	closed chan struct{} // closed when Close begins
}

var _ net.Conn = (*wsConn)(nil)

func newConn(s socket, local, remote string) *wsConn {
	return &wsConn{socket: s, local: wsAddr(local), remote: wsAddr(remote), closed: make(chan struct{})}
}

// Read reads what comes next, without regard to the borders of messages.
func (c *wsConn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for c.readErr == nil && !c.isClosed() {
		if len(p) == 0 {
			return 0, nil
		}
		if c.message == nil {
			c.message, c.readErr = c.socket.next()
			continue
		}
		n, err := c.message.Read(p)
		if err == io.EOF {
			c.message, err = nil, nil
		}
		c.readErr = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, c.fail("read", c.readErr)
}

// Write sends p as one message, or several if it is long.
func (c *wsConn) Write(p []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for c.writeErr == nil && !c.isClosed() {
		if n == len(p) {
			return n, nil
		}
		part := p[n:min(n+sentMessage, len(p))]
		if c.writeErr = c.socket.write(part); c.writeErr == nil {
			n += len(part)
		}
	}
	if n == len(p) && c.writeErr == nil && n > 0 {
		return n, nil // closed just after
	}
	return n, c.fail("write", c.writeErr)
}

func (c *wsConn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (c *wsConn) fail(op string, err error) error {
	if c.isClosed() {
		err = net.ErrClosed
	}
	if err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: c.remote.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// Close ends a blocked Read at once. A Write under way, and then the closing
// handshake, have closeTime in all: what was written before arrives unless
// the other end does not read. Further calls wait for the first and do nothing.
func (c *wsConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		timer := time.AfterFunc(closeTime, c.socket.kill)
		defer timer.Stop()
		c.socket.interrupt()
		c.reading.Lock()
		c.writing.Lock()
		whole := c.writeErr == nil
		c.reading.Unlock()
		c.writing.Unlock()
		if whole {
			c.socket.finish()
		}
		c.socket.kill()
	})
	return nil
}

func (c *wsConn) LocalAddr() net.Addr  { return c.local }
func (c *wsConn) RemoteAddr() net.Addr { return c.remote }

// Deadlines would cut a record of the layer above in half; that layer has its
// own.
func (c *wsConn) SetDeadline(time.Time) error      { return c.noDeadline() }
func (c *wsConn) SetReadDeadline(time.Time) error  { return c.noDeadline() }
func (c *wsConn) SetWriteDeadline(time.Time) error { return c.noDeadline() }

func (c *wsConn) noDeadline() error {
	return c.fail("set", fmt.Errorf("WebSocket carrier: %w", os.ErrNoDeadline))
}

// wsAddr is an IP address and port that is spoken to by WebSocket; in a browser,
// which does not tell, the host and port of the URL.
type wsAddr string

func (wsAddr) Network() string  { return "ws" }
func (a wsAddr) String() string { return string(a) }
