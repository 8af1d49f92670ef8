package wrtc

import (
	"errors"
	"fmt"

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
	if cfg.RelayOnly && relays == 0 {
		return errors.New("wrtc: config: RelayOnly needs a TURN server in ICEServers")
	}
	return nil
}
