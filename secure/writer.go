package secure

import (
	"encoding/binary"
	"io"
	"slices"
	"time"
)

const (
	// maxRecord is what a length can say, and the limit of a Noise message.
	maxRecord = 65535
	tagSize   = 16
	overhead  = lengthSize + tagSize

	// sentRecord is the largest record that is sent, an eighth above the 32 KiB
	// that copying programs write, for the headers of a multiplexer. Larger ones
	// are slower: over loopback TCP writes of 128 KiB took a sixth longer as
	// records of 64 KiB.
	sentRecord = 36 << 10
	// maxSent is how much plaintext such a record carries; the protocol allows
	// 65519 bytes.
	maxSent = sentRecord - overhead
	// writeBuffer holds the two records that a multiplexer's batch of 64 KiB
	// takes: one write of the carrier in place of two saves a tenth of the CPU
	// time of all.
	writeBuffer = sentRecords * sentRecord
	sentRecords = 2
)

// writer seals what it is given into records. It is not safe for concurrent
// use.
type writer struct {
	carrier io.Writer
	sealer  cipherState
	buf     []byte    // records; empty between calls, kept for its capacity
	medium  time.Time // when more than idleBuffer was last needed
	large   time.Time // and more than smallBuffer
	err     error     // once set, the position in the stream is lost
}

// write seals p into as few records as it takes and hands them to the carrier
// in as few writes as the buffer allows. It returns how many bytes of p are in
// records that the carrier took whole.
func (w *writer) write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	w.room(len(p))
	for batch := range slices.Chunk(p, sentRecords*maxSent) {
		records := w.buf
		for plaintext := range slices.Chunk(batch, maxSent) {
			records = binary.BigEndian.AppendUint16(records, uint16(len(plaintext)+tagSize))
			if records, w.err = w.sealer.seal(records, plaintext); w.err != nil {
				return n, w.err
			}
		}
		if _, w.err = w.carrier.Write(records); w.err != nil {
			return n, w.err
		}
		n += len(batch)
	}
	return n, nil
}

// room chooses the buffer for a write of size bytes: as large as it must be, and
// not smaller than what was needed not long ago.
func (w *writer) room(size int) {
	size += overhead
	if size <= cap(w.buf) && cap(w.buf) <= idleBuffer {
		return
	}
	now := time.Now()
	if size > idleBuffer {
		w.medium = now
	}
	if size > smallBuffer {
		w.large = now
	}
	want := idleBuffer
	switch {
	case now.Sub(w.large) <= bufferIdle:
		want = writeBuffer
	case now.Sub(w.medium) <= bufferIdle:
		want = smallBuffer
	}
	if cap(w.buf) != want {
		w.buf = make([]byte, 0, want)
	}
}
