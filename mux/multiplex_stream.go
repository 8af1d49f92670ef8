package mux

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// shared implements [Stream] for wire version 1: a channel of ours, which we write on, and one of the peer's, which we
// read from. The session's lock guards all of it.
type shared struct {
	session     *multiplex
	name        string
	channel     uint32 // ours
	peerChannel int32  // the peer's, once matched

	claimed  bool // Open has returned it; channel is set
	matched  bool // the peer has opened its channel
	mapped   bool // and frames for that channel are for this stream
	opened   bool // our open is queued
	finIn    bool // the peer has ended its channel
	answered bool // and we have answered, or the channel is another stream's by now
	finOut   bool // our end is queued
	gone     bool // the peer has destroyed our channel: it takes nothing more on it
	ended    bool // nothing more goes over the wire for it
	settled  bool // and it is forgotten

	closed      bool  // by Close or Reset
	writeClosed bool  // by CloseWrite
	err         error // what Read, once the buffer is empty, and Write return

	canRead      sync.Cond
	readDeadline deadline
	buf          buffer
	promise      int // bytes that it may hold

	canWrite      sync.Cond
	writeDeadline deadline
	writing       bool // somebody's Write has the turn
	inLine        bool // of the queue

	timer *time.Timer // waits for us to claim the stream, or after Close for the peer
}

// Read implements [Stream].
func (st *shared) Read(p []byte) (int, error) {
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
			s.consumed(st, n)
			return n, nil
		case st.finIn:
			s.answer(st)
			return 0, io.EOF
		case st.err != nil:
			return 0, st.err
		}
		st.canRead.Wait()
	}
}

// Write implements [Stream].
func (st *shared) Write(p []byte) (written int, err error) {
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
		s.sendOpen(st)
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

// writeFrame queues one frame of data as soon as the queue takes it.
func (st *shared) writeFrame(p []byte) (int, error) {
	s := st.session
	for {
		if err := st.writeErr(); err != nil {
			return 0, err
		}
		if n := min(len(p), dataBytes); s.out.enter(st, n) {
			s.sendData(st, p[:n])
			return n, nil
		}
		st.canWrite.Wait()
	}
}

func (st *shared) writeErr() error {
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
func (st *shared) CloseWrite() error {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case st.closed:
		return net.ErrClosed
	case st.err != nil:
		return st.err
	}
	st.writeClosed = true
	st.canWrite.Broadcast()
	s.sendEnd(st)
	s.endIfDone(st)
	return nil
}

// Close implements [Stream].
func (st *shared) Close() error {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.closed {
		return nil
	}
	st.shut()
	if st.ended {
		return nil
	}
	s.sendEnd(st)
	if st.finIn {
		s.answer(st)
	}
	if s.endIfDone(st); st.ended {
		return nil
	}
	if st.matched && s.names[st.name] == st {
		delete(s.names, st.name)
	}
	st.timer = time.AfterFunc(closeTimeout, st.expire)
	return nil
}

// Reset implements [Stream].
func (st *shared) Reset() error { return st.Close() }

// shut ends local use: calls return net.ErrClosed, and what was not read is gone.
func (st *shared) shut() {
	st.closed = true
	st.readDeadline.stop()
	st.writeDeadline.stop()
	st.session.drop(st)
	st.session.release(st)
	st.session.settle(st)
}

// Name implements [Stream].
func (st *shared) Name() string { return st.name }

// LocalAddr implements [net.Conn].
func (st *shared) LocalAddr() net.Addr { return st.session.cfg.LocalAddr }

// RemoteAddr implements [net.Conn].
func (st *shared) RemoteAddr() net.Addr { return st.session.cfg.RemoteAddr }

// SetDeadline implements [net.Conn].
func (st *shared) SetDeadline(t time.Time) error { return st.setDeadlines(t, true, true) }

// SetReadDeadline implements [net.Conn].
func (st *shared) SetReadDeadline(t time.Time) error { return st.setDeadlines(t, true, false) }

// SetWriteDeadline implements [net.Conn].
func (st *shared) SetWriteDeadline(t time.Time) error { return st.setDeadlines(t, false, true) }

func (st *shared) setDeadlines(t time.Time, read, write bool) error {
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
