package pxp

import (
	"strings"
	"testing"
)

func TestRelay(t *testing.T) {
	testMessage(t, &messageTest{
		message: Relay{ID: 128, Token: Token{0: 1, 15: 16}, First: []byte("#PXP2")},
		hex:     "001d 94 03 cc80 c410 01000000000000000000000000000010 c405 2350585032",
		id:      isRequest,
		elements: []element{
			{"type", kindUint, "\x03"},
			{"id", kindUint, "\xcc\x80"},
			{"token", kindBin, "\xc4\x10\x01" + strings.Repeat("\x00", 14) + "\x10"},
			{"first", kindBin, "\xc4\x05#PXP2"},
		},
		unsent: []badMessage{
			{Relay{}, "id", "0, want a request id"},
			{Relay{ID: 1, First: make([]byte, 65)}, "first", "65 bytes, limit 64"},
		},
		refused: []badElement{
			{2, bin(strings.Repeat("x", 15)), "", "15 bytes, want 16"},
			{2, bin(strings.Repeat("x", 17)), "", "17 bytes, want 16"},
			{2, bin(""), "", "0 bytes, want 16"},
			{3, bin(strings.Repeat("x", 65)), "", "65 bytes, limit 64"},
		},
	})
}
