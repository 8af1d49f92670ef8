//go:build !js

package bootstrap

import (
	"io"
	"strings"
	"testing"
)

// BenchmarkStream writes 32 KiB at a time into the data stream of a peer, over
// each kind of socket.
func BenchmarkStream(b *testing.B) {
	for _, url := range listenURLs {
		carrier, _, _ := strings.Cut(url, ":")
		b.Run(carrier, func(b *testing.B) {
			to, from := newNode(b, testNetwork), newNode(b, testNetwork)
			ours, theirs := mustMeet(b, from, mustListen(b, to, url).URL(), to)
			read := make(chan int64, 1)
			go func() { // ended by CloseWrite
				n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{theirs}, make([]byte, 64<<10))
				read <- n
			}()
			buf := make([]byte, 32<<10)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ours.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
			if err := ours.CloseWrite(); err != nil {
				b.Fatal(err)
			}
			if n := <-read; n != int64(b.N)*int64(len(buf)) {
				b.Errorf("%d bytes arrived of %d writes", n, b.N)
			}
		})
	}
}
