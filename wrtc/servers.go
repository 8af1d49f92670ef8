package wrtc

import (
	"fmt"

	"github.com/pion/stun/v4"
)

// checkServers parses the URLs so that a wrong one is told by New, not by the first connection.
func checkServers(cfg *Config) error {
	for i, s := range cfg.ICEServers {
		for _, u := range s.URLs {
			parsed, err := stun.ParseURI(u)
			if err != nil {
				return fmt.Errorf("wrtc: config: ICEServers[%d]: URL %q: %w", i, u, err)
			}
			if (parsed.Scheme == stun.SchemeTypeTURN || parsed.Scheme == stun.SchemeTypeTURNS) && (s.Username == "" || s.Credential == "") {
				return fmt.Errorf("wrtc: config: ICEServers[%d]: URL %q needs Username and Credential", i, u)
			}
		}
	}
	return nil
}
