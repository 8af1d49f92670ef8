//go:build lab

package lab

import "fmt"

// What comes to the NAT itself and is no answer must be dropped in input. Otherwise the peer's early packet makes a
// confirmed entry there, the inner host's own packet to that peer gets another port in its place, and no hole is
// punched: Linux without a firewall is no port-restricted NAT.
const natTable = `
table ip lab {
	chain before { type nat hook prerouting priority dstnat; %[1]s }
	chain after { type nat hook postrouting priority srcnat; oifname "eth0" %[2]s; }
	chain through { type filter hook forward priority filter; %[3]s }
	chain in { type filter hook input priority filter; ct state established,related accept; iifname "eth0" drop; }
}
`

// natRules are the rules of a NAT. host is the address of the first host in its network.
func natRules(kind Kind, host string) string {
	const newFromOutside = `iifname "eth0" ct state new drop;`
	before, after, through := "", "masquerade", newFromOutside
	switch kind {
	case FullCone:
		before = fmt.Sprintf(`iifname "eth0" udp dport 1024-65535 dnat to %s;`, host)
		through = `iifname "eth0" ct state new meta l4proto != udp drop;`
	case PortRestricted:
	case Symmetric:
		after = "masquerade fully-random"
	case NoUDP:
		through += ` oifname "eth0" meta l4proto udp drop;` // inside, where a bridge may show its frames to these rules, it gets through
	default:
		panic(fmt.Sprintf("lab: no NAT is %q", kind))
	}
	return fmt.Sprintf(natTable, before, after, through)
}

const firewallRules = `
table ip lab {
	chain in { type filter hook input priority filter; ct state established,related accept; iifname "eth0" drop; }
}
`

// Drop loses packets from now on, between a node and the network that it is in, in both directions: all, or those that match, which is an
// expression of nftables such as "meta l4proto udp". Nobody is told. Heal ends it.
func (l *Lab) Drop(name, match string) {
	l.t.Helper()
	l.rules(l.node(name).space, fmt.Sprintf(cutIn+cutOut, match))
}

// Deafen is Drop for what comes to the node; what it sends gets through.
func (l *Lab) Deafen(name, match string) {
	l.t.Helper()
	l.rules(l.node(name).space, fmt.Sprintf(cutIn, match))
}

// Before conntrack and behind everything else, so that no state stands for what was lost.
const (
	cutIn = `
table inet cut {
	chain in { type filter hook prerouting priority -500; iifname "eth0" %[1]s drop; }
}
`
	cutOut = `
table inet cut {
	chain out { type filter hook postrouting priority 500; oifname "eth0" %[1]s drop; }
}
`
)

// Heal ends what Drop or Deafen began.
func (l *Lab) Heal(name string) {
	l.t.Helper()
	l.rules(l.node(name).space, "delete table inet cut\n")
}
