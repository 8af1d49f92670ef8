package exchange

import (
	"net"
	"net/netip"

	"github.com/peer-exchange/exchange/identity"
)

// Carriers of a [Path]. Any other value is the network name of the socket's
// own address, as in [net.Addr].
const (
	CarrierTCP    = "tcp"
	CarrierWS     = "ws" // WebSocket, with or without TLS
	CarrierWebRTC = "webrtc"
	CarrierRelay  = "relay" // a circuit through another peer; peers are not reached by it yet, only signaling is
)

// Path is how a peer is reached.
type Path struct {
	Carrier string
	Via     identity.ID // who introduced the peer or relays to it; zero for a socket
}

// String returns the carrier and, if there is one, the peer in the middle.
func (p Path) String() string {
	if p.Via.IsZero() {
		return p.Carrier
	}
	return p.Carrier + " via " + p.Via.Short()
}

// rank orders paths: of two sessions with one peer the higher stays (PXP §10).
func (p Path) rank() int {
	switch {
	case p.Carrier == CarrierRelay:
		return 1
	case !p.Via.IsZero(): // introduced: WebRTC
		return 2
	}
	return 3
}

func socketPath(socket net.Conn) Path {
	addr := socket.RemoteAddr()
	if addr == nil {
		return Path{Carrier: "unknown"}
	}
	switch network := addr.Network(); network {
	case "tcp4", "tcp6":
		return Path{Carrier: CarrierTCP}
	default:
		return Path{Carrier: network}
	}
}

// Addr is the address of a [Conn]: a peer, and how it is reached.
type Addr struct {
	Peer identity.ID
	Path Path
}

// Network returns "pxp".
func (Addr) Network() string { return "pxp" }

// String returns the peer ID and the path, as in "aq3…/tcp".
func (a Addr) String() string { return a.Peer.String() + "/" + a.Path.Carrier }

// seenAt is the address that a socket comes from, for hello; empty if it has none
// that another node could use.
func seenAt(socket net.Conn) string {
	addr := socket.RemoteAddr()
	if addr == nil {
		return ""
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return ""
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()).String()
}
