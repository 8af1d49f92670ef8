package wrtc

import (
	"net/netip"
	"strings"
	"testing"
)

// hostWith is a machine with these addresses, each with the length of its network.
func hostWith(addresses ...string) func() ([]netip.Prefix, []netip.Addr) {
	all, usable := []netip.Prefix{}, []netip.Addr{}
	for _, s := range addresses {
		p := netip.MustParsePrefix(s)
		all, usable = append(all, p), append(usable, p.Addr())
	}
	return func() ([]netip.Prefix, []netip.Addr) { return all, usable }
}

// Which addresses are used depends on the configuration and on what the machine has.
func TestPolicy(t *testing.T) {
	const (
		never = "never" // whatever we have
		local = "loopback"
		priv4 = "private 4" // where an address of ours is
		priv6 = "private 6"
		any   = "any"
	)
	addresses := []struct{ addr, used string }{
		{"192.0.2.1", any}, {"1.1.1.1", any}, {"172.15.255.255", any}, {"172.32.0.1", any}, {"100.63.0.1", any}, {"100.128.0.1", any},
		{"2001:db8::1", any}, {"64:ff9b::1.1.1.1", any}, {"2002:101:101::1", any}, {"::ffff:1.1.1.1", any},
		{"0.0.0.0", never}, {"0.1.2.3", never}, {"255.255.255.255", never}, {"240.0.0.1", never}, {"224.0.0.251", never}, {"239.255.255.250", never},
		{"::", never}, {"ff02::fb", never}, {"ff0e::1", never}, {"100::1", never}, {"::ffff:224.0.0.1", never}, {"64:ff9b::224.0.0.1", never},
		{"169.254.169.254", never}, {"169.254.0.1", never}, {"fe80::1", never}, {"fe80::1%eth0", never}, {"2001:db8::1%eth0", never},
		{"64:ff9b::169.254.169.254", never}, {"2002:a9fe:a9fe::", never}, {"::ffff:169.254.169.254", never}, {"::169.254.169.254", never},
		{"127.0.0.1", local}, {"127.8.9.10", local}, {"::1", local}, {"::ffff:127.0.0.1", local}, {"64:ff9b::127.0.0.1", local}, {"2002:7f00:1::", local},
		{"10.9.9.9", priv4}, {"172.16.0.1", priv4}, {"172.31.255.254", priv4}, {"192.168.1.1", priv4}, {"100.64.0.1", priv4}, {"100.127.255.254", priv4},
		{"192.0.0.1", priv4}, {"198.18.0.1", priv4}, {"::ffff:10.0.0.1", priv4}, {"64:ff9b::10.0.0.1", priv4}, {"2002:a00:1::", priv4}, {"::10.0.0.1", priv4},
		{"fc00::1", priv6}, {"fdff::1", priv6}, {"fec0::1", priv6}, {"64:ff9b:1::1", priv6},
	}
	for _, tt := range []struct {
		name string
		cfg  *Config
		has  []string
		uses string
	}{
		{"public machine", nil, []string{"198.51.100.7/24", "2001:db8:9::7/64", "fe80::7/64", "169.254.3.4/16"}, any},
		{"no address", nil, nil, any},
		{"private IPv4", nil, []string{"192.168.77.7/24"}, any + priv4},
		{"carrier's NAT", nil, []string{"100.64.3.3/10"}, any + priv4},
		{"private IPv6", nil, []string{"2001:db8:9::7/64", "fd00::7/64"}, any + priv6},
		{"both", nil, []string{"10.77.0.7/24", "fd00::7/64"}, any + priv4 + priv6},
		{"both, refused", &Config{RefusePrivate: true}, []string{"10.77.0.7/24", "fd00::7/64"}, any},
		{"loopback", loopback(), []string{"127.0.0.1/8"}, any + local},
		{"loopback refused", nil, []string{"127.0.0.1/8", "::1/128"}, any},
	} {
		w := newWebRTC(t, tt.cfg)
		w.host = hostWith(tt.has...)
		p := w.policy()
		for _, a := range addresses {
			why := p.refuse(netip.MustParseAddr(a.addr))
			if public := IsPublic(netip.MustParseAddr(a.addr)); public != (a.used == any) {
				t.Errorf("%s is public: %v", a.addr, public)
			}
			if used := strings.Contains(tt.uses, a.used); used != (why == "") {
				t.Errorf("%s: %s is refused because %q, want used: %v", tt.name, a.addr, why, used)
			}
		}
	}
}

// A network's broadcast address is one of nobody's, and reaches everybody.
func TestPolicyBroadcast(t *testing.T) {
	w := newWebRTC(t, nil)
	w.host = hostWith("10.1.2.3/24", "198.51.100.9/28", "192.0.2.4/31", "203.0.113.1/32")
	p := w.policy()
	for addr, used := range map[string]bool{
		"10.1.2.255": false, "10.1.2.0": false, "10.1.2.254": true, "10.1.3.255": true,
		"198.51.100.15": false, "198.51.100.0": false, "198.51.100.16": true,
		"192.0.2.5": true, "203.0.113.1": true, "2001:db8::": true,
	} {
		if why := p.refuse(netip.MustParseAddr(addr)); used != (why == "") {
			t.Errorf("%s: %q, want used: %v", addr, why, used)
		}
	}
}

