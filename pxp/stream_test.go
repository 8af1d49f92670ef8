package pxp

import (
	"fmt"
	"strings"
	"testing"
)

func TestStreamNames(t *testing.T) {
	token := Token{0x00, 0x01, 0x0a, 0xff, 15: 0x10}
	if got, want := RelayStream(token), "relay:00010aff000000000000000000000010"; got != want {
		t.Errorf("RelayStream = %q, want %q", got, want)
	}
	if got, ok := ParseRelayStream(RelayStream(token)); !ok || got != token {
		t.Errorf("ParseRelayStream = %x, %v, want %x", got[:], ok, token[:])
	}
}

func TestParseRelayStreamRefuses(t *testing.T) {
	digits := strings.Repeat("0a", 16)
	for _, name := range []string{
		"", "relay", "relay:", "pxp", "data:x", digits,
		"relay:" + digits[:31], "relay:" + digits + "0", "relay:" + digits + "\x00",
		"relay:" + strings.ToUpper(digits), "Relay:" + digits, "relay;" + digits, " relay:" + digits,
		"relay:" + digits[:31] + "g", "relay:" + digits[:30] + "é",
	} {
		if token, ok := ParseRelayStream(name); ok || token != (Token{}) {
			t.Errorf("ParseRelayStream(%q) = %x, %v, want it refused", name, token[:], ok)
		}
	}
}

// A token in a log must not be usable.
func TestTokenString(t *testing.T) {
	token := Token{0xab, 0xcd, 0xef, 15: 0x99}
	for _, format := range []string{"%v", "%s", "%+v", "%#v", "%q"} {
		got := fmt.Sprintf(format, token)
		if !strings.Contains(got, "abcd") || strings.Contains(got, "ef") || strings.Contains(got, "99") {
			t.Errorf("%s: %q, want only the first two bytes", format, got)
		}
	}
}

func TestFrameLen(t *testing.T) {
	for n := range 1 << 16 {
		got, err := FrameLen([2]byte{byte(n >> 8), byte(n)})
		if valid := n >= 1 && n <= 16384; valid != (err == nil) || valid && got != n || !valid && got != 0 {
			t.Fatalf("FrameLen of %d = %d, %v", n, got, err)
		}
		if err != nil {
			wantFormatError(t, err, 0, "frame", fmt.Sprintf("length %d, limit 1 to 16384", n))
		}
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Type(0).String(), "type 0"}, {Type(11).String(), "type 11"}, {Type(255).String(), "type 255"},
		{Code(14).String(), "code 14"}, {Code(65535).String(), "code 65535"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
