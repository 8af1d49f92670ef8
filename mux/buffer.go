package mux

import "time"

// Sizes of chunks. A stream with little in it holds little; one with much holds large chunks, which are used again.
const (
	smallChunk  = 512
	mediumChunk = 4 << 10
	largeChunk  = 32 << 10
	spareChunks = 64 // large chunks that a session keeps for its next bytes
)

// chunk is a piece of a buffer: data[r:w] is to be read, data[w:] is free.
type chunk struct {
	data []byte
	r, w int
	next *chunk
}

// buffer holds what has arrived on a stream and has not been read. Bytes are not moved within it, and memory is in
// proportion to what it holds. The session's lock guards it, except for the free space that a filler is writing to.
type buffer struct {
	head, tail *chunk
	size       int // bytes to be read
	filling    bool
}

// space returns free space for at most n > 0 bytes to come. Until commit it belongs to the caller.
func (b *buffer) space(n int, spare *chunkPool) []byte {
	b.filling = true
	t := b.tail
	if t != nil && t.r == t.w {
		t.r, t.w = 0, 0
	}
	if t == nil || t.w == len(t.data) {
		next := spare.get(n + b.size)
		if t == nil {
			b.head = next
		} else {
			t.next = next
		}
		b.tail, t = next, next
	}
	return t.data[t.w:min(t.w+n, len(t.data))]
}

// commit adds the first n bytes of the space to what is to be read, and returns how many: none after drop.
func (b *buffer) commit(n int) int {
	b.filling = false
	if b.tail == nil {
		return 0
	}
	b.tail.w += n
	b.size += n
	return n
}

// first returns the bytes to be read that lie together.
func (b *buffer) first() []byte {
	if b.head == nil {
		return nil
	}
	return b.head.data[b.head.r:b.head.w]
}

// read moves bytes to p.
func (b *buffer) read(p []byte, spare *chunkPool) (n int) {
	for n < len(p) && b.size > 0 {
		m := copy(p[n:], b.first())
		b.skip(m, spare)
		n += m
	}
	return n
}

// skip forgets the first n bytes, all of one chunk.
func (b *buffer) skip(n int, spare *chunkPool) {
	c := b.head
	c.r += n
	b.size -= n
	if c.r < c.w || c == b.tail && (b.filling || len(c.data) <= mediumChunk) {
		return
	}
	b.head = c.next
	if b.head == nil {
		b.tail = nil
	}
	spare.put(c)
}

// drop forgets everything. It returns how many bytes were to be read. A filler's space stays its own.
func (b *buffer) drop() int {
	size := b.size
	b.head, b.tail, b.size = nil, nil, 0
	return size
}

// rest lets go of space that holds nothing.
func (b *buffer) rest() {
	if b.size == 0 && !b.filling {
		b.head, b.tail = nil, nil
	}
}

// chunkPool keeps large chunks of one session for its next bytes. With those in use it has no more than was promised.
type chunkPool struct {
	list  *chunk
	count int
	used  time.Time // when one was last put
}

func (p *chunkPool) get(n int) *chunk {
	size := largeChunk
	switch {
	case n <= smallChunk:
		size = smallChunk
	case n <= mediumChunk:
		size = mediumChunk
	case p.list != nil:
		c := p.list
		p.list, p.count = c.next, p.count-1
		c.next = nil
		return c
	}
	return &chunk{data: make([]byte, size)}
}

func (p *chunkPool) put(c *chunk) {
	if len(c.data) == largeChunk && p.count < spareChunks {
		c.r, c.w, c.next = 0, 0, p.list
		p.list, p.count = c, p.count+1
		p.used = time.Now()
	}
}

// tidy lets go of the chunks when none was put for a while.
func (p *chunkPool) tidy() {
	if p.count > 0 && time.Since(p.used) > calm {
		p.list, p.count = nil, 0
	}
}
