package mux

import (
	"net"
	"time"

	"github.com/hashicorp/yamux"
)

// closeTimeout is how long a closed stream waits for the peer to close too. TCP's FIN-WAIT-2 is as long.
const closeTimeout = time.Minute

// stream implements [Stream]. The session's lock guards all of it.
type stream struct {
	endpoint
	session *session
	ys      *yamux.Stream // the library's half; nil until the library has accepted it
	id      uint32

	named bool // the name has arrived or was sent
	acked bool // an ACK was sent or received

	window    window
	credit    int64 // what the peer takes now
	bulkBatch uint64

	timer *time.Timer // waits for the name, or after Close for the peer's FIN
}

func newStream(s *session) *stream {
	st := &stream{session: s, credit: Window}
	st.init(&s.core)
	return st
}

// Read implements [Stream].
func (st *stream) Read(p []byte) (int, error) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for !st.readable(len(p)) {
		s.out.flush()
		st.canRead.Wait()
	}
	n, err := st.read(p)
	if n > 0 {
		s.consume(st, n)
		s.settle(st)
	}
	return n, err
}

// Write implements [Stream].
func (st *stream) Write(p []byte) (written int, err error) {
	s := st.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := st.beginWrite(); err != nil {
		return 0, err
	}
	defer st.endWrite()
	if len(p) == 0 {
		s.out.flush()
	}
	for written < len(p) {
		if err := st.writeErr(); err != nil {
			return written, err
		}
		n := st.writeFrame(p[written:])
		if n == 0 {
			s.out.flush()
			st.canWrite.Wait()
		}
		written += n
	}
	return written, nil
}

// writeFrame queues one frame of data and returns how much is in it: nothing when the peer or the queue takes none now.
func (st *stream) writeFrame(p []byte) int {
	s := st.session
	n := min(len(p), frameBytes, int(st.credit))
	if n <= 0 {
		return 0
	}
	l := s.out.laneFor(st, n)
	if !l.line.enter(&st.endpoint, l.fits(n)) {
		return 0
	}
	st.credit -= int64(n)
	s.bytesOut += uint64(n)
	s.out.data(l, st, p[:n])
	return n
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
	st.setClosed()
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
	st.canRead.wake()
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
