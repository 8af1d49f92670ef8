//go:build lab

package lab

// Place is where a host stands, in the words of users: what is between it and the internet.
type Place string

// The places.
const (
	Open        Place = "open"            // a public address, nothing in between
	Firewalled  Place = "firewall"        // a public address; only what answers gets in
	BehindCone  Place = "full cone"       // behind a NAT that lets everybody in to a port that was used once
	BehindPort  Place = "port restricted" // behind a NAT as most homes have it
	BehindSymm  Place = "symmetric"       // behind a NAT with another port for each destination
	BehindTwo   Place = "carrier grade"   // behind a port restricted NAT that is itself behind one
	WithoutUDP  Place = "no UDP"          // behind a NAT that lets only TCP out
	lanOfOthers       = "100.64.0"        // the carrier's network
)

// Places are all of them, the easiest first.
var Places = []Place{Open, Firewalled, BehindCone, BehindPort, BehindTwo, BehindSymm, WithoutUDP}

// Put adds a host in a place to the topology, with NATs of its own.
func (top *Topology) Put(host string, place Place) {
	h := Host{Name: host}
	nat := func(name, behind, lan string, kind Kind) {
		top.NATs = append(top.NATs, NAT{Name: name, Kind: kind, Behind: behind, LAN: lan})
		h.Behind = name
	}
	switch place {
	case Open:
	case Firewalled:
		h.Firewall = true
	case BehindCone:
		nat(host+"nat", "", "", FullCone)
	case BehindPort:
		nat(host+"nat", "", "", PortRestricted)
	case BehindSymm:
		nat(host+"nat", "", "", Symmetric)
	case BehindTwo:
		nat(host+"carrier", "", lanOfOthers, PortRestricted)
		nat(host+"nat", host+"carrier", "", PortRestricted)
	case WithoutUDP:
		nat(host+"nat", "", "", NoUDP)
	default:
		panic("lab: no place " + string(place))
	}
	top.Hosts = append(top.Hosts, h)
}
