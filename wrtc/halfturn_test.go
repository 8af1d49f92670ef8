//go:build !js

package wrtc_test

import (
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/peer-exchange/exchange/wrtc"
)

// halfTURN answers Binding and Allocate, and nothing else.
func halfTURN(conn net.PacketConn) {
	buf := make([]byte, 2000)
	key := stun.NewLongTermIntegrity("u", "pxp", "p")
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		m := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
		if m.Decode() != nil || m.Type.Class != stun.ClassRequest {
			continue
		}
		u := from.(*net.UDPAddr)
		set := []stun.Setter{&stun.Message{TransactionID: m.TransactionID}}
		switch {
		case m.Type.Method == stun.MethodBinding:
			set = append(set, stun.BindingSuccess, &stun.XORMappedAddress{IP: u.IP, Port: u.Port})
		case m.Type.Method != stun.MethodAllocate:
			continue
		case !m.Contains(stun.AttrMessageIntegrity):
			set = append(set, stun.NewType(stun.MethodAllocate, stun.ClassErrorResponse), &stun.ErrorCodeAttribute{Code: 401}, stun.NewNonce("nonce"), stun.NewRealm("pxp"))
		default:
			relayed := &stun.Message{TransactionID: m.TransactionID}
			relayed.WriteHeader()
			_ = stun.XORMappedAddress{IP: net.IPv4(203, 0, 113, 10), Port: 50000}.AddToAs(relayed, stun.AttrXORRelayedAddress) // an address it is
			v, _ := relayed.Get(stun.AttrXORRelayedAddress)                                                                    // just added
			set = append(set, stun.NewType(stun.MethodAllocate, stun.ClassSuccessResponse),
				stun.RawAttribute{Type: stun.AttrXORRelayedAddress, Value: v},
				stun.RawAttribute{Type: stun.AttrLifetime, Value: []byte{0, 0, 2, 88}},
				&stun.XORMappedAddress{IP: u.IP, Port: u.Port}, key)
		}
		_, _ = conn.WriteTo(stun.MustBuild(set...).Raw, from)
	}
}

// A peer whose TURN server grants an address and then answers to nothing does not stand in the way of a direct connection.
func TestHalfTURN(t *testing.T) {
	wrtc.InNATs(t, nil, func(t *testing.T, a, b *wrtc.WebRTC, listen func(int) net.PacketConn) {
		socket := listen(3478)
		done := make(chan struct{})
		go func() { defer close(done); halfTURN(socket) }() // ended by the socket's close
		servers := []wrtc.ICEServer{
			{URLs: []string{"stun:203.0.113.10:3478"}}, {URLs: []string{"turn:203.0.113.10:3478"}, Username: "u", Credential: "p"},
		}
		began := time.Now()
		if _, _, err := wrtc.Meet(t, a.WithServers(servers), b.WithServers(servers)); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5*time.Second { // 39 s, without success, when pion was left waiting
			t.Errorf("met and closed in %v", took)
		}
		if err := socket.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}
