package wrtc

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// link is one PeerConnection with its one channel: what differs between pion and a browser. Negotiation calls its methods from one
// goroutine; send, buffered, setLow and acknowledged may be called from any. It reports to its conn and its progress.
type link interface {
	offer() error                     // makes the offer and begins to gather candidates
	answer(remote string) error       // takes the offer, makes the answer and begins to gather
	accept(remote string) error       // takes the answer
	localSDP() string                 // own description with the candidates gathered so far
	addCandidate(s Signal) error      // after the remote description
	pair() (local, remote Addr)       // selected pair, after opening
	checks() []PairCheck              // pairs tried, before opening
	start()                           // begins to deliver to conn, once, after opening
	send(msg []byte, text bool) error // one message. Does not block, does not keep msg
	buffered() int                    // bytes sent and not yet gone
	acknowledged() bool               // whether everything sent is known to have arrived
	setLow(n int)                     // conn.drained is called when buffered falls to n
	shut()                            // ends everything and waits for it; idempotent
}

// maxQueued bounds what has arrived and was not read. Natively the reader stops above it and SCTP's window pushes back.
const maxQueued = 256 << 10

// conn is the net.Conn over a link.
type conn struct {
	// Set before Negotiate returns, then immutable.
	link          link
	high, low     int
	marks         bool // see dialect
	log           *slog.Logger
	message       int
	local, remote Addr
	timing        Timing

	rdeadline, wdeadline *deadline

	readLock  chan struct{} // cap 1: holds a token while a Read runs
	writeLock chan struct{} // cap 1: holds a token while a Write runs, and for good from Close on
	readable  chan struct{} // cap 1: a token after something changed for the reader
	space     chan struct{} // cap 1: a token after the reader took something
	low1      chan struct{} // cap 1: a token after buffered fell to the low water
	closed    chan struct{} // closed by Close, first thing
	ended     chan struct{} // closed when nothing more will come: end received or failed
	confirmed chan struct{} // closed when the other end confirmed our end of the stream
	lost      chan struct{} // closed when the link is gone, after the end or without it, and all it brought is in the queue
	cut       chan struct{} // closed when nothing can be sent any more
	closing   atomic.Bool   // the first Close has begun
	closeDone chan struct{} // closed when it has ended; not a lock, so that virtual time passes meanwhile
	closeErr  error         // written before closeDone is closed

	mu    sync.Mutex
	queue ring  // arrived, not read
	eof   bool  // the end of the stream arrived
	err   error // why the connection failed
	cause error // what unwritable was told first
}

func newConn(cfg *Config, d dialect) *conn {
	return &conn{
		marks: d.marks, log: cfg.Logger,
		high: cfg.HighWater, low: cfg.LowWater, message: cfg.MessageSize,
		rdeadline: newDeadline(), wdeadline: newDeadline(),
		readLock: make(chan struct{}, 1), writeLock: make(chan struct{}, 1),
		readable: make(chan struct{}, 1), space: make(chan struct{}, 1), low1: make(chan struct{}, 1),
		closed: make(chan struct{}), ended: make(chan struct{}), lost: make(chan struct{}), confirmed: make(chan struct{}), cut: make(chan struct{}),
		closeDone: make(chan struct{}),
	}
}

func (c *conn) Timing() Timing       { return c.timing }
func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	if isDone(c.closed) {
		return ErrClosed
	}
	c.rdeadline.set(t)
	c.wdeadline.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	if isDone(c.closed) {
		return ErrClosed
	}
	c.rdeadline.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	if isDone(c.closed) {
		return ErrClosed
	}
	c.wdeadline.set(t)
	return nil
}

