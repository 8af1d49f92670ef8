package mux

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// What goes in comes out, whatever the sizes, and memory is in proportion.
func TestBuffer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b buffer
	var pool chunkPool
	var want []byte
	next := byte(0)
	for range 20000 {
		limit := 1 << r.IntN(17)
		if r.IntN(2) == 0 && b.size < 1<<20 {
			space := b.space(1+r.IntN(limit), &pool)
			if read := make([]byte, r.IntN(100)); r.IntN(4) == 0 { // a reader comes in between
				n := b.read(read, &pool)
				if !bytes.Equal(read[:n], want[:n]) {
					t.Fatal("read something else while filling")
				}
				want = want[n:]
			}
			n := r.IntN(len(space) + 1)
			for i := range n {
				space[i] = next
				next++
			}
			want = append(want, space[:n]...)
			if got := b.commit(n); got != n {
				t.Fatalf("committed %d of %d", got, n)
			}
		} else {
			p := make([]byte, r.IntN(limit+1))
			n := b.read(p, &pool)
			if n != min(len(p), len(want)) || !bytes.Equal(p[:n], want[:n]) {
				t.Fatalf("read %d of %d", n, len(want))
			}
			want = want[n:]
		}
		held := 0
		for c := b.head; c != nil; c = c.next {
			held += len(c.data)
		}
		if b.size != len(want) || held > 2*b.size+2*largeChunk {
			t.Fatalf("size %d, want %d; %d held", b.size, len(want), held)
		}
		if pool.count > spareChunks {
			t.Fatalf("%d spare", pool.count)
		}
	}
}

// After drop the space of a filler is still its own: nobody else is given it.
func TestBufferDropWhileFilling(t *testing.T) {
	var b buffer
	var pool chunkPool
	space := b.space(largeChunk, &pool)
	if b.drop(); pool.count != 0 {
		t.Fatal("the filler's chunk is spare")
	}
	space[0] = 1
	if n := b.commit(1); n != 0 || b.size != 0 {
		t.Fatalf("committed %d to a dropped buffer", n)
	}
}

// At rest a buffer holds no chunk, unless there is something in it or about to be.
func TestBufferRest(t *testing.T) {
	var b buffer
	var pool chunkPool
	space := b.space(2, &pool)
	b.rest()
	space[0], space[1] = 'a', 'b'
	if n := b.commit(2); n != 2 {
		t.Fatalf("rest took the space of a filler: %d committed", n)
	}
	p := make([]byte, 1)
	for _, want := range "ab" {
		b.rest()
		if n := b.read(p, &pool); n != 1 || p[0] != byte(want) {
			t.Fatalf("read %d bytes, %q, want %q", n, p, want)
		}
	}
	if b.rest(); b.head != nil || b.tail != nil {
		t.Error("an empty buffer keeps a chunk")
	}
	b.commit(copy(b.space(1, &pool), "c"))
	if n := b.read(p, &pool); n != 1 || p[0] != 'c' {
		t.Errorf("read %d bytes, %q, after rest", n, p)
	}
}

// An empty buffer holds nothing large, and the pool gives up what nobody used for a while.
func TestBufferIdle(t *testing.T) {
	var b buffer
	var pool chunkPool
	for range 10 {
		b.commit(len(b.space(largeChunk, &pool)))
	}
	b.read(make([]byte, 10*largeChunk), &pool)
	if b.head != nil || pool.count != 10 {
		t.Fatalf("%d spare", pool.count)
	}
	if pool.tidy(); pool.count != 10 {
		t.Fatal("tidied too early")
	}
	pool.used = pool.used.Add(-2 * calm)
	if pool.tidy(); pool.count != 0 || pool.list != nil {
		t.Fatalf("%d spare", pool.count)
	}
}

func TestSenderIdle(t *testing.T) {
	s := sender{urgent: lane{limit: urgentLaneBytes}, bulk: lane{limit: bulkLaneBytes}, batch: 1}
	s.start = func() {}
	st := &stream{}
	for range 3 {
		s.data(&s.bulk, st, make([]byte, frameBytes))
		s.taken(s.take())
	}
	if cap(s.bulk.buf)+cap(s.bulk.spare) < 2*frameBytes {
		t.Fatal("buffers are not used again")
	}
	s.lastBulk = time.Now().Add(-2 * calm)
	s.data(&s.urgent, st, []byte("small"))
	s.taken(s.take())
	if held := cap(s.urgent.buf) + cap(s.urgent.spare) + cap(s.bulk.buf) + cap(s.bulk.spare); held > 4*idleLaneBytes {
		t.Fatalf("%d bytes held when idle", held)
	}
	s.data(&s.bulk, st, make([]byte, frameBytes))
	s.bulk.rest()
	if s.queued() != headerBytes+frameBytes {
		t.Fatal("what was queued is gone")
	}
	s.taken(s.take())
	s.urgent.rest()
	s.bulk.rest()
	if held := cap(s.urgent.buf) + cap(s.urgent.spare) + cap(s.bulk.buf) + cap(s.bulk.spare); held > 0 {
		t.Fatalf("%d bytes held at rest", held)
	}
}

func TestBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	b := bucket{perSecond: 10}
	for i := range 5 {
		if level := b.add(now); level != float64(i+1) {
			t.Fatalf("level %v after %d", level, i+1)
		}
	}
	if w := b.wait(now, 5); w < 100*time.Millisecond || w > 101*time.Millisecond {
		t.Fatalf("wait %v", w)
	}
	if w := b.wait(now.Add(101*time.Millisecond), 5); w != 0 {
		t.Fatalf("wait %v after it", w)
	}
	if level := b.add(now.Add(time.Hour)); level != 1 {
		t.Fatalf("level %v after an hour", level)
	}
	if level := b.add(now); level != 2 { // a clock that goes back gives nothing
		t.Fatalf("level %v", level)
	}
}
