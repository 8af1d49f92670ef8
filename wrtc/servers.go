package wrtc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/stun/v4"
)

// checkServers parses the URLs so that a wrong one is told by New, not by the first connection.
func checkServers(cfg *Config) error {
	relays := 0
	for i, s := range cfg.ICEServers {
		for _, u := range s.URLs {
			parsed, err := stun.ParseURI(u)
			if err != nil {
				return fmt.Errorf("wrtc: config: ICEServers[%d]: URL %q: %w", i, u, err)
			}
			relay := parsed.Scheme == stun.SchemeTypeTURN || parsed.Scheme == stun.SchemeTypeTURNS
			if relay {
				relays++
			}
			if relay && (s.Username == "" || s.Credential == "") {
				return fmt.Errorf("wrtc: config: ICEServers[%d]: URL %q needs Username and Credential", i, u)
			}
		}
	}
	if cfg.RelayOnly && cfg.OwnServers && relays == 0 {
		return errors.New("wrtc: config: RelayOnly and OwnServers need a TURN server in ICEServers")
	}
	return nil
}

// WithServers returns the same transport with servers that peers run beside [Config.ICEServers]: they, too, are asked when it gathers
// candidates. With [Config.OwnServers] it is the same without them. A peer is a stranger, so each time a URL is left out that does not parse, or that has an address
// to which the policy for the other end's addresses (see the package documentation) lets nobody send; and one with a name
// in place of an address, but in a browser: there a carrier has no other. The caller bounds how many there are.
func (w *WebRTC) WithServers(servers []ICEServer) Transport {
	if w.cfg.OwnServers {
		return w
	}
	with := *w
	with.offered = slices.Clone(servers)
	return &with
}

// servers is what candidates are gathered from.
func (w *WebRTC) servers(to *policy) []ICEServer {
	servers := slices.Clone(w.cfg.ICEServers)
	for _, s := range w.offered {
		s.URLs = slices.DeleteFunc(slices.Clone(s.URLs), func(u string) bool {
			why := to.refuseServer(u)
			if why != "" {
				w.cfg.Logger.Debug("webrtc: a peer's server is not used", "url", u, "why", why)
			}
			return why != ""
		})
		if len(s.URLs) > 0 {
			servers = append(servers, s)
		}
	}
	return servers
}

// hasRelay says whether a TURN server is among them.
func hasRelay(servers []ICEServer) bool {
	return slices.ContainsFunc(servers, func(s ICEServer) bool {
		return slices.ContainsFunc(s.URLs, func(u string) bool { return strings.HasPrefix(u, "turn") })
	})
}

// refuseServer says why a server that a peer runs is not used, or "".
func (p *policy) refuseServer(url string) string {
	u, err := stun.ParseURI(url)
	if err != nil {
		return err.Error()
	}
	if u.Scheme != stun.SchemeTypeSTUN && u.Scheme != stun.SchemeTypeTURN || u.Proto != stun.ProtoTypeUDP {
		return "not STUN or TURN over UDP"
	}
	addr, err := netip.ParseAddr(u.Host)
	switch {
	case err == nil:
		return p.refuse(addr)
	case namedCarriers:
		return ""
	}
	return "name"
}
