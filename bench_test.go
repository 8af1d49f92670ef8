package exchange_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// BenchmarkConnect is a whole handshake, from dial to the data stream at both
// ends, over an instant carrier.
func BenchmarkConnect(b *testing.B) {
	x, y := newExchange(nil), newExchange(&exchange.Config{Limits: exchange.Limits{HandshakesPerSecond: 1e6, HandshakeBurst: 1e6}})
	defer x.Close()
	defer y.Close()
	for b.Loop() {
		near, far := memnet.Pipe()
		accepted := make(chan net.Conn, 1)
		go func() { accepted <- must(y.Accept(context.Background(), far)) }()
		conn := must(x.Connect(context.Background(), near))
		<-accepted
		conn.Peer().Close()
		for y.NumPeers() > 0 {
			<-y.PeersChanged()
		}
	}
}

// BenchmarkGetNewPeer is from the call to the first echoed byte, over real
// WebRTC on loopback.
func BenchmarkGetNewPeer(b *testing.B) {
	for b.Loop() {
		x, y, stop, err := pipeOverWebRTC()
		if err != nil {
			b.Fatal(err)
		}
		go io.Copy(y, y)
		must(x.Write([]byte("x")))
		must(io.ReadFull(x, make([]byte, 1)))
		stop()
	}
}

func BenchmarkStream(b *testing.B) {
	for _, carrier := range []string{"tcp", "webrtc"} {
		b.Run(carrier, func(b *testing.B) {
			make2 := pipeOverWebRTC
			if carrier == "tcp" {
				make2 = func() (net.Conn, net.Conn, func(), error) {
					x, y, err := tcpPair()
					if err != nil {
						return nil, nil, nil, err
					}
					return pipeOver(x, y)
				}
			}
			x, y, stop, err := make2()
			if err != nil {
				b.Fatal(err)
			}
			defer stop()
			go io.Copy(io.Discard, y)
			buf := make([]byte, 32<<10)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				must(x.Write(buf))
			}
		})
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	near, far, err := tcpPair()
	if err != nil {
		b.Fatal(err)
	}
	x, y, stop, err := pipeOver(near, far)
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	go io.Copy(y, y)
	buf := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		must(x.Write(buf))
		must(io.ReadFull(x, buf))
	}
}
