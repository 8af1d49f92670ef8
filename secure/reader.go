package secure

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

const (
	lengthSize = 2
	// idleBuffer holds what an idle session hears and says: a control message and
	// window updates. There are as many as there are peers, each way.
	idleBuffer = 256
	// smallBuffer holds a handshake, and messages that are not much.
	smallBuffer = 4 << 10
	// readBuffer holds the largest record and more, so that one read of the
	// carrier brings several; a whole number of the allocator's 8 KiB pages.
	readBuffer = 72 << 10
	// bufferIdle is how long nothing must have passed that needs a buffer until it
	// is given up for the next smaller one.
	bufferIdle = time.Second
	// maxIdleReads is how often in a row the carrier may return neither bytes
	// nor an error.
	maxIdleReads = 100
)

// reader cuts what a carrier brings into records. It reads as much at once as
// fits its buffer. It is not safe for concurrent use.
type reader struct {
	carrier    io.Reader
	buf        []byte
	start, end int // received and not yet handed out: buf[start:end]
	err        error

	growable bool      // false in the handshake: a stranger gets a small buffer
	full     bool      // the last read filled the buffer: there may be more
	medium   time.Time // when a read last brought, or needed, more than idleBuffer
	large    time.Time // and more than smallBuffer
}

// record returns the next record without its length. It is valid, and may be
// written to, until the next call of a method. The error is io.EOF at the end
// of the carrier between two records, and io.ErrUnexpectedEOF inside one. A
// record longer than limit is an error as soon as its length is there.
func (r *reader) record(limit int) ([]byte, error) {
	if err := r.need(lengthSize); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(r.buf[r.start:]))
	if length > limit {
		return nil, fmt.Errorf("message of %d bytes, limit %d", length, limit)
	}
	n := lengthSize + length
	if err := r.need(n); err != nil {
		return nil, err
	}
	record := r.buf[r.start+lengthSize : r.start+n]
	r.start += n
	return record, nil
}

// ready tells whether record would return one without reading from the carrier.
func (r *reader) ready() bool {
	have := r.end - r.start
	return have >= lengthSize && have >= lengthSize+int(binary.BigEndian.Uint16(r.buf[r.start:]))
}

// need reads until n bytes are at r.start, in one piece.
func (r *reader) need(n int) error {
	for idle := 0; r.end-r.start < n; {
		if r.err != nil {
			if r.err == io.EOF && r.end > r.start {
				return io.ErrUnexpectedEOF
			}
			return r.err
		}
		r.room(n)
		got, err := r.carrier.Read(r.buf[r.end:])
		r.end += got
		r.full = r.end == len(r.buf)
		r.err = err                         // after the bytes that came with it
		if got > idleBuffer && r.growable { // a handshake is no sign of what comes after it
			r.medium = time.Now()
			if got > smallBuffer {
				r.large = r.medium
			}
		}
		if got > 0 {
			idle = 0
		} else if idle++; err == nil && idle >= maxIdleReads {
			r.err = io.ErrNoProgress
		}
	}
	return nil
}

// room makes space for n bytes from r.start, and chooses the buffer: a larger
// one for a record that does not fit or a carrier that has more than fits, a
// smaller one again when that was long ago.
func (r *reader) room(n int) {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	switch {
	case r.buf == nil:
		r.resize(smallBuffer)
	case len(r.buf) < smallBuffer && n <= smallBuffer && (n > len(r.buf) || r.full):
		r.resize(smallBuffer)
		r.medium = time.Now()
	case len(r.buf) < readBuffer && (n > len(r.buf) || r.full && r.growable):
		r.resize(readBuffer)
		r.medium = time.Now()
		r.large = r.medium
	case r.end == 0 && len(r.buf) > idleBuffer && r.growable:
		// Nothing is kept: the moment before the reader may wait for long.
		if size := r.idle(); size < len(r.buf) {
			r.resize(size)
		}
	}
	if r.start+n > len(r.buf) {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
}

// idle is the size of the buffer that is kept while nothing comes.
func (r *reader) idle() int {
	switch now := time.Now(); {
	case now.Sub(r.large) <= bufferIdle:
		return readBuffer
	case now.Sub(r.medium) <= bufferIdle:
		return smallBuffer
	}
	return idleBuffer
}

func (r *reader) resize(size int) {
	buf := make([]byte, size)
	r.end = copy(buf, r.buf[r.start:r.end])
	r.start = 0
	r.buf = buf
}
