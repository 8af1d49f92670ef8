package mux

import (
	"io"
	"net"
	"time"
)

// shared implements [Stream] for wire version 1: a channel of ours, which we write on, and one of the peer's, which we
// read from. The session's lock guards all of it.
type shared struct {
	endpoint
	session     *multiplex
	channel     uint32 // ours
	peerChannel int32  // the peer's, once matched

	claimed  bool // Open has returned it; channel is set
	matched  bool // the peer has opened its channel
	mapped   bool // and frames for that channel are for this stream
	opened   bool // our open is queued
	answered bool // we have answered finIn, or the channel is another stream's by now
	gone     bool // the peer has destroyed our channel: it takes nothing more on it

	promise int // bytes that it may hold

	timer *time.Timer // waits for us to claim the stream, or after Close for the peer
}

// Read implements [Stream].
func (st *shared) Read(p []byte) (int, error) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for !st.readable(len(p)) {
		st.canRead.Wait()
	}
	n, err := st.read(p)
	if n > 0 {
		s.consumed(st, n)
	}
	if err == io.EOF {
		s.answer(st)
	}
	return n, err
}

// Write implements [Stream].
func (st *shared) Write(p []byte) (written int, err error) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := st.beginWrite(); err != nil {
		return 0, err
	}
	defer st.endWrite()
	if len(p) == 0 {
		s.sendOpen(st)
	}
	for written < len(p) {
		if err := st.writeErr(); err != nil {
			return written, err
		}
		n := min(len(p)-written, dataBytes)
		if !s.out.line.enter(&st.endpoint, s.out.fits(n)) {
			st.canWrite.Wait()
			continue
		}
		s.sendData(st, p[written:written+n])
		written += n
	}
	return written, nil
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
	st.setClosed()
	st.session.drop(st)
	st.session.release(st)
	st.session.settle(st)
}
