//go:build !js

package iceserver

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/stun/v4"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const transaction = "b7e7a701bc34d686fa87dfae"

// Exact bytes. The addresses and the transaction are those of RFC 5769, sections 2.2 and 2.3.
func TestAnswer(t *testing.T) {
	for _, tt := range []struct{ name, request, from, want string }{
		{"IPv4", "0001 0000 2112a442" + transaction, "192.0.2.1:32853", "0101 000c 2112a442" + transaction + "0020 0008 0001 a147 e112a643"},
		{"IPv4 in IPv6", "0001 0000 2112a442" + transaction, "[::ffff:192.0.2.1]:32853", "0101 000c 2112a442" + transaction + "0020 0008 0001 a147 e112a643"},
		{
			"IPv6", "0001 0000 2112a442" + transaction, "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
			"0101 0018 2112a442" + transaction + "0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9",
		},
		{"attributes that need no understanding", "0001 000c 2112a442" + transaction + "8022 0005 7465737400000000", "192.0.2.1:32853", "0101 000c 2112a442" + transaction + "0020 0008 0001 a147 e112a643"},
		{"fingerprint", "0001 0008 2112a442" + transaction + "8028 0004 e57a3bcf", "192.0.2.1:32853", "0101 000c 2112a442" + transaction + "0020 0008 0001 a147 e112a643"},
		{"one unknown", "0001 0004 2112a442" + transaction + "7ffe 0000", "192.0.2.1:1", "0111 0010 2112a442" + transaction + "0009 0004 00000414 000a 0004 7ffe7ffe"},
		{
			"many unknown", "0001 0018 2112a442" + transaction + "7ff1 0000 7ff1 0000 7ff2 0000 7ff3 0000 7ff4 0000 7ff5 0000", "192.0.2.1:1",
			"0111 0014 2112a442" + transaction + "0009 0004 00000414 000a 0008 7ff17ff27ff37ff4",
		},
		{"attribute cut", "0001 0004 2112a442" + transaction + "8022 0005", "192.0.2.1:1", ""},
		{"attribute too long", "0001 0008 2112a442" + transaction + "8022 ffff 00000000", "192.0.2.1:1", ""},
	} {
		request := unhex(t, tt.request)
		if !isRequest(request) {
			t.Errorf("%s: not a request", tt.name)
		}
		got := answer([]byte("x"), request, netip.MustParseAddrPort(tt.from))
		if want := append([]byte("x"), unhex(t, tt.want)...); !bytes.Equal(got, want) {
			t.Errorf("%s:\n%x, want\n%x", tt.name, got, want)
		}
	}
}

func TestNoRequest(t *testing.T) {
	good := unhex(t, "0001 0004 2112a442"+transaction+"8022 0000")
	for n := range good {
		if isRequest(good[:n]) {
			t.Errorf("the first %d bytes are a request", n)
		}
	}
	for _, tt := range []struct{ name, packet string }{
		{"success", "0101 0000 2112a442" + transaction},
		{"error", "0111 0000 2112a442" + transaction},
		{"indication", "0011 0000 2112a442" + transaction},
		{"allocate", "0003 0000 2112a442" + transaction},
		{"another cookie", "0001 0000 2112a443" + transaction},
		{"longer than it says", "0001 0000 2112a442" + transaction + "00000000"},
		{"shorter than it says", "0001 0008 2112a442" + transaction + "00000000"},
		{"length not of words", "0001 0002 2112a442" + transaction + "0000"},
	} {
		if isRequest(unhex(t, tt.packet)) {
			t.Errorf("%s: taken for a request", tt.name)
		}
	}
}

// Whatever is sent, an answer is not much larger, and pion can read it.
func FuzzAnswer(f *testing.F) {
	f.Add(unhex(f, "0001 0000 2112a442"+transaction), false)
	f.Add(unhex(f, "0001 0010 2112a442"+transaction+"7ffe 0000 8028 0001 00000000 7ffd 0000"), true)
	f.Fuzz(func(t *testing.T, packet []byte, six bool) {
		before := slices.Clone(packet)
		if !isRequest(packet) {
			return
		}
		from, more := netip.MustParseAddrPort("203.0.113.9:65535"), 12
		if six {
			from, more = netip.MustParseAddrPort("[2001:db8::9]:1"), 24
		}
		got := answer(nil, packet, from)
		if !bytes.Equal(before, packet) {
			t.Error("the request was changed")
		}
		if len(got) == 0 {
			return
		}
		if len(got) > len(packet)+more {
			t.Errorf("%d bytes for %d", len(got), len(packet))
		}
		var m stun.Message
		if err := stun.Decode(got, &m); err != nil {
			t.Fatal(err)
		}
		if m.Type.Class == stun.ClassErrorResponse {
			return
		}
		var a stun.XORMappedAddress
		if err := a.GetFrom(&m); err != nil || a.String() != from.String() {
			t.Errorf("%v, %v, want %v", a, err, from)
		}
	})
}
