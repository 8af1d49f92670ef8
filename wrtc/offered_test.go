package wrtc

import (
	"slices"
	"testing"
)

// Of the servers that peers run, those are used to whose addresses the policy lets us send.
func TestOfferedServers(t *testing.T) {
	own := ICEServer{URLs: []string{"stun:stun.example:3478"}}
	offered := []ICEServer{
		{URLs: []string{"stun:192.0.2.7:3478", "stun:127.0.0.1:53"}},
		{URLs: []string{"stun:10.0.0.9:3478"}},
		{URLs: []string{"turn:[2001:db8::7]:3478?transport=udp"}, Username: "u", Credential: "c"},
		{URLs: []string{"turn:192.0.2.7:3478?transport=tcp", "stuns:192.0.2.7:3478", "turns:192.0.2.7:3478", "http://192.0.2.7:80/", "", "stun:169.254.169.254:80"}},
	}
	for _, tt := range []struct {
		name string
		cfg  *Config
		has  []string
		want []string
	}{
		{"public machine", nil, []string{"198.51.100.7/24"}, []string{"stun:192.0.2.7:3478", "turn:[2001:db8::7]:3478?transport=udp"}},
		{"private machine", nil, []string{"10.0.0.7/24"}, []string{"stun:192.0.2.7:3478", "stun:10.0.0.9:3478", "turn:[2001:db8::7]:3478?transport=udp"}},
		{"private refused", &Config{RefusePrivate: true}, []string{"10.0.0.7/24"}, []string{"stun:192.0.2.7:3478", "turn:[2001:db8::7]:3478?transport=udp"}},
		{"loopback", &Config{Loopback: true}, []string{"198.51.100.7/24"}, []string{"stun:192.0.2.7:3478", "stun:127.0.0.1:53", "turn:[2001:db8::7]:3478?transport=udp"}},
		{"own only", &Config{OwnServers: true, Loopback: true}, []string{"10.0.0.7/24"}, nil},
	} {
		cfg := Config{}
		if tt.cfg != nil {
			cfg = *tt.cfg
		}
		cfg.ICEServers = []ICEServer{own}
		w := newWebRTC(t, &cfg)
		w.host = hostWith(tt.has...)
		for name, with := range map[string]*WebRTC{"version 2": w.WithServers(offered).(*WebRTC), "simple-peer": w.WithServers(offered).(*WebRTC).SimplePeer().(*WebRTC)} {
			var got []string
			for _, s := range with.servers(with.policy()) {
				got = append(got, s.URLs...)
			}
			if want := append(slices.Clone(own.URLs), tt.want...); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q, want %q", tt.name, name, got, want)
			}
		}
		if got := w.servers(w.policy()); len(got) != 1 {
			t.Errorf("%s: WithServers has changed its receiver: %v", tt.name, got)
		}
	}
	if offered[0].URLs[1] != "stun:127.0.0.1:53" {
		t.Error("what the caller gave was changed")
	}
}

func TestNameIsNotLookedUp(t *testing.T) {
	w := newWebRTC(t, nil).WithServers([]ICEServer{{URLs: []string{"stun:victim.example:3478"}}}).(*WebRTC)
	if got := len(w.servers(w.policy())) == 1; got != namedCarriers {
		t.Errorf("a name is used: %v, want %v", got, namedCarriers)
	}
}
