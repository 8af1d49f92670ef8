package exchange

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
)

func tcpAddr(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

// What counts as one address, and what as none: this machine, and what is no IP address.
func TestAwayPrefix(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1:1":           "192.0.2.1/32",
		"[::ffff:192.0.2.1]:1":  "192.0.2.1/32",
		"[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":      "fe80::/64",
		"127.0.0.1:1":           "",
		"127.1.2.3:1":           "",
		"[::ffff:127.0.0.1]:1":  "",
		"[::1]:1":               "",
	} {
		if prefix, known := awayPrefix(tcpAddr(text)); known != (want != "") || known && prefix.String() != want {
			t.Errorf("%s: %v, %v; want %q", text, prefix, known, want)
		}
	}
	for _, addr := range []net.Addr{nil, &net.UnixAddr{Name: "x", Net: "unix"}} {
		if prefix, known := awayPrefix(addr); known {
			t.Errorf("%v: %v", addr, prefix)
		}
	}
}

// Many addresses have their own rate, though not without bound; those that are quiet leave their place to others.
func TestPaceForgets(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := DefaultLimits()
		p := newPace(&l)
		at := func(n, i int) net.Addr { return tcpAddr(fmt.Sprintf("10.%d.%d.%d:1", n, i>>8, i&255)) }
		for i := range maxPaced {
			if own := p.of(at(0, i)); own == nil || !own.Allow() {
				t.Fatalf("address %d has no rate of its own", i)
			}
		}
		if p.of(at(1, 0)) != nil || len(p.from) != maxPaced {
			t.Errorf("one address more has a rate of its own; there are %d", len(p.from))
		}
		time.Sleep(2 * time.Second)
		if p.of(at(1, 0)) == nil || len(p.from) != 1 {
			t.Errorf("%d addresses are kept that were quiet", len(p.from)-1)
		}
	})
}
