package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// DefaultBuffer is the number of bytes that one direction of a pipe holds when [PipeConfig] does not say.
const DefaultBuffer = 64 << 10

// Addr is the address of one end of a pipe, or of a [Listener]. It is comparable.
type Addr struct {
	Net  string // what Network returns; "mem" for all addresses that this package makes
	Name string // what String returns; need not be unique
}

// Network returns a.Net.
func (a Addr) Network() string { return a.Net }

// String returns a.Name.
func (a Addr) String() string { return a.Name }

// PipeConfig describes a pipe; both directions are alike. The zero value is an instant link with [DefaultBuffer].
type PipeConfig struct {
	// Buffer is the number of bytes that one direction holds, in flight and unread together, before Write blocks; zero
	// is DefaultBuffer. At most Buffer bytes arrive in each Delay: give a link with latency as much as it should carry.
	Buffer int

	// Delay is the time that each byte, and the news of a close, takes one way. Bytes pipeline: a Write does not wait for
	// what was written before to arrive.
	Delay time.Duration

	// Rate is how many bytes a second one direction carries; zero is no limit. Write does not wait for it; a full Buffer does.
	Rate int

	// MaxRead is the most that one Read returns; zero is no limit. 1 shows a reader that forgets [io.ReadFull].
	MaxRead int

	// Names are the names of the two ends; "a" and "b" when empty. A test of limits per address writes "192.0.2.1:1000".
	Names [2]string
}

// Conn is one end of a pipe: a [net.Conn] with half-close and faults. All methods may be called concurrently.
//
// Errors are *[net.OpError] except io.EOF: wrapping [net.ErrClosed] when this end is closed, [os.ErrDeadlineExceeded],
// [syscall.EPIPE] when the other end has gone or CloseWrite was called, or what Cut was given.
type Conn struct {
	link    *link
	in, out *half
	addr    Addr
	peer    Addr
	closed  bool // guarded by link.mu
}

// link is what the two ends share.
type link struct {
	mu     sync.Mutex
	change sync.Cond // any change that a blocked Read or Write might wait for
	cfg    PipeConfig
	cut    error // not nil: both directions are broken
}

// Pipe returns the two ends of an instant pipe: [PipeConfig]'s zero value.
func Pipe() (a, b *Conn) { return PipeConfig{}.Pipe() }

// Pipe returns the two ends of a new pipe. It panics when a number in c is negative.
func (c PipeConfig) Pipe() (a, b *Conn) {
	if c.Buffer < 0 || c.Delay < 0 || c.Rate < 0 || c.MaxRead < 0 {
		panic("memnet: negative number in PipeConfig")
	}
	if c.Buffer == 0 {
		c.Buffer = DefaultBuffer
	}
	for i, name := range [2]string{"a", "b"} {
		if c.Names[i] == "" {
			c.Names[i] = name
		}
	}
	l := &link{cfg: c}
	l.change.L = &l.mu
	ab, ba := &half{link: l}, &half{link: l}
	addrA, addrB := Addr{"mem", c.Names[0]}, Addr{"mem", c.Names[1]}
	return &Conn{link: l, in: ba, out: ab, addr: addrA, peer: addrB}, &Conn{link: l, in: ab, out: ba, addr: addrB, peer: addrA}
}

// Read reads what has arrived, at least one byte. It blocks until something has, until the other end's close has arrived
// (io.EOF, after all data), the read deadline, Close or Cut.
func (c *Conn) Read(p []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for {
		now := time.Now()
		switch {
		case c.closed:
			return 0, c.opError("read", net.ErrClosed)
		case c.link.cut != nil:
			return 0, c.opError("read", c.link.cut)
		case c.in.readDeadline.passed(now):
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		}
		if n := c.in.take(p, now); n > 0 {
			c.link.change.Broadcast()
			return n, nil
		}
		if c.in.ended(now) {
			return 0, io.EOF
		}
		c.in.wakeReader(now)
		c.link.change.Wait()
	}
}

// Write queues p for the other end. It blocks while the buffer is full: until the other end reads, it goes away, the
// write deadline, Close or Cut; then it returns how many bytes it has queued. Concurrent writes do not mix their bytes.
// It does not keep p.
func (c *Conn) Write(p []byte) (written int, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	turn := false
	defer func() {
		if turn {
			c.out.writing = false
			c.link.change.Broadcast()
		}
	}()
	for {
		now := time.Now()
		switch {
		case c.closed:
			return written, c.opError("write", net.ErrClosed)
		case c.link.cut != nil:
			return written, c.opError("write", c.link.cut)
		case c.out.writeDeadline.passed(now):
			return written, c.opError("write", os.ErrDeadlineExceeded)
		case c.out.fin, c.out.readerGone && c.in.finArrived(now):
			return written, c.opError("write", syscall.EPIPE)
		}
		if turn || !c.out.writing {
			turn, c.out.writing = true, true
			before := written
			for {
				n := c.out.put(p[written:], now)
				if written += n; written == len(p) {
					return written, nil // the deferred function signals
				}
				if n == 0 {
					break
				}
			}
			if written > before { // else two full writers would wake each other for ever
				c.link.change.Broadcast()
			}
		}
		if c.out.readerGone {
			c.in.wakeReader(now)
		}
		c.link.change.Wait()
	}
}

// CloseWrite tells the other end that nothing more follows: it reads io.EOF after what was written. Reading goes on.
// A second call has no effect; after Close it fails.
func (c *Conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.out.finish(time.Now())
	c.link.change.Broadcast()
	return nil
}

// Close closes this end. Blocked calls return, unread data is dropped, what was written still arrives at the other end and then
// io.EOF; the other end's writes fail with [syscall.EPIPE] as soon as the news arrives. A second call has no effect.
func (c *Conn) Close() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	c.out.finish(time.Now())
	c.in.readerGone = true
	c.in.readDeadline.stop()
	c.out.writeDeadline.stop()
	c.in.wake.stop()
	c.link.change.Broadcast()
	return nil
}

// LocalAddr returns the [Addr] of this end.
func (c *Conn) LocalAddr() net.Addr { return c.addr }

// RemoteAddr returns the [Addr] of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.peer }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, true, true) }

// SetReadDeadline sets when Read fails with [os.ErrDeadlineExceeded], also one that blocks now; the zero time is never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, true, false) }

// SetWriteDeadline sets when Write fails with [os.ErrDeadlineExceeded], also one that blocks now; the zero time is never.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

func (c *Conn) setDeadlines(t time.Time, read, write bool) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	if read {
		c.in.readDeadline.set(c.link, t)
	}
	if write {
		c.out.writeDeadline.set(c.link, t)
	}
	c.link.change.Broadcast()
	return nil
}

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.addr.Net, Source: c.addr, Addr: c.peer, Err: err}
}
