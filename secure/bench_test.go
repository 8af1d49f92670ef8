package secure

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/internal/memnet"
)

func BenchmarkHandshake(b *testing.B) {
	dialer, acceptor := dialerConfig(b), acceptorConfig(b)
	b.ReportAllocs()
	for b.Loop() {
		x, y := memnet.Pipe()
		client, server, cErr, sErr := handshakeOver(b.Context(), b, x, y, dialer, acceptor)
		if cErr != nil || sErr != nil {
			b.Fatal(cErr, sErr)
		}
		_ = client.Close()
		_ = server.Close()
	}
}

// discard is a carrier that takes everything.
type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 32 << 10, 128 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			client, _ := pair(b)
			client.out.carrier = discard{}
			p := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// repeat is a carrier that brings the same bytes again and again.
type repeat struct {
	data []byte
	left []byte
}

func (r *repeat) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		r.left = r.data
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// BenchmarkRead opens the same records again and again, with the nonce set back
// each time around.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 32 << 10, 128 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			client, server := pair(b)
			var out bytes.Buffer
			client.out.carrier = &out
			if _, err := client.Write(make([]byte, size)); err != nil {
				b.Fatal(err)
			}
			server.in.carrier = &repeat{data: out.Bytes()}
			p := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				server.opener.n = 0
				if err := readOne(server, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// readOne reads record by record, so that none of the next round is opened.
func readOne(c *Conn, p []byte) error {
	for n := 0; n < len(p); {
		record, err := c.in.record(maxRecord)
		if err != nil {
			return err
		}
		got, err := c.open(p[n:], record)
		if err != nil {
			return err
		}
		n += got
	}
	return nil
}

func tcpPair(b testing.TB) (client, server *Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	var accepted net.Conn
	var wg sync.WaitGroup
	wg.Go(func() { accepted, err = l.Accept() })
	dialed, dialErr := net.Dial("tcp", l.Addr().String())
	wg.Wait()
	if err != nil || dialErr != nil {
		b.Fatal(err, dialErr)
	}
	return pairOver(b, dialed, accepted)
}

// BenchmarkStream is one direction over a loopback TCP connection.
func BenchmarkStream(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10, 128 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			client, server := tcpPair(b)
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{server}, make([]byte, 64<<10)) })
			p := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(p); err != nil {
					b.Fatal(err)
				}
			}
			_ = client.Close()
			wg.Wait()
		})
	}
}

// BenchmarkRoundTrip is 64 bytes there and back over a loopback TCP connection.
func BenchmarkRoundTrip(b *testing.B) {
	client, server := tcpPair(b)
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(struct{ io.Writer }{server}, struct{ io.Reader }{server}) })
	p := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(p); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, p); err != nil {
			b.Fatal(err)
		}
	}
	_ = client.Close()
	wg.Wait()
}

// BenchmarkIdle is the heap of one end: fresh, and after it moved 1 MiB each way
// and then was quiet but for a few small messages.
func BenchmarkIdle(b *testing.B) {
	for _, used := range []bool{false, true} {
		b.Run(fmt.Sprintf("used=%v", used), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var conns []*Conn
			for b.Loop() {
				client, server := pair(b)
				if used {
					for _, way := range [][2]*Conn{{client, server}, {server, client}} {
						for _, size := range []int{1 << 20, 20, 20, 20} {
							var wg sync.WaitGroup
							wg.Go(func() { _, _ = io.CopyN(io.Discard, struct{ io.Reader }{way[1]}, int64(size)) })
							if _, err := way[0].Write(make([]byte, size)); err != nil {
								b.Fatal(err)
							}
							wg.Wait()
							way[0].out.large, way[1].in.large = time.Time{}, time.Time{} // long ago
						}
					}
				}
				for _, c := range []*Conn{client, server} { // without the carrier
					_ = c.Close()
					c.carrier, c.in.carrier, c.out.carrier = nil, nil, nil
					conns = append(conns, c)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(conns)), "heap-B/end")
			runtime.KeepAlive(conns)
		})
	}
}
