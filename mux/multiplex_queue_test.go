package mux

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// A session has as many channels as a header can say, and no more.
func TestMultiplexChannelsRunOut(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	opened, err := Multiplex(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s := opened.(*multiplex)
	s.mu.Lock()
	s.next = maxChannels - 1
	s.mu.Unlock()
	if _, err := s.Open(t.Context(), "last"); err != nil {
		t.Fatal(err)
	}
	var e *LimitError
	if _, err := s.Open(t.Context(), "one more"); !errors.As(err, &e) || e.Limit != LimitChannels {
		t.Fatalf("got %v", err)
	}
	if n := len(appendHeader(nil, maxChannels-1, typeNone, dataBytes)); n != maxHeaderBytes {
		t.Fatalf("the longest header has %d bytes", n)
	}
}

// Buffers are used again while much is sent, and not kept by a session that sends little.
func TestFrameQueueIdle(t *testing.T) {
	s := &multiplex{}
	s.out.flushed.L, s.out.wake.L = new(sync.Mutex), new(sync.Mutex)
	st := &shared{}
	for range 3 {
		s.sendData(st, make([]byte, dataBytes))
		s.out.taken(s.out.take())
	}
	if cap(s.out.buf)+cap(s.out.spare) < 2*dataBytes {
		t.Fatal("buffers are not used again")
	}
	for range 2 {
		s.out.lastLarge = time.Now().Add(-2 * calm)
		s.sendData(st, []byte("small"))
		s.out.taken(s.out.take())
	}
	if held := cap(s.out.buf) + cap(s.out.spare); held > 2*idleLaneBytes {
		t.Fatalf("%d bytes held when idle", held)
	}
}
