package mux

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// closeTimeout is how long a closed stream waits for the peer to close too. TCP's FIN-WAIT-2 is as long.
const closeTimeout = time.Minute

// stream implements [Stream]. The session's lock guards all of it.
type stream struct {
	session *session
	id      uint32
	name    string
	ys      *yamux.Stream // the library's half; nil until the library has accepted it

	named   bool // the name has arrived or was sent
	acked   bool // an ACK was sent or received
	finIn   bool // the peer has ended its direction
	finOut  bool // FIN is queued
	ended   bool // nothing more goes over the wire for it
	settled bool // and its promise was taken back

	closed      bool  // by Close or Reset
	writeClosed bool  // by CloseWrite
	err         error // what Read, once the buffer is empty, and Write return

	canRead      sync.Cond
	readDeadline deadline
	buf          buffer
	window       window

	canWrite      sync.Cond
	writeDeadline deadline
	writing       bool  // somebody's Write has the turn
	credit        int64 // what the peer takes now
	line          *lane // where Write stands in line
	bulkBatch     uint64

	timer *time.Timer // waits for the name, or after Close for the peer's FIN
}

func newStream(s *session) *stream {
	st := &stream{session: s, credit: Window}
	st.canRead.L, st.canWrite.L = &s.mu, &s.mu
	return st
}

// Read implements [Stream].
func (st *stream) Read(p []byte) (int, error) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case st.closed:
			return 0, net.ErrClosed
		case st.readDeadline.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case st.buf.size > 0:
			n := st.buf.read(p, &s.spare)
			s.consume(st, n)
			s.settle(st)
			return n, nil
		case st.finIn:
			return 0, io.EOF
		case st.err != nil:
			return 0, st.err
		}
		s.out.flush()
		st.canRead.Wait()
	}
}

// Write implements [Stream].
func (st *stream) Write(p []byte) (written int, err error) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for st.writing && st.writeErr() == nil {
		st.canWrite.Wait()
	}
	if err := st.writeErr(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		s.out.flush()
		return 0, nil
	}
	st.writing = true
	for written < len(p) && err == nil {
		var n int
		n, err = st.writeFrame(p[written:])
		written += n
	}
	st.writing = false
	s.out.leave(st)
	st.canWrite.Broadcast()
	return written, err
}

// writeFrame queues one frame of data as soon as the peer and the queue take it.
func (st *stream) writeFrame(p []byte) (int, error) {
	s := st.session
	for {
		if err := st.writeErr(); err != nil {
			return 0, err
		}
		if n := min(len(p), frameBytes, int(st.credit)); n > 0 {
			if l := s.out.laneFor(st, n); s.out.enter(l, st, n) {
				st.credit -= int64(n)
				s.bytesOut += uint64(n)
				s.out.data(l, st, p[:n])
				return n, nil
			}
		}
		s.out.flush()
		st.canWrite.Wait()
	}
}

func (st *stream) writeErr() error {
	switch {
	case st.closed:
		return net.ErrClosed
	case st.writeDeadline.passed:
		return os.ErrDeadlineExceeded
	case st.writeClosed:
		return errWriteClosed
	}
	return st.err
}

// CloseWrite implements [Stream].
func (st *stream) CloseWrite() error {
	s := st.session
	s.mu.Lock()
	switch {
	case st.closed:
		s.mu.Unlock()
		return net.ErrClosed
	case st.err != nil:
		s.mu.Unlock()
		return st.err
	}
	st.writeClosed = true
	st.canWrite.Broadcast()
	s.mu.Unlock()
	return st.ys.Close() // half of what its name says; once is enough for it
}

// Close implements [Stream].
func (st *stream) Close() error {
	s := st.session
	s.mu.Lock()
	if st.closed {
		s.mu.Unlock()
		return nil
	}
	unread := st.buf.size > 0
	st.shut()
	ended := st.ended
	s.mu.Unlock()
	if ended {
		return nil
	}
	st.ys.Close() // queues FIN, unless CloseWrite has
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case st.ended:
	case unread && !st.finIn:
		s.abort(st) // the peer may have used up its window and wait for more
	case !st.finIn:
		st.timer = time.AfterFunc(closeTimeout, st.expire)
	}
	return nil
}

// Reset implements [Stream].
func (st *stream) Reset() error {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	st.shut()
	if !st.ended {
		s.abort(st)
	}
	return nil
}

// shut ends local use: calls return net.ErrClosed, and what was not read is gone.
func (st *stream) shut() {
	st.closed = true
	st.readDeadline.stop()
	st.writeDeadline.stop()
	st.drop()
}

// reset ends the stream for local users with err. What came before the peer's FIN can still be read.
func (st *stream) reset(err error) {
	if st.err == nil {
		st.err = err
	}
	if !st.finIn {
		st.drop()
	}
}

// drop forgets what has not been read.
func (st *stream) drop() {
	s := st.session
	s.buffered -= st.buf.drop()
	s.settle(st)
	st.canRead.Broadcast()
	st.canWrite.Broadcast()
}

// expire runs in the timer's goroutine.
func (st *stream) expire() {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !st.ended && (st.closed || !st.named) {
		s.abort(st)
	}
}

// Name implements [Stream].
func (st *stream) Name() string { return st.name }

// LocalAddr implements [net.Conn].
func (st *stream) LocalAddr() net.Addr { return st.session.cfg.LocalAddr }

// RemoteAddr implements [net.Conn].
func (st *stream) RemoteAddr() net.Addr { return st.session.cfg.RemoteAddr }

// SetDeadline implements [net.Conn].
func (st *stream) SetDeadline(t time.Time) error { return st.setDeadlines(t, true, true) }

// SetReadDeadline implements [net.Conn].
func (st *stream) SetReadDeadline(t time.Time) error { return st.setDeadlines(t, true, false) }

// SetWriteDeadline implements [net.Conn].
func (st *stream) SetWriteDeadline(t time.Time) error { return st.setDeadlines(t, false, true) }

func (st *stream) setDeadlines(t time.Time, read, write bool) error {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	if st.closed {
		return net.ErrClosed
	}
	if read {
		st.readDeadline.set(t, &st.canRead)
	}
	if write {
		st.writeDeadline.set(t, &st.canWrite)
	}
	return nil
}
