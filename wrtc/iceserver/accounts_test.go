//go:build !js

package iceserver

import (
	"net"
	"net/netip"
	"testing"
)

// One request may name as many addresses as it has room for; how many a peer has is bounded.
func TestRelayManyPermissions(t *testing.T) {
	s := listen(t, onLoopback())
	username, password, _ := s.Credentials(newPeer(t))
	c := client(t, s, username, password)
	conn, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	granted := 0
	for i := range 20 {
		var addrs []net.Addr
		for j := range 100 {
			addrs = append(addrs, &net.UDPAddr{IP: net.IPv4(127, 1, byte(i), byte(1+j)), Port: 1})
		}
		if c.CreatePermission(addrs...) == nil {
			granted += len(addrs)
		}
	}
	if granted < 200 || granted > 1000 {
		t.Errorf("%d permissions", granted)
	}
}

// public are allocations of a server on a public address, with an account.
func public(t *testing.T, cfg TURN) (*allocations, *account) {
	t.Helper()
	cfg.Address = netip.MustParseAddr("203.0.113.7")
	cfg, err := cfg.withDefaults(netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	a := newAllocations(cfg)
	a.nets = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/24"), netip.MustParsePrefix("198.51.100.4/31")}
	who, err := a.take("peer")
	if err != nil {
		t.Fatal(err)
	}
	return a, who
}

// All hosts of a network of ours would hear what goes to its broadcast address.
func TestRelayBroadcast(t *testing.T) {
	a, who := public(t, TURN{})
	for text, want := range map[string]bool{
		"203.0.113.255": false, "203.0.113.0": false, "203.0.113.8": true, "198.51.100.4": true, "192.0.2.255": true,
	} {
		ip := netip.MustParseAddr(text)
		if got := a.permit("peer", ip); got != want {
			t.Errorf("permitted %s: %v", text, got)
		}
		if got := a.admits(who, 1, netip.AddrPortFrom(ip, 1), false); got != want {
			t.Errorf("sent to %s: %v", text, got)
		}
	}
}

// Packets without content are not for nothing.
func TestRelayEmptyPackets(t *testing.T) {
	a, who := public(t, TURN{BytesPerSecond: 10 * packetCost})
	sent := 0
	for range 1000 {
		if a.admits(who, 0, netip.MustParseAddrPort("192.0.2.1:1"), false) {
			sent++
		}
	}
	if sent < 10 || sent > 900 {
		t.Errorf("%d packets at once, want 10", sent)
	}
}

// Who has many identities gets no more than all together may have.
func TestRelayTotal(t *testing.T) {
	a, who := public(t, TURN{BytesPerSecond: 1000, TotalBytesPerSecond: 1000})
	other, err := a.take("other")
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort("192.0.2.1:1")
	if !a.admits(who, 900, to, false) || a.admits(other, 900, to, false) {
		t.Error("the total does not hold")
	}
}

// Strangers who send to a relayed address cannot use up what its peer may have.
func TestRelayUninvited(t *testing.T) {
	a, who := public(t, TURN{BytesPerSecond: 1000})
	partner, stranger := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:1")
	if !a.permit("peer", partner.Addr()) {
		t.Fatal("not permitted")
	}
	for range 100 {
		if a.admits(who, 900, stranger, true) {
			t.Error("a stranger's packet was taken")
		}
	}
	if !a.admits(who, 900, partner, true) {
		t.Error("nothing left for the partner's")
	}
}
