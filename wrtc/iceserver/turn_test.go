//go:build !js

package iceserver

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"

	"github.com/peer-exchange/exchange/identity"
)

func newPeer(t *testing.T) identity.ID {
	t.Helper()
	k, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k.ID()
}

// client is a TURN client of a server, as a peer.
func client(t *testing.T, s *Server, username, password string) *turn.Client {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: s.Addr().String(), Conn: conn, Username: username, Password: password, LoggerFactory: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); conn.Close() })
	return c
}

// allocate is client with an allocation.
func allocate(t *testing.T, s *Server, peer identity.ID) (net.PacketConn, error) {
	t.Helper()
	username, password, _ := s.Credentials(peer)
	conn, err := client(t, s, username, password).Allocate()
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

func wantCode(t *testing.T, err error, code stun.ErrorCode) {
	t.Helper()
	if e, ok := errors.AsType[*stun.TurnError](err); !ok || e.ErrorCodeAttr.Code != code {
		t.Errorf("%v, want error %d", err, code)
	}
}

func onLoopback() *Config { return &Config{TURN: &TURN{Loopback: true}} }

// What one peer sends to another's relayed address arrives, and the way back.
func TestRelay(t *testing.T) {
	s := listen(t, onLoopback())
	a, err := allocate(t, s, newPeer(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := allocate(t, s, newPeer(t))
	if err != nil {
		t.Fatal(err)
	}
	pass := func(from, to net.PacketConn, text string) {
		t.Helper()
		buf := make([]byte, 100)
		for {
			for _, way := range []struct{ from, to net.PacketConn }{{to, from}, {from, to}} { // the first gives the permission
				if _, err := way.from.WriteTo([]byte(text), way.to.LocalAddr()); err != nil {
					t.Fatal(err)
				}
			}
			to.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, addr, err := to.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			if string(buf[:n]) == text && addr.String() == from.LocalAddr().String() {
				return
			}
		}
	}
	pass(a, b, "there")
	pass(b, a, "back")
}

func TestRelayCredentials(t *testing.T) {
	s := listen(t, onLoopback())
	me, other := newPeer(t), newPeer(t)
	username, password, life := s.Credentials(me)
	otherName, _, _ := s.Credentials(other)
	if life != defaultCredentialTime {
		t.Errorf("good for %v", life)
	}
	past := strings.Replace(username, username[:10], "1000000000", 1)
	for _, tt := range []struct{ name, username, password string }{
		{"another's name", otherName, password},
		{"a later expiry", "9" + username[1:], password},
		{"no peer", username[:11], s.relay.keys.password(username[:11])},
		{"no time", other.String(), s.relay.keys.password(other.String())},
		{"expired", past, s.relay.keys.password(past)},
		{"empty password", username, ""},
	} {
		if _, err := client(t, s, tt.username, tt.password).Allocate(); err == nil {
			t.Errorf("%s: allocated", tt.name)
		} else {
			wantCode(t, err, stun.CodeBadRequest)
		}
	}
	if conn, err := client(t, s, username, password).Allocate(); err != nil {
		t.Error(err)
	} else {
		defer conn.Close()
	}
	// What was allocated in time may be refreshed.
	if peer, _, ok := (&relay{keys: s.relay.keys}).authenticate(&turn.RequestAttributes{Username: past, Realm: realm, Method: stun.MethodRefresh}); !ok || peer != me.String() {
		t.Errorf("refreshing after expiry: %q, %v", peer, ok)
	}
	if u, p, _ := listen(t, nil).Credentials(me); u+p != "" {
		t.Error("credentials without TURN")
	}
}

func TestRelayQuotas(t *testing.T) {
	cfg := onLoopback()
	cfg.TURN.AllocationsPerPeer, cfg.TURN.Allocations = 2, 3
	s := listen(t, cfg)
	one, two := newPeer(t), newPeer(t)
	var first net.PacketConn
	for range 2 {
		conn, err := allocate(t, s, one)
		if err != nil {
			t.Fatal(err)
		}
		first = conn
	}
	_, err := allocate(t, s, one)
	wantCode(t, err, stun.CodeAllocQuotaReached)
	if _, err := allocate(t, s, two); err != nil {
		t.Fatal(err)
	}
	_, err = allocate(t, s, two)
	wantCode(t, err, stun.CodeInsufficientCapacity)
	if err := first.Close(); err != nil { // tells the server
		t.Fatal(err)
	}
	for tries := 0; ; tries++ { // the refresh to 0 is on its way
		if _, err = allocate(t, s, two); err == nil {
			break
		}
		if tries == 20 {
			t.Fatalf("after one was given back: %v", err)
		}
	}
}

// An allocation ends at its time whoever refreshes it, and then others may have one.
func TestRelayTime(t *testing.T) {
	cfg := onLoopback()
	cfg.TURN.AllocationTime, cfg.TURN.AllocationsPerPeer = time.Second, 1
	s := listen(t, cfg)
	began := time.Now()
	conn, _, err := s.relay.allocs.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: "peer"})
	if err != nil {
		t.Fatal(err)
	}
	if s.relay.allocs.has("peer") {
		t.Error("a second allocation")
	}
	if _, _, err := conn.ReadFrom(make([]byte, 1)); err == nil || time.Since(began) < cfg.TURN.AllocationTime {
		t.Errorf("ended by %v after %v", err, time.Since(began))
	}
	if !s.relay.allocs.has("peer") {
		t.Error("it counts on")
	}
}

func TestRelayPermissions(t *testing.T) {
	addresses := map[string]struct{ public, loopback bool }{
		"203.0.113.9": {true, true}, "2001:db8::9": {true, true}, "127.0.0.1": {false, true}, "::1": {false, true}, "::ffff:127.0.0.1": {false, true},
		"10.0.0.1": {}, "172.16.0.1": {}, "192.168.1.1": {}, "100.64.0.1": {}, "169.254.169.254": {}, "fd00::1": {}, "fe80::1": {}, "0.0.0.0": {}, "224.0.0.1": {}, "255.255.255.255": {},
		"64:ff9b::10.0.0.1": {}, "2002:a00:1::": {}, "::ffff:10.0.0.1": {},
	}
	for text, want := range addresses {
		ip := net.ParseIP(text)
		if got := (&TURN{}).permits(ip); got != want.public {
			t.Errorf("%s: %v", text, got)
		}
		if got := (&TURN{Loopback: true}).permits(ip); got != want.loopback {
			t.Errorf("%s with loopback: %v", text, got)
		}
	}
	// A client hears of it.
	s := listen(t, onLoopback())
	username, password, _ := s.Credentials(newPeer(t))
	c := client(t, s, username, password)
	conn, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := c.CreatePermission(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}); err == nil {
		t.Error("permitted a private address")
	}
	if err := c.CreatePermission(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}); err != nil {
		t.Errorf("loopback: %v", err)
	}
}

