//go:build !js

package wrtc

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pion/turn/v5"
)

// turnServer runs a TURN server on loopback and returns what a configuration says of it.
func turnServer(t *testing.T) ICEServer {
	t.Helper()
	const user, password, realm = "user", "password", "test"
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	check(t, err)
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: realm,
		AuthHandler: func(a *turn.RequestAttributes) (string, []byte, bool) {
			return a.Username, turn.GenerateAuthKey(user, realm, password), a.Username == user
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn: socket, RelayAddressGenerator: &turn.RelayAddressGeneratorNone{Address: "127.0.0.1"},
		}},
		LoggerFactory: loggerFactory{discard},
	})
	check(t, err)
	t.Cleanup(func() { check(t, server.Close()) })
	return ICEServer{URLs: []string{fmt.Sprintf("turn:%v?transport=udp", socket.LocalAddr())}, Username: user, Credential: password}
}

// With RelayOnly the other end is told the addresses of TURN servers and no other, and the connection goes through one.
func TestRelayOnly(t *testing.T) {
	for name, dialect := range dialects {
		t.Run(name, func(t *testing.T) {
			cfg := loopback()
			b := dialect(newWebRTC(t, cfg))
			cfg.RelayOnly, cfg.ICEServers = true, []ICEServer{turnServer(t)}
			a := dialect(newWebRTC(t, cfg))
			sa, sb := wires()
			relays := 0
			sa.change = func(s Signal) []Signal {
				for line := range strings.Lines(s.Text) {
					if !strings.Contains(line, "candidate:") {
						continue
					}
					if relays++; !strings.Contains(line, " typ relay ") {
						t.Errorf("the other end is told %q", line)
					}
					if strings.Contains(line, "rport") && !strings.Contains(line, "raddr 0.0.0.0 rport 0") {
						t.Errorf("the other end is told where the relay's client is: %q", line)
					}
				}
				return []Signal{s}
			}
			ra, rb := both(t.Context(), a, b, sa, sb)
			if ra.err != nil || rb.err != nil {
				t.Fatal(ra.err, rb.err)
			}
			defer closeBoth(ra.conn, rb.conn)
			if kind := ra.conn.LocalAddr().(Addr).Type; relays == 0 || kind != "relay" {
				t.Errorf("%d relays were told; the path begins at a candidate of type %q", relays, kind)
			}
			_, err := ra.conn.Write([]byte("through the server"))
			check(t, err)
			got := make([]byte, 18)
			if _, err := io.ReadFull(rb.conn, got); err != nil || string(got) != "through the server" {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}
