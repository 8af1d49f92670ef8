package exchange

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// gate bounds the connections that have not got as far as hello, in all and
// for each address.
type gate struct {
	max, perAddress int

	mu     sync.Mutex
	inside []*visitor // oldest first
	from   map[netip.Prefix]int
}

// visitor is a connection inside a gate.
type visitor struct {
	from netip.Prefix // not valid: not known
	end  context.CancelCauseFunc
}

func newGate(max, perAddress int) *gate {
	return &gate{max: max, perAddress: perAddress, from: make(map[netip.Prefix]int)}
}

// enter takes a place for a connection from addr, until leave is called. When no
// place is free it takes that of another, whose context ends then, if there is an
// address that would still have as many as this one.
func (g *gate) enter(ctx context.Context, addr net.Addr) (_ context.Context, leave func(), err error) {
	prefix, _ := addressPrefix(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if prefix.IsValid() && g.from[prefix] >= g.perAddress {
		return nil, nil, &LimitError{Limit: "UnauthenticatedPerAddress", Max: int64(g.perAddress)}
	}
	if len(g.inside) >= g.max {
		full := &LimitError{Limit: "Unauthenticated", Max: int64(g.max)}
		v := g.crowding(prefix)
		if v == nil {
			return nil, nil, full
		}
		v.end(full)
		g.remove(v)
	}
	ctx, end := context.WithCancelCause(ctx)
	v := &visitor{from: prefix, end: end}
	g.inside = append(g.inside, v)
	if prefix.IsValid() {
		g.from[prefix]++
	}
	return ctx, func() {
		end(nil)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.remove(v)
	}, nil
}

// crowding is the oldest connection of the address that has the most, if that is
// more than prefix would have with one more; or nil.
func (g *gate) crowding(prefix netip.Prefix) (v *visitor) {
	if !prefix.IsValid() {
		return nil
	}
	most := g.from[prefix] + 1
	for _, other := range g.inside {
		if n := g.from[other.from]; n > most {
			v, most = other, n
		}
	}
	return v
}

// remove gives a place back, if v has it still.
func (g *gate) remove(v *visitor) {
	i := slices.Index(g.inside, v)
	if i < 0 {
		return
	}
	g.inside = slices.Delete(g.inside, i, i+1)
	if !v.from.IsValid() {
		return
	}
	if g.from[v.from]--; g.from[v.from] == 0 {
		delete(g.from, v.from)
	}
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
