//go:build lab

package lab

import "time"

// Topology is what a lab is built from. Names are unique among hosts and NATs together, lower case letters and digits.
type Topology struct {
	NATs  []NAT // a NAT that another is behind comes first
	Hosts []Host
}

// Host is a machine with one address.
type Host struct {
	Name   string
	Behind string // the NAT in whose network it is; "": it has a public address
	// Firewall drops everything that comes in and answers nothing that the host has sent.
	Firewall bool
	Link     Link // to its network
}

// NAT is a router that has one address outside and gives its own network, 192.168.1.0/24 or LAN, that one. Networks
// inside may have the same addresses, as homes have.
type NAT struct {
	Name   string
	Kind   Kind
	Behind string // the NAT in whose network its outer address is; "": that is public
	LAN    string // the first three numbers of its network's addresses; default "192.168.1"
	Link   Link   // of its outer side
}

// Kind is how a NAT behaves.
type Kind string

// The kinds of NAT, in the terms of RFC 4787.
const (
	// FullCone: endpoint-independent mapping and filtering of UDP, for the one host that is in its network.
	FullCone Kind = "full cone"
	// PortRestricted: endpoint-independent mapping, address and port-dependent filtering. What most homes have.
	PortRestricted Kind = "port restricted"
	// Symmetric: address and port-dependent mapping, to random ports, and filtering.
	Symmetric Kind = "symmetric"
	// NoUDP: as PortRestricted, but no UDP gets through.
	NoUDP Kind = "no UDP"
)

// Link is what happens to packets on their way, in each of the two directions. The zero Link does nothing to them.
type Link struct {
	Delay  time.Duration
	Jitter time.Duration // more delay, random, up to this: packets overtake each other
	Loss   float64       // the part of the packets that is lost, 0 to 1
	Rate   int64         // bits a second; 0: no limit
}
