package mux

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	dataBytes    = 64 << 10                         // data of the frames that we send, at most
	queueBytes   = 2 * (maxHeaderBytes + dataBytes) // queued frames, at most; those that are not data are beyond it
	messageBytes = 192 << 10                        // of one Write to the carrier, at most: the original's data channel takes 256 KiB
)

// frameQueue holds frames for the carrier in the order in which they are sent. One goroutine, [multiplex.sendAll], takes
// all of it while the next frames gather; only that goroutine is ever held up by the carrier. What waits besides data is
// an open, an end and an answer for each stream, at most. The session's lock guards it.
type frameQueue struct {
	buf, spare []byte
	line       line      // for room
	wake       sync.Cond // sendAll waits for it
	took, gave uint64    // bytes that sendAll has taken, and those of them that the carrier was given
	flushed    sync.Cond // Flush waits for it
	lastLarge  time.Time
}

// fits reports whether there is room for n bytes of data.
func (q *frameQueue) fits(n int) bool {
	return len(q.buf) == 0 || len(q.buf)+maxHeaderBytes+n <= queueBytes
}

// take returns what is queued, and begins anew.
func (q *frameQueue) take() []byte {
	b := q.buf
	q.buf, q.spare = q.spare[:0], nil
	q.took += uint64(len(b))
	if len(b) > idleLaneBytes {
		q.lastLarge = time.Now()
	}
	q.line.callNext()
	return b
}

// taken gives the buffer that take returned back. Large ones are not kept by a session that sends little.
func (q *frameQueue) taken(b []byte) {
	if time.Since(q.lastLarge) <= calm {
		q.spare = b
		return
	}
	if cap(b) <= idleLaneBytes {
		q.spare = b
	}
	if cap(q.buf) > idleLaneBytes && len(q.buf) == 0 {
		q.buf = nil
	}
}

// frame queues a frame about channel.
func (s *multiplex) frame(channel uint32, kind byte, payload ...byte) {
	s.out.buf = append(appendHeader(s.out.buf, channel, kind, len(payload)), payload...)
	s.out.wake.Signal()
}

// sendOpen queues the open of our channel, unless it has been.
func (s *multiplex) sendOpen(st *shared) {
	if !st.opened {
		st.opened = true
		s.bytesOut += uint64(len(st.name))
		s.frame(st.channel, typeOpen, []byte(st.name)...)
	}
}

// sendData queues a data frame on our channel, which the queue has room for.
func (s *multiplex) sendData(st *shared, p []byte) {
	s.sendOpen(st)
	s.bytesOut += uint64(len(p))
	s.frame(st.channel, typeData, p...)
	s.out.line.callNext()
}

// sendEnd queues the end of our channel, unless it has been or the peer has let go of the channel.
func (s *multiplex) sendEnd(st *shared) {
	if st.finOut || st.gone || s.err != nil {
		return
	}
	st.finOut = true
	s.sendOpen(st)
	s.frame(st.channel, typeEnd)
}

// answer queues the answer to the peer's end of its channel, and forgets that channel.
func (s *multiplex) answer(st *shared) {
	if !st.mapped || s.err != nil {
		return
	}
	s.unmap(st)
	st.answered = true
	s.frame(uint32(st.peerChannel<<3)>>3, typeEndBack)
	s.endIfDone(st)
}

// Flush implements [Session].
func (s *multiplex) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.out.took + uint64(len(s.out.buf))
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.out.flushed.Broadcast()
	})()
	for s.out.gave < until {
		switch {
		case s.err != nil:
			return s.err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		s.out.flushed.Wait()
	}
	return nil
}

// sendAll is the goroutine that gives frames to the carrier. Multiplex starts it, Close waits for it. When the session has
// ended it sends what is queued, closes the carrier and ends; or it ends because the carrier fails.
func (s *multiplex) sendAll() {
	defer close(s.written)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.out.buf) == 0 && s.err == nil {
			s.out.wake.Wait()
		}
		if len(s.out.buf) == 0 {
			break
		}
		b := s.out.take()
		s.room.Broadcast() // Flush waits for it
		s.mu.Unlock()
		var err error
		for part := range slices.Chunk(b, messageBytes) {
			if _, err = s.carrier.Write(part); err != nil {
				break
			}
		}
		s.mu.Lock()
		s.out.taken(b)
		if err != nil && s.err == nil {
			s.writeFailed(err)
			return
		} else if err != nil {
			break
		}
		s.out.gave = s.out.took
		s.out.flushed.Broadcast()
	}
	s.mu.Unlock()
	s.closeCarrier()
	s.mu.Lock()
}
