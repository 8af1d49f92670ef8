//go:build !js

package wrtc

import (
	"fmt"
	"io"
	"testing"
	"time"
)

// BenchmarkWrite is throughput over real sockets on loopback: our connection, and beside it the bare detached channel of the
// same PeerConnection settings with the same high-water mark.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{16 << 10, 32 << 10} {
		b.Run(fmt.Sprintf("conn/%dKiB", size>>10), func(b *testing.B) {
			w := newWebRTC(b, loopback())
			x, y := pair(b, w, w)
			defer closeBoth(x, y)
			buf := make([]byte, size)
			throughput(b, size, func() error { _, err := x.Write(buf); return err }, y.Read)
		})
		b.Run(fmt.Sprintf("bare/%dKiB", size>>10), func(b *testing.B) {
			w := newWebRTC(b, loopback())
			x, y := barePair(b, w)
			defer y.shut()
			defer x.shut()
			buf := make([]byte, size)
			throughput(b, size, func() error {
				for x.buffered() > defaultHighWater {
					<-x.conn.low1
				}
				return x.send(buf, false)
			}, y.raw.Read)
		})
	}
}

func throughput(b *testing.B, size int, write func() error, read func([]byte) (int, error)) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	done := make(chan error, 1)
	b.ResetTimer()
	go func() {
		for range b.N {
			if err := write(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	buf := make([]byte, maxMessageSize)
	for left := size * b.N; left > 0; {
		n, err := read(buf)
		if err != nil {
			b.Fatal(err)
		}
		left -= n
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
}

// barePair opens two links without a negotiation and without their readers.
func barePair(b testing.TB, w *WebRTC) (x, y *pionLink) {
	var links [2]*pionLink
	for i := range links {
		c := newConn(&w.cfg, w.dialect)
		l, err := w.newLink(Offerer, c, &progress{wake: make(chan struct{}, 1)}, w.policy())
		check(b, err)
		c.link = l
		links[i] = l.(*pionLink)
	}
	x, y = links[0], links[1]
	gathered := func(l *pionLink) string {
		for {
			l.prog.mu.Lock()
			ok := l.prog.gathered
			l.prog.mu.Unlock()
			if ok {
				return l.localSDP()
			}
			<-l.prog.wake
		}
	}
	check(b, x.offer())
	check(b, y.answer(gathered(x)))
	check(b, x.accept(gathered(y)))
	for _, l := range links {
		for open := false; !open; {
			<-l.prog.wake
			l.prog.mu.Lock()
			open = !l.prog.open.IsZero()
			l.prog.mu.Unlock()
		}
	}
	return x, y
}

// BenchmarkSetUp is the time from Negotiate to both ends open, signaling instant, and its steps at the offerer.
func BenchmarkSetUp(b *testing.B) {
	w := newWebRTC(b, loopback())
	var sum Timing
	for b.Loop() {
		x, y := pair(b, w, w)
		b.StopTimer()
		t := x.Timing()
		sum.Gather, sum.ICE, sum.DTLS, sum.Open = sum.Gather+t.Gather, sum.ICE+t.ICE, sum.DTLS+t.DTLS, sum.Open+t.Open
		closeBoth(x, y)
		b.StartTimer()
	}
	for name, d := range map[string]time.Duration{"gather": sum.Gather, "ice": sum.ICE, "dtls": sum.DTLS, "open": sum.Open} {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N), name+"-us")
	}
}

// BenchmarkPingPong is a round trip of 64 bytes.
func BenchmarkPingPong(b *testing.B) {
	w := newWebRTC(b, loopback())
	x, y := pair(b, w, w)
	defer closeBoth(x, y)
	go func() { _, _ = io.Copy(y, y) }() // ends when x closes
	buf := make([]byte, 64)
	for b.Loop() {
		if _, err := x.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(x, buf); err != nil {
			b.Fatal(err)
		}
	}
}
