package mux

import (
	"errors"
	"io"
	"time"
)

// link is what the yamux library takes for the connection. The library sees no data, no windows and no pings in either
// direction: only the frames that begin and end streams, and those only when the link has found them in order.
type link struct{ *session }

// Read returns frames for the library. Its receive goroutine is the session's too: in here it reads the carrier and
// does with every frame what is to be done, until there is one that the library must see.
func (l link) Read(p []byte) (int, error) {
	for {
		if n := l.takeNotes(p); n > 0 {
			return n, nil
		}
		h, err := l.next()
		if err == nil {
			err = l.receive(h)
		}
		if err != nil {
			l.fail(err)
			_, _ = io.Copy(io.Discard, l.in) // until the carrier is closed: one that is closed with unread bytes may lose the last sent
			return 0, io.EOF
		}
	}
}

// Write takes a frame from the library's send goroutine: always one header. It never blocks.
func (l link) Write(p []byte) (int, error) {
	if len(p) != headerBytes {
		return 0, errors.New("mux: yamux sent data")
	}
	h := parseHeader(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.kind != frameWindow || h.flags == 0 || l.err != nil {
		return len(p), nil
	}
	if h.has(flagSYN) {
		l.register(h.id)
	}
	st := l.streams[h.id]
	if st == nil || st.ended {
		return len(p), nil
	}
	l.sendControl(st, header{kind: frameWindow, flags: h.flags, id: h.id}, h.has(flagFIN))
	switch {
	case h.has(flagSYN):
		l.sendName(st)
	case h.has(flagACK):
		st.acked = true
	}
	if h.has(flagFIN) {
		st.finOut = true
		if st.finIn {
			l.end(st)
		}
	}
	return len(p), nil
}

// Close is called by the library when it ends.
func (l link) Close() error {
	l.fail(errors.New("mux: yamux ended the session"))
	return nil
}

// note has the library see flags of a stream, when its receive goroutine next looks. It looks after every frame that has
// arrived; what others note waits for the next one, and before too much does, a ping asks for one.
//
// The library counts the streams that we opened and that have no ACK. FIN and RST count as one.
func (s *session) note(st *stream, flags uint16) {
	if s.sideOf(st.id) == ours && !st.acked {
		flags |= flagACK
		st.acked = true
		s.releasing++
	}
	s.notes = header{kind: frameWindow, flags: flags, id: st.id}.append(s.notes)
	if len(s.notes) > maxNotes*headerBytes {
		s.ping(time.Now())
	}
}

// maxNotes is the number of notes that may wait without asking for a frame.
const maxNotes = 32

// takeNotes moves noted frames to p.
func (s *session) takeNotes(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) == 0 {
		return 0
	}
	n := copy(p, s.notes)
	s.notes = s.notes[:copy(s.notes, s.notes[n:])]
	if len(s.notes) == 0 && s.releasing > 0 {
		s.waiting -= s.releasing
		s.releasing = 0
		s.room.Broadcast()
	}
	return n
}
