package wrtc

import (
	"fmt"
	"slices"
	"strings"
)

// Checks is what a negotiation had to go by when it failed: where both ends could have been reached, and what was tried.
type Checks struct {
	Ours    []Addr      // the candidates that the other end was told
	Theirs  []Addr      // those that it told us and that are used; a name is no valid AddrPort
	Skipped []string    // for each candidate that it told and that is not used: why not
	Servers int         // how many STUN and TURN servers there were to ask
	Pairs   []PairCheck // the pairs of addresses that were tried; none in a browser
}

// PairCheck is what was sent between one address of ours and one of theirs.
type PairCheck struct {
	Local, Remote Addr
	Sent          int // checks that we sent
	Answered      int // and that were answered
	Received      int // checks of the other end that came
}

// heard is a candidate of the other end.
type heard struct {
	candidate
	skipped string // why it is not used; "": it is
}

// skip is the policy's judgement, which is remembered.
func (n *negotiation) skip(c candidate) (why string) {
	why = n.to.skip(c)
	again := slices.ContainsFunc(n.theirs, func(h heard) bool {
		return h.typ == c.typ && h.network == c.network && h.addr == c.addr && h.name == c.name
	})
	if !again && len(n.theirs) < n.w.cfg.MaxCandidates {
		n.theirs = append(n.theirs, heard{c, why})
	}
	return why
}

func (n *negotiation) checks() *Checks {
	c := &Checks{Ours: n.ours, Servers: len(n.w.servers(n.to)), Pairs: n.conn.link.checks()}
	for _, h := range n.theirs {
		if h.skipped != "" {
			c.Skipped = append(c.Skipped, h.skipped)
		} else {
			c.Theirs = append(c.Theirs, Addr{AddrPort: h.addr, Type: h.typ})
		}
	}
	return c
}

// Why says in plain words what probably stood in the way, or "" when nothing of this says it: a guess from what both ends knew.
func (c *Checks) Why() string {
	heard := slices.ContainsFunc(c.Pairs, func(p PairCheck) bool { return p.Answered > 0 || p.Received > 0 })
	switch {
	case heard || !namesAddresses:
		return ""
	case !reachable(c.Ours) && c.Servers == 0:
		return "there was no STUN server to tell us our outer address"
	case !reachable(c.Ours):
		return "no STUN server answered, so our outer address is not known: UDP seems to be blocked here"
	case !reachable(c.Theirs):
		return "the other end does not know its outer address: UDP seems to be blocked there, or it has no STUN server to ask"
	}
	return "one of the two seems to have a NAT with another port for each destination, or a firewall against UDP, and the other lets in only whom it has sent to: " +
		"a TURN server would help"
}

// reachable says whether one of the addresses may be reached from another network.
func reachable(list []Addr) bool {
	return slices.ContainsFunc(list, func(a Addr) bool {
		return a.Type != "host" || a.AddrPort.IsValid() && !isPrivate(a.AddrPort.Addr()) && !a.AddrPort.Addr().IsLoopback()
	})
}

// String is what was known and tried, and Why, without addresses.
func (c *Checks) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "our addresses: %s; theirs: %s", counted(c.Ours), counted(c.Theirs))
	if len(c.Skipped) > 0 {
		fmt.Fprintf(&b, ", and %d not used (%s)", len(c.Skipped), c.Skipped[0])
	}
	sent, answered, received := 0, 0, 0
	for _, p := range c.Pairs {
		if p.Sent > 0 {
			sent++
		}
		if p.Answered > 0 {
			answered++
		}
		if p.Received > 0 {
			received++
		}
	}
	switch {
	case namesAddresses && len(c.Pairs) == 0:
		b.WriteString("; no pair to try")
	case !namesAddresses:
	case answered > 0:
		fmt.Fprintf(&b, "; pairs tried: %d, answered: %d", sent, answered)
	case received > 0:
		fmt.Fprintf(&b, "; pairs tried: %d, none was answered, although checks of the other end came", sent)
	default:
		fmt.Fprintf(&b, "; pairs tried: %d, nothing came from the other end", sent)
	}
	if why := c.Why(); why != "" {
		b.WriteString("; " + why)
	}
	return b.String()
}

// counted is a list in a few words: "2 host, 1 srflx".
func counted(list []Addr) string {
	if len(list) == 0 {
		return "none"
	}
	var kinds, parts []string
	count := make(map[string]int)
	for _, a := range list {
		if count[a.Type]++; count[a.Type] == 1 {
			kinds = append(kinds, a.Type)
		}
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		parts = append(parts, fmt.Sprintf("%d %s", count[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// candidatesIn are the candidates in a description of ours. pion names each twice, for RTP and RTCP, of which there
// is only the first.
func candidatesIn(sdp string) (list []Addr) {
	for line := range strings.Lines(sdp) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "a="); ok {
			if c, err := parseCandidate(text); err == nil && strings.Fields(text)[1] == "1" {
				list = append(list, Addr{AddrPort: c.addr, Type: c.typ})
			}
		}
	}
	return list
}
