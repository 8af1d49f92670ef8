package secure

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/memnet"
)

func TestConcurrentReadsAndWrites(t *testing.T) {
	a, b := memnet.Pipe()
	client, server := pairOver(t, a, b)
	// Two writers and two readers at each end; each Write is a block of one
	// value that fits a record, and so is not mixed with others.
	const blocks, size = 100, 1000
	var writers, readers sync.WaitGroup
	var mu sync.Mutex
	counts := map[byte]int{}
	for i, c := range []*Conn{client, client, server, server} {
		writers.Go(func() {
			block := bytes.Repeat([]byte{byte(i)}, size)
			for range blocks {
				if n, err := c.Write(block); n != size || err != nil {
					t.Errorf("Write: %d, %v", n, err)
					return
				}
			}
		})
		readers.Go(func() {
			buf := make([]byte, 700)
			for {
				n, err := c.Read(buf)
				mu.Lock()
				for _, v := range buf[:n] {
					counts[v]++
				}
				mu.Unlock()
				if err != nil {
					if err != io.EOF && !errors.Is(err, net.ErrClosed) {
						t.Errorf("Read: %v", err)
					}
					return
				}
				_, _, _ = c.Peer(), c.Binding(), c.Export("x")
			}
		})
	}
	writers.Wait()
	// A half-close of the carriers ends the readers when all is read.
	_ = a.CloseWrite()
	_ = b.CloseWrite()
	readers.Wait()
	for i := range byte(4) {
		if counts[i] != blocks*size {
			t.Errorf("%d bytes of writer %d, want %d", counts[i], i, blocks*size)
		}
	}
}

// countingCloser is a carrier that counts Close.
type countingCloser struct {
	net.Conn
	n   int
	err error
}

func (c *countingCloser) Close() error {
	c.n++
	_ = c.Conn.Close()
	return c.err
}

func TestCloseUnblocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 8192}.Pipe()
		client, server := pairOver(t, a, b)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if n, err := client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
					t.Errorf("Read: %d, %v", n, err)
				}
			})
			wg.Go(func() {
				n, err := client.Write(make([]byte, 1<<20))
				if n == 1<<20 || !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write: %d, %v", n, err)
				}
			})
		}
		synctest.Wait() // all four are blocked
		for range 3 {
			if err := client.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		wg.Wait()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		_ = server.Close()
	})
}

func TestCloseOnce(t *testing.T) {
	a, b := memnet.Pipe()
	carrier := &countingCloser{Conn: a, err: errors.New("flush failed")}
	client, _ := pairOver(t, carrier, b)
	for range 3 {
		if err := client.Close(); err != carrier.err {
			t.Errorf("Close: %v", err)
		}
	}
	if carrier.n != 1 {
		t.Errorf("the carrier was closed %d times", carrier.n)
	}
}

// What was written before Close is the carrier's to deliver, and is read
// before io.EOF; what this end did not read is lost with its Close.
func TestCloseLosesNothingWritten(t *testing.T) {
	client, server := pair(t)
	want := pattern(30_000)
	if _, err := client.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestReadAfterCloseWithPending(t *testing.T) {
	client, server := pair(t)
	if _, err := client.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = server.Close()
	if n, err := server.Read(make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("%d, %v", n, err)
	}
}

// failAfter is a carrier that takes n writes.
type failAfter struct {
	net.Conn
	n   int
	err error
}

func (c *failAfter) Write(p []byte) (int, error) {
	if c.n--; c.n < 0 {
		return len(p) / 2, c.err
	}
	return len(p), nil
}

func TestWriteFails(t *testing.T) {
	broken := errors.New("cable cut")
	client, _ := pair(t)
	client.out.carrier = &failAfter{n: 2, err: broken}
	if n, err := client.Write(make([]byte, 5*maxSent)); n != 4*maxSent || err != broken {
		t.Errorf("%d, %v, want %d", n, err, 4*maxSent)
	}
	// The peer has half a record: nothing may follow.
	client.out.carrier = &failAfter{n: 100}
	if n, err := client.Write([]byte("x")); n != 0 || err != broken {
		t.Errorf("again: %d, %v", n, err)
	}
}

func TestCarrierReadsNothing(t *testing.T) {
	server, _, _ := receiver(t, lazy{})
	if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.ErrNoProgress {
		t.Errorf("%d, %v", n, err)
	}
}

// lazy is a reader that never has anything.
type lazy struct{}

func (lazy) Read([]byte) (int, error) { return 0, nil }

func TestAddresses(t *testing.T) {
	client, _ := pair(t)
	if client.LocalAddr() != client.carrier.LocalAddr() || client.RemoteAddr() != client.carrier.RemoteAddr() ||
		client.LocalAddr() == client.RemoteAddr() {
		t.Errorf("%v, %v", client.LocalAddr(), client.RemoteAddr())
	}
}

// A connection that moved much and is quiet since keeps next to no buffers:
// control messages suffice to give the large ones up.
func TestIdleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		if got := len(client.in.buf) + len(server.in.buf) + cap(client.out.buf) + cap(server.out.buf); got != 2*smallBuffer {
			t.Errorf("%d bytes of buffers after the handshake", got)
		}
		exchange := func(size int) {
			t.Helper()
			go func() { _, _ = client.Write(make([]byte, size)) }()
			if _, err := io.ReadFull(&chunked{server, 1000}, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		exchange(100)
		exchange(100)
		if len(server.in.buf) != idleBuffer || cap(client.out.buf) != idleBuffer {
			t.Errorf("buffers of %d and %d bytes before there was much", len(server.in.buf), cap(client.out.buf))
		}
		exchange(2000)
		exchange(100)
		if len(server.in.buf) != smallBuffer || cap(client.out.buf) != smallBuffer {
			t.Errorf("buffers of %d and %d bytes for messages of medium size", len(server.in.buf), cap(client.out.buf))
		}
		exchange(1 << 20)
		if len(server.in.buf) != readBuffer || cap(client.out.buf) != writeBuffer {
			t.Errorf("buffers of %d and %d bytes under load", len(server.in.buf), cap(client.out.buf))
		}
		exchange(100) // at once: what was large a moment ago may be so again
		if len(server.in.buf) != readBuffer || cap(client.out.buf) != writeBuffer {
			t.Errorf("buffers of %d and %d bytes right after", len(server.in.buf), cap(client.out.buf))
		}
		time.Sleep(15 * time.Second)
		exchange(100)
		exchange(100)
		if len(server.in.buf) != idleBuffer || cap(client.out.buf) != idleBuffer {
			t.Errorf("buffers of %d and %d bytes when idle", len(server.in.buf), cap(client.out.buf))
		}
		if cap(server.pending) != 0 {
			t.Error("a buffer that was given up is still referred to")
		}
		exchange(1 << 20)
	})
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, size := range []int{12, 32 << 10, 128 << 10} {
		client, server := pair(t)
		wire := new(bytes.Buffer)
		wire.Grow(1 << 20)
		client.out.carrier, server.in.carrier = wire, wire
		p := make([]byte, size)
		buf := make([]byte, 64<<10)
		round := func() {
			wire.Reset()
			if _, err := client.Write(p); err != nil {
				t.Fatal(err)
			}
			for left := size; left > 0; {
				n, err := server.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				left -= n
			}
		}
		round() // makes the buffers
		round()
		if got := testing.AllocsPerRun(50, round); got != 0 {
			t.Errorf("%v allocations for a Write of %d bytes and its Reads", got, size)
		}
	}
}
