//go:build !js

package iceserver

import (
	"bytes"
	"hash/maphash"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func listen(t *testing.T, cfg *Config) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *Server) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a request and returns the answer.
func ask(t *testing.T, c *net.UDPConn, request []byte) []byte {
	t.Helper()
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func TestServer(t *testing.T) {
	s := listen(t, nil)
	c := dial(t, s)
	for _, junk := range []string{"", "x", strings.Repeat("x", 2000), "\x00\x01\x00\x00"} {
		if _, err := c.Write([]byte(junk)); err != nil {
			t.Fatal(err)
		}
	}
	request := stun.MustBuild(stun.BindingRequest, stun.TransactionID)
	var m stun.Message
	if err := stun.Decode(ask(t, c, request.Raw), &m); err != nil { // the first that comes: junk was not answered
		t.Fatal(err)
	}
	var a stun.XORMappedAddress
	if err := a.GetFrom(&m); err != nil || a.String() != c.LocalAddr().String() || m.TransactionID != request.TransactionID {
		t.Errorf("%v, %v, transaction %x, want %v and %x", a, err, m.TransactionID, c.LocalAddr(), request.TransactionID)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A source over its rate gets nothing until time has passed; others are served.
func TestServerRate(t *testing.T) {
	s := listen(t, &Config{PerSource: 1})
	c := dial(t, s)
	last := stun.MustBuild(stun.BindingRequest, stun.TransactionID)
	began := time.Now() // a second after it may have one more
	for range burstOfSource {
		got := ask(t, c, last.Raw)
		if !bytes.Equal(got[8:20], last.TransactionID[:]) {
			t.Fatalf("answer %x", got)
		}
	}
	if _, err := c.Write(last.Raw); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 100)); err == nil && time.Since(began) < time.Second {
		t.Error("answered beyond the rate")
	}
}

func TestRates(t *testing.T) {
	now := time.Now()
	r := newRates(10, 100)
	one, same, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:1"), netip.MustParseAddr("2001:db8:0:1::1")
	for r.bucket(one) == r.bucket(other) { // once in 4,096 runs
		r.seed = maphash.MakeSeed()
	}
	count := func(a netip.Addr, n int) (allowed int) {
		for range n {
			if r.allow(a, now) {
				allowed++
			}
		}
		return allowed
	}
	if n := count(one, 100) + count(same, 100); n != 40 {
		t.Errorf("a /64 got %d at once, want 40", n)
	}
	if n := count(other, 5); n != 5 {
		t.Errorf("another /64 got %d of 5", n)
	}
	now = now.Add(time.Second)
	if n := count(one, 100); n != 10 {
		t.Errorf("%d after a second, want 10", n)
	}
	now = now.Add(time.Hour)
	if n := count(one, 100); n != 40 {
		t.Errorf("%d after an hour, want 40", n)
	}
	all := 0
	for i := range 250 {
		all += count(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 40)
	}
	if all != 60 {
		t.Errorf("all together got %d more, want 60", all)
	}
	if a, b := source(netip.MustParseAddr("192.0.2.1")), source(netip.MustParseAddr("::ffff:192.0.2.1")); a != b {
		t.Errorf("%v and %v are one source", a, b)
	}
}

func TestListenErrors(t *testing.T) {
	for _, tt := range []struct {
		address string
		cfg     *Config
		want    string
	}{
		{"example.org:3478", nil, `"example.org:3478" is not IP:PORT or :PORT`},
		{"127.0.0.1", nil, "is not IP:PORT"},
		{"127.0.0.1:70000", nil, "is not IP:PORT"},
		{"127.0.0.1:0", &Config{PerSource: -1}, "PerSource is -1"},
		{"127.0.0.1:0", &Config{Total: -1}, "Total is -1"},
	} {
		if _, err := Listen(tt.address, tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.address, err, tt.want)
		}
	}
	s := listen(t, nil)
	if _, err := Listen(s.Addr().String(), nil); err == nil {
		t.Error("listened twice at one port")
	}
	for _, address := range []string{":0", "[::1]:0"} {
		s, err := Listen(address, nil)
		if err != nil {
			t.Logf("%s: %v", address, err) // no IPv6 here
			continue
		}
		if s.Addr().Port() == 0 {
			t.Errorf("%s: no port in %v", address, s.Addr())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
