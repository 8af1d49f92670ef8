//go:build !js

package bootstrap

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// carriers open a pair of connections over loopback.
var carriers = []struct {
	name string
	open func(tb testing.TB) (client, server net.Conn)
}{
	{"tcp", tcpPair},
	{"gorilla", gorillaPair},
	{"coder", coderPair},
}

func tcpPair(tb testing.TB) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	if client, err = dialTCP(tb.Context(), l.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		tb.Fatal(err)
	}
	return client, server
}

// gorillaPair is what Dial and Listen use.
func gorillaPair(tb testing.TB) (client, server net.Conn) {
	accepted := make(chan net.Conn, 1)
	url := serveHTTP(tb, upgradeHandler(accepted))
	u, err := ParseURL(url)
	if err != nil {
		tb.Fatal(err)
	}
	if client, err = dialWebSocket(tb.Context(), u, nil); err != nil {
		tb.Fatal(err)
	}
	return client, <-accepted
}

func coderPair(tb testing.TB) (client, server net.Conn) {
	accepted := make(chan net.Conn)
	url := serveHTTP(tb, coderHandler(accepted))
	client, err := dialCoder(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	return client, <-accepted
}

// upgradeHandler is what Listen does at its path.
func upgradeHandler(accepted chan<- net.Conn) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, err := upgrade(w, r); err == nil {
			accepted <- conn
		}
	})
}

// serveHTTP serves h on loopback until the test ends and returns its ws URL.
func serveHTTP(tb testing.TB, h http.Handler) (url string) {
	server := httptest.NewServer(h)
	tb.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// BenchmarkCarrier is where the figures of ADR 0002 are from: one direction,
// the client writes.
func BenchmarkCarrier(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 32 << 10, 128 << 10} {
		for _, carrier := range carriers {
			b.Run(fmt.Sprintf("%s/write=%d", carrier.name, size), func(b *testing.B) {
				client, server := carrier.open(b)
				copied := make(chan struct{})
				go func() { // ended by the client's Close
					defer close(copied)
					_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{server}, make([]byte, 64<<10))
					_ = server.Close()
				}()
				buf := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := client.Write(buf); err != nil {
						b.Fatal(err)
					}
				}
				_ = client.Close()
				<-copied
			})
		}
	}
}

// BenchmarkCarrierPing measures round trips of 64 bytes.
func BenchmarkCarrierPing(b *testing.B) {
	for _, carrier := range carriers {
		b.Run(carrier.name, func(b *testing.B) {
			client, server := carrier.open(b)
			echoed := make(chan struct{})
			go func() { // ended by the client's Close
				defer close(echoed)
				_, _ = io.CopyBuffer(struct{ io.Writer }{server}, struct{ io.Reader }{server}, make([]byte, 64))
				_ = server.Close()
			}()
			buf := make([]byte, 64)
			for b.Loop() {
				if _, err := client.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, buf); err != nil {
					b.Fatal(err)
				}
			}
			_ = client.Close()
			<-echoed
		})
	}
}
