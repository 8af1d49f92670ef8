package exchange

import (
	"cmp"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/wrtc"
)

// This file is how peers find out their outer address from each other (DESIGN
// D7): who answers STUN says so in hello, and its peers ask it when they gather
// addresses for a meeting.

// featureSTUN and a port in a hello say that its sender answers STUN there (PXP
// §9.5).
const featureSTUN = "stun:"

// maxSTUNServers is how many peers are asked for our address in one meeting: a
// second one in case the first has gone or its port is blocked.
const maxSTUNServers = 2

// serverUser is a transport that can ask servers that peers run.
type serverUser interface {
	WithServers([]wrtc.ICEServer) wrtc.Transport
}

// withServers is the transport with servers that peers run, if it has a use for them.
func withServers(t wrtc.Transport, servers []wrtc.ICEServer) wrtc.Transport {
	if user, ok := t.(serverUser); ok && len(servers) > 0 {
		return user.WithServers(servers)
	}
	return t
}

// iceServers returns the STUN and TURN servers for a meeting that via has introduced: via
// first, since the other end has it too and both are then told addresses of the
// same side of a NAT, others by chance.
func (ex *Exchange) iceServers(via identity.ID) []wrtc.ICEServer {
	var hosts []string
	var servers []wrtc.ICEServer
	peers := slices.Collect(ex.Peers())
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	slices.SortStableFunc(peers, func(a, b *Peer) int {
		return cmp.Compare(rankSTUN(a, via), rankSTUN(b, via))
	})
	for _, p := range peers {
		host, port := p.s.stunServer()
		if host == "" || slices.Contains(hosts, host) {
			continue
		}
		if hosts = append(hosts, host); len(hosts) > maxSTUNServers {
			break
		}
		servers = append(servers, wrtc.ICEServer{URLs: []string{"stun:" + net.JoinHostPort(host, port)}})
		if turn, ok := p.s.turnServer(host); ok {
			servers = append(servers, turn)
		}
	}
	return servers
}

func rankSTUN(p *Peer, via identity.ID) int {
	if p.ID() == via {
		return 0
	}
	return 1
}

// stunServer is where the remote answers STUN; empty if it does not. The port is
// the remote's word, the host is not: it is where the carrier comes from, so that
// nobody can make us send to somebody else. The transport judges it, too.
func (s *session) stunServer() (host, port string) {
	for _, feature := range s.hello.Features {
		text, found := strings.CutPrefix(feature, featureSTUN)
		if n, err := strconv.ParseUint(text, 10, 16); found && err == nil && n > 0 {
			port = strconv.FormatUint(n, 10)
			break
		}
	}
	if port == "" {
		return "", ""
	}
	return s.serverHost(), port
}

// serverHost is the address at which the remote can be reached, as far as its
// carrier shows: empty if it does not. Only a browser, which is told no addresses,
// has a name there: that of the address that it was told to dial.
func (s *session) serverHost() string {
	addr := s.carrier.RemoteAddr()
	if a, ok := addr.(wrtc.Addr); ok && a.Type == "relay" || addr == nil {
		return "" // a TURN server's
	}
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil || host == "" {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	if s.dialer {
		return host
	}
	return ""
}
