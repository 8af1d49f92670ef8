package mux

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	frameBytes       = 32 << 10                       // data of the frames that we send, at most
	urgentFrameBytes = 1 << 10                        // data of a frame that goes ahead of larger ones, at most
	urgentLaneBytes  = 32 << 10                       // queued frames of that kind; control frames are beyond it
	bulkLaneBytes    = 2 * (headerBytes + frameBytes) // queued frames of the other kind
	joinBytes        = 16 << 10                       // two lanes with no more than that become one Write
	maxControlBytes  = 64 << 10                       // control frames that the carrier has not taken
	idleLaneBytes    = 1 << 10                        // the largest buffers that are kept when nothing large was sent for calm
	calm             = time.Second
)

// sender queues frames for the carrier. One goroutine, [session.write], takes all that is queued as one batch, first the
// urgent lane, then the bulk lane, while the next batch gathers. So small frames share a Write (and a record of the
// cipher below), a frame of the urgent lane waits behind one batch at most, and only that goroutine is ever held up by
// the carrier. It is there while there is something to send, and for calm after it: a new one for every small frame would cost
// 2 us each, since its stack has to grow. The session's lock guards the sender.
type sender struct {
	urgent, bulk lane
	batch        uint64 // number of the batch that is gathering
	control      int    // bytes of control frames in it
	due          bool   // something in it should go now
	lastBulk     time.Time

	start   func() // starts the writer
	running bool   // it has been started, and will see what is queued; or it has ended with the session
	wake    sync.Cond
}

// lane is one of the two queues. Writers that find it full wait in a line.
type lane struct {
	buf   []byte
	spare []byte // the buffer of the batch before, when the carrier has taken it
	limit int
	line  line
}

func (l *lane) fits(n int) bool { return len(l.buf) == 0 || len(l.buf)+headerBytes+n <= l.limit }

// laneFor returns the lane for a frame of n bytes of data. A stream whose frames are in the bulk lane stays there until
// the batch is taken, so that none overtakes another.
func (s *sender) laneFor(st *stream, n int) *lane {
	if n > urgentFrameBytes || st != nil && st.bulkBatch == s.batch {
		return &s.bulk
	}
	return &s.urgent
}

// data appends a data frame to l, which st has entered.
func (s *sender) data(l *lane, st *stream, p []byte) {
	l.buf = header{kind: frameData, id: st.id, length: uint32(len(p))}.append(l.buf)
	l.buf = append(l.buf, p...)
	if l == &s.bulk {
		st.bulkBatch = s.batch
	}
	l.line.callNext()
	s.send()
}

// send has the batch sent as soon as the carrier is free.
func (s *sender) send() {
	if !s.due {
		s.due = true
		s.call()
	}
}

// call has the writer look whether there is something for it to do.
func (s *sender) call() {
	if !s.running {
		s.running = true
		s.start()
	}
	s.wake.Signal()
}

// flush has queued frames sent that wait for company.
func (s *sender) flush() {
	if s.queued() > 0 {
		s.send()
	}
}

// queued returns the number of bytes that wait.
func (s *sender) queued() int { return len(s.urgent.buf) + len(s.bulk.buf) }

// take returns the batch and begins the next.
func (s *sender) take() (urgent, bulk []byte) {
	urgent, bulk = s.urgent.swap(), s.bulk.swap()
	if len(bulk) > 0 {
		s.lastBulk = time.Now()
	}
	if len(urgent) > 0 && len(urgent)+len(bulk) <= joinBytes {
		urgent, bulk = append(urgent, bulk...), bulk[:0]
	}
	s.batch++
	s.control = 0
	s.due = false
	s.urgent.line.callNext()
	s.bulk.line.callNext()
	return urgent, bulk
}

// taken gives the buffers of a batch back to be used again, unless they are large and nothing large was sent for a while.
func (s *sender) taken(urgent, bulk []byte) {
	s.urgent.spare, s.bulk.spare = urgent, bulk
	if time.Since(s.lastBulk) > calm {
		s.urgent.shrink()
		s.bulk.shrink()
	}
}