// Both ends on one machine: its own addresses are used, also where the interfaces that are gathered from have none like them.
func TestPolicyOneMachine(t *testing.T) {
	w := newWebRTC(t, loopback())
	w.host = func() ([]netip.Prefix, []netip.Addr) {
		all, _ := hostWith("127.0.0.1/8", "10.1.2.3/24")()
		return all, []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	p := w.policy()
	if why := p.refuse(netip.MustParseAddr("10.1.2.3")); why != "" {
		t.Errorf("our own address is refused: %s", why)
	}
	if p.refuse(netip.MustParseAddr("10.1.2.4")) == "" {
		t.Error("a neighbour's address is used")
	}
}

// However a candidate is written, what is judged is what pion or the browser reads.
func TestCandidateIsRewritten(t *testing.T) {
	for line, want := range map[string]string{
		"candidate:1 1 udp 1 192.0.2.1 5000 typ host":                             "candidate:1 1 udp 1 192.0.2.1 5000 typ host",
		"candidate:1  1\u00a0udp 1\t192.0.2.1 5000 typ\r\nhost":                   "candidate:1 1 udp 1 192.0.2.1 5000 typ host",
		"candidate:1 1 udp 1 ::ffff:192.0.2.1 5000 typ host":                      "candidate:1 1 udp 1 192.0.2.1 5000 typ host",
		"candidate:1 1 udp 1 2001:DB8:0::1 5000 typ srflx raddr :: rport 0 x  y ": "candidate:1 1 udp 1 2001:db8::1 5000 typ srflx raddr :: rport 0 x y",
		"candidate:1 1 udp 1 a-b.local 5000 typ host":                             "candidate:1 1 udp 1 a-b.local 5000 typ host",
	} {
		c, err := parseCandidate(line)
		if err != nil || c.line != want {
			t.Errorf("%q: %q, %v", line, c.line, err)
		}
	}
	for _, name := range []string{"example.com", "example.local.com", "www.example.local", ".local", "local", "localhost", "x.LOCAL", "0x7f000001", "127.1", "010.0.0.1"} {
		if c, err := parseCandidate("candidate:1 1 udp 1 " + name + " 5000 typ host"); err == nil {
			t.Errorf("%q is taken as %+v", name, c)
		}
	}
}

// What the other end is told of our addresses.
func TestTold(t *testing.T) {
	const (
		host   = "candidate:1 1 udp 1 198.51.100.7 5000 typ host"
		lan    = "candidate:2 1 udp 1 192.168.1.7 5000 typ host"
		srflx  = "candidate:3 1 udp 1 198.51.100.8 5000 typ srflx raddr 192.168.1.7 rport 5000"
		srflx6 = "candidate:4 1 udp 1 2001:db8::8 5000 typ srflx raddr fd00::7 rport 5000"
		relay  = "candidate:5 1 udp 1 192.0.2.3 5000 typ relay raddr 192.168.1.7 rport 5000"
	)
	sdp := strings.Replace(goodSDP, "c=IN IP4 0.0.0.0", "c=IN IP4 192.168.1.7", 1)
	for _, line := range []string{host, lan, srflx, srflx6, relay} {
		sdp += "a=" + line + "\r\n"
	}
	scrub := func(line string) string {
		return strings.NewReplacer("192.168.1.7", "0.0.0.0", "fd00::7", "::", "rport 5000", "rport 0").Replace(line)
	}
	for _, tt := range []struct {
		cfg  *Config
		told []string
	}{
		{nil, []string{host, lan, srflx, srflx6, relay}},
		{&Config{HideHosts: true}, []string{scrub(srflx), scrub(srflx6), scrub(relay)}},
		{&Config{RefusePrivate: true}, []string{host, scrub(srflx), scrub(srflx6), scrub(relay)}},
		{&Config{RelayOnly: true, ICEServers: []ICEServer{{URLs: []string{"turn:192.0.2.3"}, Username: "u", Credential: "c"}}}, []string{scrub(relay)}},
		{&Config{RefusePrivate: true, HideHosts: true}, []string{scrub(srflx), scrub(srflx6), scrub(relay)}},
	} {
		w := newWebRTC(t, tt.cfg)
		got := w.told(sdp)
		var trickled []string
		for _, line := range []string{host, lan, srflx, srflx6, relay} {
			if c, ok := w.toldCandidate(line); ok {
				trickled = append(trickled, c)
			}
		}
		if strings.Join(trickled, "\n") != strings.Join(tt.told, "\n") {
			t.Errorf("%+v: trickled\n%s\nwant\n%s", tt.cfg, strings.Join(trickled, "\n"), strings.Join(tt.told, "\n"))
		}
		for _, line := range tt.told {
			if !strings.Contains(got, "a="+line+"\r\n") {
				t.Errorf("%+v: no %q in\n%s", tt.cfg, line, got)
			}
		}
		if tt.cfg != nil && (strings.Contains(got, "192.168") || strings.Contains(got, "fd00")) {
			t.Errorf("%+v: a private address in\n%s", tt.cfg, got)
		}
		if _, err := checkSDP(Offer, got, defaultMaxSDP, func(candidate) string { return "" }); err != nil {
			t.Errorf("%+v: %v", tt.cfg, err)
		}
	}
	if _, err := New(&Config{RelayOnly: true, OwnServers: true}); err == nil || !strings.Contains(err.Error(), "TURN") {
		t.Errorf("RelayOnly without a server: %v", err)
	}
}
