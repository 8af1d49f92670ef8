//go:build !js

package wrtc_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/peer-exchange/exchange/wrtc"
	"github.com/peer-exchange/exchange/wrtc/iceserver"
)

// counted counts the packets that arrive.
type counted struct {
	net.PacketConn
	n atomic.Int64
}

func (c *counted) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(p)
	if err == nil {
		c.n.Add(1)
	}
	return n, from, err
}

// Two behind plain NATs meet when a peer with a public address answers STUN for them, and do not without.
func TestPeersAnswerSTUN(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  *wrtc.Config
		urls []string
		want bool
	}{
		{"no server", nil, nil, false},
		{"a peer", nil, []string{"stun:203.0.113.10:3478"}, true},
		{"a peer beside one that is not there", nil, []string{"stun:203.0.113.99:3478", "stun:203.0.113.10:3478"}, true},
		{"a peer, refused", &wrtc.Config{OwnServers: true}, []string{"stun:203.0.113.10:3478"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wrtc.InNATs(t, tt.cfg, func(t *testing.T, a, b *wrtc.WebRTC, listen func(int) net.PacketConn) {
				socket := &counted{PacketConn: listen(3478)}
				server, err := iceserver.Serve(socket, nil)
				if err != nil {
					t.Fatal(err)
				}
				servers := []wrtc.ICEServer{{URLs: tt.urls}}
				seenByA, seenByB, err := wrtc.Meet(t, a.WithServers(servers), b.WithServers(servers))
				if (err == nil) != tt.want {
					t.Errorf("met: %v, want %v", err, tt.want)
				}
				if err == nil && (!strings.HasPrefix(seenByA, "203.0.113.2:") || !strings.HasPrefix(seenByB, "203.0.113.1:")) {
					t.Errorf("they see each other at %s and %s, not at their NATs", seenByA, seenByB)
				}
				if n := socket.n.Load(); (n > 0) != tt.want {
					t.Errorf("%d packets came to the server", n)
				}
				if err := server.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
