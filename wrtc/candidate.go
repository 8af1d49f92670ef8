package wrtc

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// candidate is what we check of an ICE candidate (RFC 8839 section 5.1).
type candidate struct {
	network string         // "udp" or "tcp", lower case
	addr    netip.AddrPort // address invalid for a name
	name    string         // "….local" (RFC 8828 mDNS), "" for an address
	typ     string         // host, srflx, prflx, relay
	line    string         // all of it, written so that it can be read in one way only
}

var errCandidate = errors.New("not a candidate line")

func parseCandidate(line string) (candidate, error) {
	var c candidate
	rest, ok := strings.CutPrefix(line, "candidate:")
	if !ok || len(line) > maxCandidateBytes {
		return c, errCandidate
	}
	// foundation component transport priority address port "typ" type …
	f := strings.Fields(rest)
	if len(f) < 8 || f[6] != "typ" {
		return c, errCandidate
	}
	if n, err := strconv.ParseUint(f[1], 10, 16); err != nil || n == 0 || n > 256 {
		return c, errCandidate
	}
	if _, err := strconv.ParseUint(f[3], 10, 32); err != nil {
		return c, errCandidate
	}
	port, err := strconv.ParseUint(f[5], 10, 16)
	if err != nil {
		return c, errCandidate
	}
	c.network, c.typ = strings.ToLower(f[2]), f[7]
	addr, err := netip.ParseAddr(f[4])
	if err != nil {
		label, ok := strings.CutSuffix(f[4], ".local")
		if !ok || label == "" || strings.Contains(label, ".") { // nothing that is looked up anywhere but in the local network
			return c, errCandidate
		}
		c.name = f[4]
	}
	c.addr = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	if c.name == "" {
		f[4] = c.addr.Addr().String()
	}
	c.line = "candidate:" + strings.Join(f, " ")
	switch c.typ {
	case "host", "srflx", "prflx", "relay":
	default:
		return c, errCandidate
	}
	return c, nil
}