// Read takes what has arrived, in pieces of any size.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.await(c.readLock, nil, c.rdeadline); err != nil {
		return 0, err
	}
	defer func() { <-c.readLock }()
	for {
		c.mu.Lock()
		n := c.queue.read(p)
		eof, err := c.eof, c.err
		c.mu.Unlock()
		switch {
		case n > 0:
			token(c.space)
			return n, nil
		case len(p) == 0:
			return 0, nil
		case eof:
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		if err := c.await(nil, c.readable, c.rdeadline); err != nil {
			return 0, err
		}
	}
}

// Write sends p in messages. A deadline or Close ends it between two messages: n says how much was sent.
func (c *conn) Write(p []byte) (n int, err error) {
	if err := c.await(c.writeLock, nil, c.wdeadline); err != nil {
		return 0, err
	}
	defer func() { <-c.writeLock }()
	for {
		if err := c.room(); err != nil || len(p) == 0 {
			return n, err
		}
		k := min(len(p), c.message)
		if err := c.link.send(p[:k], false); err != nil {
			c.unwritable(err)
			return n, c.endError()
		}
		n += k
		if p = p[k:]; len(p) == 0 {
			return n, nil
		}
	}
}

// room returns when another message may be sent: at once up to the high-water mark, above it when the low-water mark is reached.
func (c *conn) room() error {
	for limit := c.high; ; limit = c.low {
		switch {
		case isDone(c.closed):
			return ErrClosed
		case isDone(c.ended), isDone(c.cut):
			return c.endError()
		case isDone(c.wdeadline.wait()):
			return os.ErrDeadlineExceeded
		case c.link.buffered() <= limit:
			return nil
		}
		select {
		case <-c.low1:
		case <-c.ended:
		case <-c.cut:
		case <-c.closed:
		case <-c.wdeadline.wait():
		}
	}
}

// await puts a token into put or takes one from take, unless the connection is closed or the deadline passes first. Both are looked at before.
func (c *conn) await(put chan<- struct{}, take <-chan struct{}, d *deadline) error {
	for {
		passed := d.wait()
		if isDone(c.closed) {
			return ErrClosed
		}
		if isDone(passed) {
			return os.ErrDeadlineExceeded
		}
		select {
		case put <- struct{}{}:
			return nil
		case <-take:
			return nil
		case <-c.closed:
		case <-passed:
		}
	}
}

// endError is what Write returns after the stream has ended.
func (c *conn) endError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.eof:
		return ErrPeerClosed
	case c.err != nil:
		return c.err
	case c.cause != nil:
		return failure(c.cause)
	}
	return nil
}

func failure(err error) error { return fmt.Errorf("wrtc: %w: %w", ErrFailed, err) }

// Close sends what was written and the end of the stream, waits until the other end has it (without marks: until it has left) or linger has passed, and then takes
// the PeerConnection down. The error says that written bytes may be lost.
func (c *conn) Close() error {
	if !c.closing.CompareAndSwap(false, true) {
		<-c.closeDone
		return c.closeErr
	}
	close(c.closed)
	c.writeLock <- struct{}{} // a Write that runs leaves first; none comes after
	c.closeErr = c.flush()
	c.link.shut()
	close(c.closeDone)
	return c.closeErr
}

