//go:build !js

package wrtc

import (
	"errors"
	"strings"
	"testing"
)

// What could not be reached, and why, is in the error of both ends.
func TestChecks(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		sa, sb := wires()
		sa.change = func(s Signal) []Signal {
			l.drop.Store(true)
			if s.Kind == Offer { // an address that the policy refuses, told twice
				refused := Signal{Kind: Candidate, Text: "candidate:9 1 udp 1 127.0.0.1 5000 typ srflx raddr 0.0.0.0 rport 0", Mid: "0"}
				return []Signal{s, refused, refused}
			}
			return []Signal{s}
		}
		ra, rb := both(t.Context(), l.a, l.b, sa, sb)
		for _, err := range []error{ra.err, rb.err} {
			var ne *NegotiateError
			if !errors.As(err, &ne) || ne.Checks == nil {
				t.Fatal(err)
			}
			c := ne.Checks
			if len(c.Ours) != 1 || len(c.Theirs) != 1 || c.Ours[0].Type != "host" || c.Theirs[0].Type != "host" || len(c.Pairs) != 1 || c.Servers != 0 {
				t.Errorf("%+v", c)
			}
			for _, p := range c.Pairs {
				if p.Sent == 0 || p.Answered != 0 || p.Received != 0 || p.Local.Type != "host" || !strings.HasPrefix(p.Remote.String(), "10.0.0.") {
					t.Errorf("%+v", p)
				}
			}
			if !strings.HasSuffix(err.Error(), "pairs tried: 1, nothing came from the other end; there was no STUN server to tell us our outer address") {
				t.Error(err)
			}
			if strings.Contains(err.Error(), "10.0.0.") {
				t.Errorf("tells addresses: %v", err)
			}
		}
		if want := "our addresses: 1 host; theirs: 1 host, and 1 not used (loopback)"; !strings.Contains(rb.err.Error(), want) {
			t.Errorf("%v, want %q", rb.err, want)
		}
	})
}
