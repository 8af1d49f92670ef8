package pxp

import (
	"strings"
	"testing"
)

func TestRelay(t *testing.T) {
	testMessage(t, &messageTest{
		message: Relay{ID: 128, Token: Token{0: 1, 15: 16}},
		hex:     "0016 93 03 cc80 c410 01000000000000000000000000000010",
		id:      isRequest,
		elements: []element{
			{"type", kindUint, "\x03"},
			{"id", kindUint, "\xcc\x80"},
			{"token", kindBin, "\xc4\x10\x01" + strings.Repeat("\x00", 14) + "\x10"},
		},
		unsent: []badMessage{
			{Relay{}, "id", "0, want a request id"},
		},
		refused: []badElement{
			{2, bin(strings.Repeat("x", 15)), "", "15 bytes, want 16"},
			{2, bin(strings.Repeat("x", 17)), "", "17 bytes, want 16"},
			{2, bin(""), "", "0 bytes, want 16"},
		},
	})
}
