//go:build !js

package exchange_test

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/wrtc/iceserver"
)

// Two that meet through a node that answers STUN ask it for their addresses.
func TestPeersServeSTUN(t *testing.T) {
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := &packets{PacketConn: socket}
	stun, err := iceserver.Serve(asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stun.Close()
	relay, err := exchange.New("test", &exchange.Config{STUNPort: stun.Addr().Port()})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	web := newServers(t)
	var nodes []*exchange.Exchange
	for range 2 {
		ex, err := exchange.New("test", &exchange.Config{Transport: web})
		if err != nil {
			t.Fatal(err)
		}
		defer ex.Close()
		near, far := memnet.Pipe()
		go func() { // ends with the session
			if c, err := relay.Accept(context.Background(), far); err == nil {
				relay.Deliver(c)
			}
		}()
		if _, err := ex.Connect(t.Context(), from{near, tcpFrom("127.0.0.1:1")}); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, ex)
	}
	if _, err := nodes[0].GetNewPeer(t.Context()); err != nil {
		t.Fatal(err)
	}
	web.mu.Lock()
	defer web.mu.Unlock()
	url := "stun:" + stun.Addr().String()
	for _, given := range *web.given {
		if !slices.Equal(given, []string{url}) {
			t.Errorf("asked %q, want %q", given, url)
		}
	}
	if len(*web.given) != 2 || asked.n.Load() == 0 {
		t.Errorf("%d ends asked, %d packets, want 2 and some", len(*web.given), asked.n.Load())
	}
}

type packets struct {
	net.PacketConn
	n atomic.Int64
}

func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.PacketConn.ReadFrom(b)
	p.n.Add(1)
	return n, from, err
}
