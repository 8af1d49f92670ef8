package exchange_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
)

// servers is a transport that notes which servers it was given for each negotiation.
type servers struct {
	*wrtc.WebRTC
	mu    *sync.Mutex
	given *[][]string
}

func (s servers) WithServers(list []wrtc.ICEServer) wrtc.Transport {
	var urls []string
	for _, server := range list {
		urls = append(urls, server.URLs...)
	}
	s.mu.Lock()
	*s.given = append(*s.given, urls)
	s.mu.Unlock()
	return s.WebRTC.WithServers(list)
}

func newServers(t *testing.T) servers {
	t.Helper()
	w, err := wrtc.New(&wrtc.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	return servers{WebRTC: w, mu: new(sync.Mutex), given: new([][]string)}
}

// from is a socket that says it comes from an address.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

func tcpFrom(text string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", text)
	if err != nil {
		panic(err)
	}
	return a
}

// Which servers are used is bounded, and their hosts are never what a peer says.
func TestSTUNOfPeers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		peers [][2]string // address, feature
		want  []string    // the first is sure to be there
		most  int
	}{
		{"nobody serves", [][2]string{{"192.0.2.1:1", "x"}}, nil, 0},
		{"port", [][2]string{{"192.0.2.1:1", "stun:3478"}}, []string{"stun:192.0.2.1:3478"}, 1},
		{"IPv6", [][2]string{{"[2001:db8::1]:1", "stun:1"}}, []string{"stun:[2001:db8::1]:1"}, 1},
		{"mapped IPv4", [][2]string{{"[::ffff:192.0.2.1]:1", "stun:65535"}}, []string{"stun:192.0.2.1:65535"}, 1},
		{"not a port", [][2]string{{"192.0.2.1:1", "stun:0"}, {"192.0.2.2:1", "stun:65536"}, {"192.0.2.3:1", "stun:"}, {"192.0.2.4:1", "stun:-1"}, {"192.0.2.5:1", "stun:192.0.2.9:1"}, {"192.0.2.6:1", "stun:1?x=y"}}, nil, 0},
		{"four, one address twice", [][2]string{{"192.0.2.1:1", "stun:1"}, {"192.0.2.1:2", "stun:2"}, {"192.0.2.3:1", "stun:3"}, {"192.0.2.4:1", "stun:4"}}, []string{"stun:192.0.2.1:1"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			web := newServers(t)
			ex, err := exchange.New("test", &exchange.Config{Transport: web})
			if err != nil {
				t.Fatal(err)
			}
			defer ex.Close()
			var via *raw
			for _, p := range tt.peers {
				near, far := memnet.Pipe()
				go func() { // ends with the session
					if c, err := ex.Accept(context.Background(), from{far, tcpFrom(p[0])}); err == nil {
						ex.Deliver(c)
					}
				}()
				r := rawDial(t, near, newKey(t))
				hello := r.helloMessage(secure.Dialer, "test", "")
				hello.Features = append(hello.Features, p[1])
				r.joinAs(hello)
				if via == nil {
					via = r
				} else {
					go r.haveNobody(func() {}) // ends with the session
				}
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				ex.GetNewPeer(context.Background())
			}()
			defer func() { ex.Close(); <-done }()
			inner := via.beCandidate(newKey(t), "test")
			expect[pxp.Upgrade](inner)
			web.mu.Lock()
			defer web.mu.Unlock()
			var got []string
			for _, given := range *web.given {
				got = append(got, given...)
			}
			if len(got) != tt.most || tt.most > 0 && got[0] != tt.want[0] {
				t.Errorf("asked %q, want %d, the first %q", got, tt.most, tt.want)
			}
		})
	}
}
