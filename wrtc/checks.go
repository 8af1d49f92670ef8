package wrtc

import (
	"fmt"
	"slices"
	"strings"
)

// Checks is what a negotiation had to go by when it failed: where both ends could have been reached, and what was tried.
type Checks struct {
	Ours    []string    // the types of the candidates that the other end was told: "host", "srflx", "prflx" or "relay"
	Theirs  []string    // those of the candidates that it told us and that are used
	Skipped []string    // for each candidate that it told and that is not used: why not
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
	c := &Checks{Ours: n.ours, Pairs: n.conn.link.checks()}
	for _, h := range n.theirs {
		if h.skipped != "" {
			c.Skipped = append(c.Skipped, h.skipped)
		} else {
			c.Theirs = append(c.Theirs, h.typ)
		}
	}
	return c
}

// String is one sentence, without addresses.
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
	return b.String()
}

// counted is a list in a few words: "2 host, 1 srflx".
func counted(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	var kinds, parts []string
	count := make(map[string]int)
	for _, kind := range list {
		if count[kind]++; count[kind] == 1 {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		parts = append(parts, fmt.Sprintf("%d %s", count[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// typesIn are the types of the candidates in a description of ours. pion names each twice, for RTP and RTCP, of which there
// is only the first.
func typesIn(sdp string) (types []string) {
	for line := range strings.Lines(sdp) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "a="); ok {
			if c, err := parseCandidate(text); err == nil && strings.Fields(text)[1] == "1" {
				types = append(types, c.typ)
			}
		}
	}
	return types
}
