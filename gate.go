package exchange

import (
	"net"
	"net/netip"
	"sync"
)

// gate bounds the connections that have not got as far as hello, in all and
// for each address.
type gate struct {
	max, perAddress int

	mu    sync.Mutex
	total int
	from  map[netip.Prefix]int
}

func newGate(max, perAddress int) *gate {
	return &gate{max: max, perAddress: perAddress, from: make(map[netip.Prefix]int)}
}

// enter takes a place for a connection from addr, until leave is called.
func (g *gate) enter(addr net.Addr) (leave func(), err error) {
	prefix, known := addressPrefix(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.max {
		return nil, &LimitError{Limit: "Unauthenticated", Max: int64(g.max)}
	}
	if known && g.from[prefix] >= g.perAddress {
		return nil, &LimitError{Limit: "UnauthenticatedPerAddress", Max: int64(g.perAddress)}
	}
	g.total++
	if known {
		g.from[prefix]++
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.total--
		if !known {
			return
		}
		if g.from[prefix]--; g.from[prefix] == 0 {
			delete(g.from, prefix)
		}
	}, nil
}

// awayPrefix is addressPrefix, but not of loopback: whoever is on this machine can
// do worse than to connect often, and behind a proxy on it are many.
func awayPrefix(addr net.Addr) (netip.Prefix, bool) {
	prefix, known := addressPrefix(addr)
	if a := prefix.Addr(); !known || a.IsLoopback() || a.IsUnspecified() { // ::1 is in ::/64
		return netip.Prefix{}, false
	}
	return prefix, true
}

// addressPrefix is what counts as one address: an IPv4 address, an IPv6 /64.
// Carriers without IP addresses are not told apart.
func addressPrefix(addr net.Addr) (netip.Prefix, bool) {
	if addr == nil {
		return netip.Prefix{}, false
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}, false
	}
	ip := ap.Addr().Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.WithZone("").Prefix(bits)
	return prefix, err == nil
}
