package secure

import (
	"encoding/binary"
	"io"
	"time"
)

const (
	// maxRecord is what a length can say, and the limit of a Noise message.
	maxRecord = 65535
	tagSize   = 16
	// maxPlaintext is what one record carries.
	maxPlaintext = maxRecord - tagSize
	overhead     = lengthSize + tagSize
)

// writer seals what it is given into records. It is not safe for concurrent
// use.
type writer struct {
	carrier io.Writer
	sealer  cipherState
	buf     []byte // between calls empty, kept for its capacity
	err     error  // once set, the position in the stream is lost
	large   time.Time
}

// write seals p into as few records as it takes and hands them to the carrier,
// several in one write as far as the buffer goes. It returns how many bytes of
// p are in records that the carrier took whole.
func (w *writer) write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	w.room(len(p))
	for n < len(p) {
		sealed := w.buf[:0]
		done := n
		for done < len(p) && cap(sealed)-len(sealed) > overhead {
			size := min(len(p)-done, cap(sealed)-len(sealed)-overhead, maxPlaintext)
			sealed = binary.BigEndian.AppendUint16(sealed, uint16(size+tagSize))
			if sealed, w.err = w.sealer.seal(sealed, p[done:done+size]); w.err != nil {
				return n, w.err
			}
			done += size
		}
		if _, w.err = w.carrier.Write(sealed); w.err != nil {
			return n, w.err
		}
		n = done
	}
	return n, nil
}

// room chooses the buffer for a write of size bytes: one that holds all of it
// up to largeBuffer, and a small one again when the last large write was long
// ago.
func (w *writer) room(size int) {
	if size+overhead > smallBuffer {
		w.large = time.Now()
		if cap(w.buf) < largeBuffer {
			w.buf = make([]byte, 0, largeBuffer)
		}
		return
	}
	if w.buf == nil || cap(w.buf) > smallBuffer && time.Since(w.large) > bufferIdle {
		w.buf = make([]byte, 0, smallBuffer)
	}
}