// swap returns the buffer and goes on with the spare one.
func (l *lane) swap() []byte {
	b := l.buf
	l.buf, l.spare = l.spare[:0], nil
	return b
}

// shrink lets go of large buffers that hold nothing.
func (l *lane) shrink() {
	if cap(l.spare) > idleLaneBytes {
		l.spare = nil
	}
	if len(l.buf) == 0 && cap(l.buf) > idleLaneBytes {
		l.buf = nil
	}
}

// rest lets go of buffers that hold nothing.
func (l *lane) rest() {
	l.spare = nil
	if len(l.buf) == 0 {
		l.buf = nil
	}
}

// write is the goroutine that gives frames to the carrier. The first that are due start it, and it ends when there were none
// for calm. When the session has ended it sends what is queued, closes the carrier and ends; or it ends because the
// carrier fails. Close waits for that.
func (s *session) write() {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := false
	defer s.whenIdle(func() {
		idle = true
		s.out.wake.Signal()
	})()
	for {
		for !s.out.due && s.err == nil && !idle {
			s.out.wake.Wait()
		}
		if !s.out.due && s.err == nil {
			s.rest()
			return
		}
		if s.out.queued() == 0 {
			if s.err != nil {
				break
			}
			s.out.due = false
			continue
		}
		urgent, bulk := s.out.take()
		s.room.Broadcast()
		s.mu.Unlock()
		err := writeAll(s.carrier, urgent, bulk)
		s.mu.Lock()
		s.out.taken(urgent, bulk)
		if err != nil && s.err == nil {
			s.writeFailed(err)
			close(s.written)
			return
		} else if err != nil {
			break
		}
	}
	s.mu.Unlock()
	s.closeCarrier()
	close(s.written)
	s.mu.Lock()
}

// whenIdle calls f once no batch was taken for calm. It looks that often, so that a batch costs nothing. The lock is held in f,
// and must be for stop, which ends the looking.
func (s *session) whenIdle(f func()) (stop func()) {
	batch, stopped := s.out.batch, false
	var timer *time.Timer
	timer = time.AfterFunc(calm, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case stopped:
		case batch == s.out.batch:
			f()
		default:
			batch = s.out.batch
			timer.Reset(calm)
		}
	})
	return func() {
		stopped = true
		timer.Stop()
	}
}

// rest lets go of what an idle session does not need. Only the writer calls it, when it ends.
func (s *session) rest() {
	s.out.running = false
	s.out.urgent.rest()
	s.out.bulk.rest()
	s.spare.tidy()
	for _, st := range s.streams {
		st.buf.rest()
	}
}

func writeAll(carrier net.Conn, lanes ...[]byte) error {
	for _, b := range lanes {
		if len(b) > 0 {
			if _, err := carrier.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush implements [Session].
func (s *session) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.out.batch
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	})()
	for s.out.batch == batch && s.out.queued() > 0 {
		switch {
		case s.err != nil:
			return s.err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		s.out.flush()
		s.room.Wait()
	}
	return nil
}

// sendControl queues a control frame about st, or about the session when st is nil. Callers hold the lock. Urgent is
// false for what may wait for company.
func (s *session) sendControl(st *stream, h header, urgent bool) {
	l := s.out.laneFor(st, 0)
	l.buf = h.append(l.buf)
	s.out.control += headerBytes
	if s.out.control > maxControlBytes {
		s.failLocked(&LimitError{LimitControlBytes, int64(s.out.control), maxControlBytes})
	}
	if urgent {
		s.out.send()
	}
}

// sendName queues the name that st begins with.
func (s *session) sendName(st *stream) {
	n := 1 + len(st.name)
	l := &s.out.urgent
	l.buf = header{kind: frameData, id: st.id, length: uint32(n)}.append(l.buf)
	l.buf = appendName(l.buf, st.name)
	s.out.control += headerBytes + n
	st.credit -= int64(n)
	s.bytesOut += uint64(n)
}