// flush waits until what was written has arrived, as far as this end can know. The error says that it may not have; it is no error when the
// other end closed and wants none of it.
func (c *conn) flush() error {
	if !isDone(c.lost) {
		c.link.setLow(0)
		timeout := time.NewTimer(linger)
		defer timeout.Stop()
		if c.marks {
			c.finish(timeout.C)
		} else {
			c.drain(timeout.C)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eof || c.arrived() {
		return nil
	}
	err := c.err
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	return fmt.Errorf("wrtc: close: %d bytes not known to have arrived (waited at most %v): %w", c.link.buffered(), linger, err)
}

// finish sends the end of the stream and waits until the other end confirmed it; when the other end closed first, until our confirmation is
// out, since taking the PeerConnection down would cut it off.
func (c *conn) finish(timeout <-chan time.Time) {
	if !isDone(c.ended) {
		if err := c.link.send(nil, false); err != nil {
			c.unwritable(err) // what came in may still hold the other end's confirmation
		}
	}
	for !isDone(c.lost) && !c.link.acknowledged() {
		confirmed := c.confirmed
		if isDone(c.ended) { // then our own confirmation is under way, too
			if shutFlushes {
				return
			}
			confirmed = nil
		} else if isDone(c.confirmed) {
			return
		}
		select {
		case <-c.low1:
		case <-confirmed:
		case <-c.lost:
		case <-timeout:
			return
		}
	}
}

// drain waits until nothing is left to send, or nobody to send it to.
func (c *conn) drain(timeout <-chan time.Time) {
	for !isDone(c.ended) && c.link.buffered() > 0 {
		select {
		case <-c.low1:
		case <-c.ended:
		case <-timeout:
			return
		}
	}
}

// arrived reports whether the other end has what was written. Without marks there is nothing to ask for but whether it was sent.
func (c *conn) arrived() bool {
	if !c.marks {
		return c.link.buffered() == 0
	}
	return isDone(c.confirmed) || c.link.acknowledged()
}

// deliver queues a message for Read. When the queue is full and block is true it waits for the reader. It reports
// whether the link should go on.
func (c *conn) deliver(msg []byte, limit int, block bool) bool {
	for {
		c.mu.Lock()
		if c.err != nil {
			c.mu.Unlock()
			return false
		}
		if c.eof || isDone(c.closed) { // nobody will read it
			c.mu.Unlock()
			return true
		}
		if c.queue.n < limit {
			c.queue.write(msg)
			c.mu.Unlock()
			token(c.readable)
			return true
		}
		c.mu.Unlock()
		if !block {
			c.fail(fmt.Errorf("more than %d bytes received and not read", limit))
			return false
		}
		select {
		case <-c.space:
		case <-c.closed:
		case <-c.ended:
		}
	}
}

// end takes note of the other end's orderly close and confirms it: SCTP's own acknowledgement may be held back for 200 ms, and a browser shows none.
func (c *conn) end() {
	c.mu.Lock()
	first := !c.eof && c.err == nil
	if first {
		c.eof = true
		close(c.ended)
	}
	c.mu.Unlock()
	if first {
		token(c.readable)
		if c.marks {
			_ = c.link.send(nil, true) // a lost confirmation only makes the other end wait for the acknowledgement
		}
	}
}

// gone takes note that the channel has ended from outside, be it by the other end's doing. Without marks that is all there is of an orderly close.
func (c *conn) gone(err error) {
	if !c.marks {
		c.end()
	}
	c.fail(fmt.Errorf("channel ended: %w", err))
}

// receive takes one message of the other end, at most of the size that the dialect allows. It reports whether the link should go on.
func (c *conn) receive(msg []byte, text bool, limit int, block bool) bool {
	switch {
	case text && (len(msg) > 0 || !c.marks):
		c.fail(errors.New("text message"))
		return false
	case text:
		c.confirm()
	case len(msg) > 0:
		return c.deliver(msg, limit, block)
	case c.marks:
		c.end()
	}
	return true
}

// confirm takes note that our end of the stream arrived, and everything before it.
func (c *conn) confirm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !isDone(c.confirmed) {
		close(c.confirmed)
	}
}

// fail ends the connection with an error, unless it has ended in order. What has arrived can still be read.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isDone(c.lost) {
		return
	}
	close(c.lost)
	if c.eof {
		return
	}
	if c.cause != nil { // it came first
		err = c.cause
	}
	c.err = failure(err)
	close(c.ended)
	token(c.readable)
}

// unwritable ends writing; fail follows when what has arrived is in the queue.
func (c *conn) unwritable(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = err
		close(c.cut)
	}
}

// drained is called by the link when buffered fell to the mark that setLow set.
func (c *conn) drained() { token(c.low1) }

func token(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
