//go:build !js

package wrtc

import (
	"errors"
	"net"
	"testing"
)

// Without any address to connect from, as on a machine that has loopback only, a negotiation fails when that is known, says
// so, and sends nothing.
func TestNoAddress(t *testing.T) {
	loopback := func(name string) bool {
		i, err := net.InterfaceByName(name)
		return err == nil && i.Flags&net.FlagLoopback != 0
	}
	for dialectName, dialect := range dialects {
		for _, role := range []Role{Offerer, Answerer} {
			t.Run(dialectName+" "+role.String(), func(t *testing.T) {
				w := dialect(newWebRTC(t, &Config{Interface: loopback}))
				sa, sb := wires()
				if role == Answerer {
					sb.out <- Signal{Kind: Offer, Text: goodSDP}
				}
				conn, err := w.Negotiate(t.Context(), role, sa)
				if conn != nil || !errors.Is(err, ErrNoAddress) {
					t.Errorf("%v, %v; want ErrNoAddress", conn, err)
				}
				if len(sb.in) > 0 {
					t.Errorf("%d signals were sent", len(sb.in))
				}
			})
		}
	}
}
