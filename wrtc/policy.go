package wrtc

import (
	"net/netip"
	"slices"
	"strings"
)

// policy says to which of the addresses that the other end names we send connectivity checks: the other end is a stranger, and whatever it
// names gets packets from us that it could not send there itself. It holds for one negotiation, for candidates in descriptions and in signals,
// and natively also for what a name resolves to and for addresses that checks come from.
type policy struct {
	loopback, names    bool
	private4, private6 bool           // addresses of private ranges are used
	own                []netip.Prefix // addresses of this machine, with their networks
}

// policy looks at the addresses that this machine has now.
func (w *WebRTC) policy() *policy {
	p := &policy{loopback: w.cfg.Loopback, names: resolvesNames(&w.cfg)}
	all, usable := w.addresses()
	p.own = all
	if w.cfg.RefusePrivate {
		return p
	}
	if usable == nil { // a browser does not say which it has
		p.private4, p.private6 = true, true
	}
	for _, a := range usable {
		p.private4 = p.private4 || a.Is4() && isPrivate(a)
		p.private6 = p.private6 || a.Is6() && isPrivate(a)
	}
	return p
}

// skip says why the other end's candidate is not used, or "".
func (p *policy) skip(c candidate) string {
	switch {
	case c.network != "udp":
		return "transport is not UDP"
	case c.addr.Port() == 0:
		return "port 0"
	case c.name != "" && !p.names:
		return "name, and mDNS is off"
	case c.name != "":
		return ""
	}
	return p.refuse(c.addr.Addr())
}

// refuse says why nothing is sent to an address, or "".
func (p *policy) refuse(a netip.Addr) string {
	a = a.Unmap()
	if v4, ok := embedded(a); ok {
		a = v4
	}
	switch {
	case !a.IsValid() || a.Zone() != "":
		return "address with a zone"
	case a.IsUnspecified() || a.IsMulticast() || within(a, neverUnicast):
		return "not a unicast address"
	case a.IsLinkLocalUnicast():
		return "link-local"
	case a.IsLoopback():
		if !p.loopback {
			return "loopback"
		}
	case p.broadcasts(a):
		return "not a unicast address: it is a network of ours"
	case isPrivate(a) && !(a.Is4() && p.private4 || a.Is6() && p.private6) && !(p.loopback && p.isOwn(a)):
		return "private, and none of ours is"
	}
	return ""
}

// broadcasts says whether an address is the first or the last of an IPv4 network that we are in.
func (p *policy) broadcasts(a netip.Addr) bool {
	return slices.ContainsFunc(p.own, func(own netip.Prefix) bool {
		if !a.Is4() || own.Bits() > 30 || !own.Contains(a) {
			return false
		}
		host, b := uint32(1)<<(32-own.Bits())-1, a.As4()
		in := (uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])) & host
		return in == 0 || in == host
	})
}

// isOwn says whether this machine has an address: with Loopback both ends may be on it.
func (p *policy) isOwn(a netip.Addr) bool {
	return slices.ContainsFunc(p.own, func(own netip.Prefix) bool { return own.Addr() == a })
}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

var (
	// "This network" and what is reserved, the limited broadcast address among it (RFC 6890); IPv6's discard-only block (RFC 6666).
	neverUnicast = prefixes("0.0.0.0/8", "240.0.0.0/4", "100::/64")
	// Addresses that mean something else, or nothing, outside the network that uses them: RFC 1918, carriers' NATs (RFC 6598), IETF protocol
	// assignments, benchmarking (RFC 2544); unique local, site-local, NAT64 of a network's own (RFC 8215).
	privateRanges = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15",
		"fc00::/7", "fec0::/10", "64:ff9b:1::/48")
	// IPv6 addresses whose packets end at the IPv4 address inside: where it stands in them.
	embedding = []struct {
		prefix netip.Prefix
		at     int
	}{
		{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64
		{netip.MustParsePrefix("2002::/16"), 2},     // 6to4
		{netip.MustParsePrefix("::/96"), 12},        // IPv4-compatible
	}
)

func within(a netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func isPrivate(a netip.Addr) bool { return within(a, privateRanges) }

// IsPublic says whether an address can be anybody's on the internet: a unicast address that is neither loopback, link-local, private (RFC 1918, RFC 6598,
// RFC 4193) nor reserved. An IPv6 address that stands for an IPv4 one (NAT64, 6to4) is judged as that.
func IsPublic(a netip.Addr) bool {
	p := &policy{}
	return p.refuse(a) == ""
}

// embedded returns the IPv4 address that an IPv6 address stands for.
func embedded(a netip.Addr) (v4 netip.Addr, found bool) {
	if !a.Is6() || a.IsLoopback() || a.IsUnspecified() {
		return a, false
	}
	b := a.As16()
	for _, e := range embedding {
		if e.prefix.Contains(a.WithZone("")) {
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4])), true
		}
	}
	return a, false
}

// hides says whether something of our own description is not for the other end.
func (w *WebRTC) hides() bool { return w.cfg.HideHosts || w.cfg.RefusePrivate || w.cfg.RelayOnly }

// told is a description of ours as the other end gets it.
func (w *WebRTC) told(sdp string) string {
	if !w.hides() {
		return sdp
	}
	var out strings.Builder
	for line := range strings.Lines(sdp) {
		switch {
		case strings.HasPrefix(line, "a=candidate:"):
			c, ok := w.toldCandidate(strings.TrimSpace(line[len("a="):]))
			if !ok {
				continue
			}
			line = "a=" + c + "\r\n"
		case strings.HasPrefix(line, "c="): // a browser has its first candidate there
			line = "c=IN IP4 0.0.0.0\r\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// toldCandidate is a candidate of ours as the other end gets it, if it does. What is reflexive or relayed says where it comes from, too.
func (w *WebRTC) toldCandidate(line string) (told string, ok bool) {
	if !w.hides() {
		return line, true
	}
	c, err := parseCandidate(line)
	if err != nil || w.cfg.HideHosts && c.typ == "host" || w.cfg.RelayOnly && c.typ != "relay" || w.cfg.RefusePrivate && isPrivate(c.addr.Addr()) {
		return "", false
	}
	f := strings.Fields(c.line)
	for i := 8; i+1 < len(f); i += 2 {
		switch f[i] {
		case "raddr":
			f[i+1] = "0.0.0.0"
			if c.addr.Addr().Is6() {
				f[i+1] = "::"
			}
		case "rport":
			f[i+1] = "0"
		}
	}
	return strings.Join(f, " "), true
}
