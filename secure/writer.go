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
	overhead  = lengthSize + tagSize

	// writeBuffer holds the largest record that is sent, a quarter above the
	// 32 KiB that copying programs write, for the headers of a multiplexer.
	// Larger ones are slower: over loopback TCP writes of 128 KiB took a sixth
	// longer as records of 64 KiB.
	writeBuffer = 40 << 10
	// maxSent is how much plaintext such a record carries; the protocol allows
	// 65519 bytes.
	maxSent = writeBuffer - overhead
)

// writer seals what it is given into records. It is not safe for concurrent
// use.
type writer struct {
	carrier io.Writer
	sealer  cipherState
	buf     []byte    // one record; empty between calls, kept for its capacity
	large   time.Time // when more than smallBuffer was last needed
	err     error     // once set, the position in the stream is lost
}

// write seals p into as few records as it takes and hands each to the carrier
// in one write. It returns how many bytes of p are in records that the carrier
// took whole.
func (w *writer) write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	w.room(len(p))
	for n < len(p) {
		size := min(len(p)-n, maxSent)
		record := binary.BigEndian.AppendUint16(w.buf, uint16(size+tagSize))
		if record, w.err = w.sealer.seal(record, p[n:n+size]); w.err != nil {
			return n, w.err
		}
		if _, w.err = w.carrier.Write(record); w.err != nil {
			return n, w.err
		}
		n += size
	}
	return n, nil
}

// room chooses the buffer for a write of size bytes: a large one if it must be,
// and a small one again when the last large write was long ago.
func (w *writer) room(size int) {
	if size+overhead > smallBuffer {
		w.large = time.Now()
		if cap(w.buf) < writeBuffer {
			w.buf = make([]byte, 0, writeBuffer)
		}
		return
	}
	if w.buf == nil || cap(w.buf) > smallBuffer && time.Since(w.large) > bufferIdle {
		w.buf = make([]byte, 0, smallBuffer)
	}
}
