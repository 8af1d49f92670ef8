package wrtc

// ring is a byte queue that grows as needed. Its owner bounds it.
type ring struct {
	buf  []byte
	head int // index of the first byte
	n    int // bytes held
}

const (
	ringMin  = 16 << 10
	ringKeep = 1 << 20 // an empty ring larger than this gives its memory back
)

func (r *ring) write(p []byte) {
	if need := r.n + len(p); need > len(r.buf) {
		size := max(ringMin, len(r.buf))
		for size < need {
			size *= 2
		}
		buf := make([]byte, size)
		r.peek(buf)
		r.buf, r.head = buf, 0
	}
	tail := r.head + r.n
	if tail >= len(r.buf) {
		tail -= len(r.buf)
	}
	k := copy(r.buf[tail:], p)
	copy(r.buf, p[k:])
	r.n += len(p)
}

func (r *ring) read(p []byte) int {
	k := r.peek(p)
	if r.n -= k; r.n == 0 {
		r.head = 0
		if len(r.buf) > ringKeep {
			r.buf = nil
		}
		return k
	}
	if r.head += k; r.head >= len(r.buf) {
		r.head -= len(r.buf)
	}
	return k
}

func (r *ring) peek(p []byte) int {
	p = p[:min(len(p), r.n)]
	k := copy(p, r.buf[r.head:])
	copy(p[k:], r.buf)
	return len(p)
}
