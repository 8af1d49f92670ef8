package mux_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/peer-exchange/exchange/mux"
)

// opener makes streams of ours or, to compare with, of the library as it comes.
type opener struct {
	name  string
	start func(testing.TB) (open, accept func() (net.Conn, error))
}

var openers = []opener{
	{"mux", func(t testing.TB) (open, accept func() (net.Conn, error)) {
		a, b := tcpPipe(t)
		fast := &mux.Config{StreamsPerSecond: 1e6, StreamBurst: 1e6}
		p := connect(t, a, b, fast, fast)
		open = func() (net.Conn, error) { return p.client.Open(context.Background(), "test") }
		accept = func() (net.Conn, error) { return p.server.Accept(context.Background()) }
		return open, accept
	}},
	{"yamux", func(t testing.TB) (open, accept func() (net.Conn, error)) {
		a, b := tcpPipe(t)
		cfg := yamux.DefaultConfig()
		cfg.LogOutput = io.Discard
		c, err := yamux.Client(a, cfg)
		if err != nil {
			t.Fatal(err)
		}
		s, err := yamux.Server(b, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(); s.Close() })
		return c.Open, s.Accept
	}},
	{"tcp", func(t testing.TB) (open, accept func() (net.Conn, error)) {
		a, b := tcpPipe(t)
		t.Cleanup(func() { a.Close(); b.Close() })
		return func() (net.Conn, error) { return a, nil }, func() (net.Conn, error) { return b, nil }
	}},
}

// ends returns the two ends of a stream.
func ends(t testing.TB, open, accept func() (net.Conn, error)) (net.Conn, net.Conn) {
	a, err := open()
	if err != nil {
		t.Fatal(err)
	}
	a.Write(nil)
	b, err := accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10, 128 << 10} {
		for _, o := range openers {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, o.name), func(b *testing.B) {
				open, accept := o.start(b)
				w, r := ends(b, open, accept)
				done := make(chan struct{})
				go func() {
					defer close(done)
					buf := make([]byte, 128<<10)
					for {
						if _, err := r.Read(buf); err != nil {
							return
						}
					}
				}()
				p := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := w.Write(p); err != nil {
						b.Fatal(err)
					}
				}
				w.Close()
				r.Close()
				<-done
			})
		}
	}
}

func BenchmarkPingPong(b *testing.B) {
	for _, bulk := range []bool{false, true} {
		for _, o := range openers {
			name := o.name
			if bulk {
				name = "beside bulk/" + name
			}
			if bulk && o.name == "tcp" {
				continue
			}
			b.Run(name, func(b *testing.B) {
				open, accept := o.start(b)
				x, y := ends(b, open, accept)
				var wg sync.WaitGroup
				wg.Go(func() { io.Copy(y, y) })
				if bulk {
					w, r := ends(b, open, accept)
					wg.Go(func() {
						p := make([]byte, 32<<10)
						for {
							if _, err := w.Write(p); err != nil {
								return
							}
						}
					})
					wg.Go(func() { io.Copy(io.Discard, r) })
					defer wg.Wait()
					defer r.Close()
					defer w.Close()
				}
				p := make([]byte, 64)
				var took []time.Duration
				for b.Loop() {
					start := time.Now()
					if _, err := x.Write(p); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(x, p); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-us")
				b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-us")
				x.Close()
				y.Close()
			})
		}
	}
}

func BenchmarkOpenClose(b *testing.B) {
	for _, o := range openers[:2] {
		b.Run(o.name, func(b *testing.B) {
			open, accept := o.start(b)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					c, err := accept()
					if err != nil {
						return
					}
					var p [1]byte
					if _, err := c.Read(p[:]); err == nil && p[0] == 2 {
						c.Close()
						return
					}
					c.Write(p[:])
					c.Close()
				}
			}()
			b.ReportAllocs()
			for b.Loop() {
				c, err := open()
				if err != nil {
					b.Fatal(err)
				}
				p := []byte{1}
				c.Write(p)
				if _, err := io.ReadFull(c, p); err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
			c, err := open()
			if err != nil {
				b.Fatal(err)
			}
			c.Write([]byte{2})
			<-done
			c.Close()
		})
	}
}
