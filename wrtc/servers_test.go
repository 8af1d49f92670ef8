//go:build !js

package wrtc_test

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/identity"
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
				if err == nil && (!strings.HasPrefix(seenByA.String(), "203.0.113.2:") || !strings.HasPrefix(seenByB.String(), "203.0.113.1:")) {
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

// Two that use nothing but TURN meet through a server, at once, and see no address of each other.
func TestRelayOnly(t *testing.T) {
	server, err := iceserver.Listen("127.0.0.1:0", &iceserver.Config{TURN: &iceserver.TURN{Loopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	url := "turn:" + server.Addr().String()
	var ends [4]wrtc.Transport // two with the server in their configuration, two with what a peer has offered
	for i := range ends {
		key, err := identity.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		username, password, _ := server.Credentials(key.ID())
		servers := []wrtc.ICEServer{{URLs: []string{url}, Username: username, Credential: password}}
		cfg := &wrtc.Config{RelayOnly: true, Loopback: true}
		if i < 2 {
			cfg.ICEServers = servers
		}
		w, err := wrtc.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if ends[i] = w; i >= 2 {
			ends[i] = w.WithServers(servers)
		}
	}
	for i := 0; i < len(ends); i += 2 {
		began := time.Now()
		seenByA, seenByB, err := wrtc.Meet(t, ends[i], ends[i+1])
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took >= 2*time.Second { // what pion waits for something better
			t.Errorf("took %v", took)
		}
		for _, seen := range []wrtc.Addr{seenByA, seenByB} {
			if seen.Type != "relay" {
				t.Errorf("seen at %v, a %q", seen, seen.Type)
			}
		}
	}
}

// Without a server RelayOnly says what is missing.
func TestRelayOnlyAlone(t *testing.T) {
	w, err := wrtc.New(&wrtc.Config{RelayOnly: true, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = wrtc.Meet(t, w, w)
	if !errors.Is(err, wrtc.ErrNoRelay) {
		t.Errorf("%v, want ErrNoRelay", err)
	}
}

// A TURN server that nobody answers for holds nobody up for long: pion alone would wait for 8 s.
func TestSilentTURN(t *testing.T) {
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var ends [2]wrtc.Transport
	for i := range ends {
		w, err := wrtc.New(&wrtc.Config{Loopback: true})
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = w.WithServers([]wrtc.ICEServer{{URLs: []string{"turn:" + silent.LocalAddr().String()}, Username: "u", Credential: "p"}})
	}
	began := time.Now()
	if _, _, err := wrtc.Meet(t, ends[0], ends[1]); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("met and closed in %v", took)
	} else {
		t.Logf("met and closed in %v", took)
	}
}