// Packets go within the rate, to permitted addresses, and at this machine only to what is relayed.
func TestRelayAdmits(t *testing.T) {
	cfg, err := (&TURN{Address: netip.MustParseAddr("203.0.113.7"), BytesPerSecond: 1000 + packetCost}).withDefaults(netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	a := newAllocations(cfg)
	who, err := a.take("peer")
	if err != nil {
		t.Fatal(err)
	}
	a.ports[5000] = true
	for text, want := range map[string]bool{
		"198.51.100.1:53": true, "203.0.113.7:5000": true, "203.0.113.7:53": false, "127.0.0.1:5000": false, "10.0.0.1:5000": false,
	} {
		if got := a.admits(who, 1, netip.MustParseAddrPort(text), false); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	far := netip.MustParseAddrPort("198.51.100.1:53")
	if a.admits(who, 1001, far, false) || !a.admits(who, 700, far, false) || a.admits(who, 900, far, false) {
		t.Error("the rate does not hold")
	}
	who.allocations--
	if again, err := a.take("peer"); err != nil || again != who {
		t.Error("who comes again has new bytes")
	}
	who.allocations--
	who.bytes.last = who.bytes.last.Add(-time.Hour)
	if _, err := a.take("other"); err != nil || len(a.peers) != 1 {
		t.Errorf("%v, %d accounts, want the other's alone", err, len(a.peers))
	}
}

// Without credentials there is one small answer to Allocate, and none to other things; nothing is listened to over TCP, and no port can be chosen.
func TestRelayStrangers(t *testing.T) {
	s := listen(t, onLoopback())
	c := dial(t, s)
	for _, m := range []stun.MessageType{stun.NewType(stun.MethodSend, stun.ClassIndication), stun.NewType(stun.MethodData, stun.ClassIndication)} {
		if _, err := c.Write(stun.MustBuild(stun.TransactionID, m).Raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write(append([]byte{0x40, 0x01, 0, 4}, "data"...)); err != nil {
		t.Fatal(err)
	}
	request := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest))
	got := ask(t, c, request.Raw)
	if !bytes.Equal(got[8:20], request.TransactionID[:]) || len(got) > 96 {
		t.Errorf("%d bytes: %x", len(got), got)
	}
	for _, cfg := range []turn.AllocateListenerConfig{{Network: "udp4"}, {Network: "udp4", UserID: "u", RequestedPort: 53}, {Network: "udp6", UserID: "u"}} {
		if _, _, err := s.relay.allocs.AllocatePacketConn(cfg); err == nil {
			t.Errorf("%+v: allocated", cfg)
		}
	}
	if _, _, err := s.relay.allocs.AllocateListener(turn.AllocateListenerConfig{}); err == nil {
		t.Error("a TCP listener")
	}
	if _, err := s.relay.allocs.AllocateConn(turn.AllocateConnConfig{}); err == nil {
		t.Error("a TCP connection")
	}
}

func TestRelayConfig(t *testing.T) {
	for _, tt := range []struct {
		cfg  TURN
		want string
	}{
		{TURN{}, "TURN.Address is 127.0.0.1, which is not public"},
		{TURN{Address: netip.MustParseAddr("10.0.0.1"), Loopback: true}, "not public"},
		{TURN{Address: netip.MustParseAddr("0.0.0.0")}, "say at which one"},
		{TURN{Loopback: true, Allocations: -1}, "TURN.Allocations is -1"},
		{TURN{Loopback: true, AllocationTime: 1}, "TURN.AllocationTime is 1ns"},
	} {
		if _, err := Listen("127.0.0.1:0", &Config{TURN: &tt.cfg}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.want)
		}
	}
}
