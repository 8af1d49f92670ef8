package mux_test

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
)

// BenchmarkWrite64KiB has both wire versions in one run, and the carrier alone.
func BenchmarkWrite64KiB(b *testing.B) {
	const size = 64 << 10
	for _, v := range []struct {
		name string
		ends func(testing.TB) (net.Conn, net.Conn)
	}{
		{"v1", func(t testing.TB) (net.Conn, net.Conn) {
			x, y := tcpPipe(t)
			p := multiplexPair(t, x, y, nil, nil)
			w, err := p.client.Open(context.Background(), "test")
			if err != nil {
				t.Fatal(err)
			}
			r, err := p.server.Open(context.Background(), "test")
			if err != nil {
				t.Fatal(err)
			}
			return w, r
		}},
		{"v2", func(t testing.TB) (net.Conn, net.Conn) { return endsOf(t, "mux") }},
		{"tcp", func(t testing.TB) (net.Conn, net.Conn) { return endsOf(t, "tcp") }},
	} {
		b.Run(v.name, func(b *testing.B) {
			w, r := v.ends(b)
			done := make(chan int64)
			go func() {
				n, _ := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 128<<10))
				done <- n
			}()
			p := make([]byte, size)
			b.SetBytes(size)
			b.ReportAllocs()
			sent := int64(0)
			for b.Loop() {
				if _, err := w.Write(p); err != nil {
					b.Fatal(err)
				}
				sent += size
			}
			w.(interface{ CloseWrite() error }).CloseWrite()
			if got := <-done; got != sent {
				b.Fatalf("got %d bytes of %d", got, sent)
			}
			w.Close()
			r.Close()
		})
	}
}

func endsOf(t testing.TB, name string) (net.Conn, net.Conn) {
	i := slices.IndexFunc(openers, func(o opener) bool { return o.name == name })
	open, accept := openers[i].start(t)
	return ends(t, open, accept)
}
