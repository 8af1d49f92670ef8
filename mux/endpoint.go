package mux

import (
	"io"
	"net"
	"os"
	"time"
)

// endpoint is what callers have of a stream in either framing: [stream] and [shared] embed it. The session's lock guards
// it.
type endpoint struct {
	core *core
	name string

	finIn   bool // the peer has ended its direction
	finOut  bool // our end is queued
	ended   bool // nothing more goes over the wire for it
	settled bool // and it is forgotten, the promise to it taken back

	closed      bool  // by Close or Reset
	writeClosed bool  // by CloseWrite
	writing     bool  // somebody's Write has the turn
	err         error // what Read, once the buffer is empty, and Write return

	canRead      waiters
	readDeadline deadline
	buf          buffer

	canWrite      waiters
	writeDeadline deadline
	line          *line // where the Write stands that has the turn
}

func (e *endpoint) init(c *core) {
	e.core = c
	e.canRead.L, e.canWrite.L = &c.mu, &c.mu
}

// readable reports whether read has something to return to who has room for n bytes. Otherwise wait for canRead.
func (e *endpoint) readable(n int) bool {
	return e.buf.size > 0 || n == 0 || e.finIn || e.closed || e.readDeadline.passed || e.err != nil
}

// read returns what Read does, when there is something to return.
func (e *endpoint) read(p []byte) (int, error) {
	switch {
	case e.closed:
		return 0, net.ErrClosed
	case e.readDeadline.passed:
		return 0, os.ErrDeadlineExceeded
	case len(p) == 0:
		return 0, nil
	case e.buf.size > 0:
		return e.buf.read(p, &e.core.spare), nil
	case e.finIn:
		return 0, io.EOF
	}
	return 0, e.err
}

// fill reads up to n bytes that the carrier has for the stream, and returns how many. Meanwhile it lets go of the lock.
func (e *endpoint) fill(n int) (int, error) {
	c := e.core
	space := e.buf.space(n, &c.spare)
	c.mu.Unlock()
	n, err := c.in.Read(space)
	c.mu.Lock()
	c.buffered += e.buf.commit(n)
	return n, unexpected(err)
}

// beginWrite waits for the turn to write: the bytes of two Writes do not mix. Who gets it must call endWrite.
func (e *endpoint) beginWrite() error {
	for e.writing && e.writeErr() == nil {
		e.canWrite.Wait()
	}
	if err := e.writeErr(); err != nil {
		return err
	}
	e.writing = true
	return nil
}

func (e *endpoint) endWrite() {
	e.writing = false
	e.leave()
	e.canWrite.Broadcast()
}

// writeErr is why nothing can be written now; nil when it is only that there may be no room.
func (e *endpoint) writeErr() error {
	switch {
	case e.closed:
		return net.ErrClosed
	case e.writeDeadline.passed:
		return os.ErrDeadlineExceeded
	case e.writeClosed:
		return errWriteClosed
	}
	return e.err
}

// setClosed has all further calls fail.
func (e *endpoint) setClosed() {
	e.closed = true
	e.readDeadline.stop()
	e.writeDeadline.stop()
}

// Unread returns how many bytes have come that were not read. It is a method of all streams, though not of [Stream].
func (e *endpoint) Unread() int {
	e.core.mu.Lock()
	defer e.core.mu.Unlock()
	return e.buf.size
}

// Name implements [Stream].
func (e *endpoint) Name() string { return e.name }

// LocalAddr implements [net.Conn].
func (e *endpoint) LocalAddr() net.Addr { return e.core.cfg.LocalAddr }

// RemoteAddr implements [net.Conn].
func (e *endpoint) RemoteAddr() net.Addr { return e.core.cfg.RemoteAddr }

// SetDeadline implements [net.Conn].
func (e *endpoint) SetDeadline(t time.Time) error { return e.setDeadlines(t, true, true) }

// SetReadDeadline implements [net.Conn].
func (e *endpoint) SetReadDeadline(t time.Time) error { return e.setDeadlines(t, true, false) }

// SetWriteDeadline implements [net.Conn].
func (e *endpoint) SetWriteDeadline(t time.Time) error { return e.setDeadlines(t, false, true) }

func (e *endpoint) setDeadlines(t time.Time, read, write bool) error {
	e.core.mu.Lock()
	defer e.core.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	if read {
		e.readDeadline.set(t, &e.canRead)
	}
	if write {
		e.writeDeadline.set(t, &e.canWrite)
	}
	return nil
}
