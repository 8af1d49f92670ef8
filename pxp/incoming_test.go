package pxp

import (
	"strings"
	"testing"
)

func TestIncoming(t *testing.T) {
	testMessage(t, &messageTest{
		message: Incoming{ID: 7, Token: Token{0: 0xff}, From: [32]byte{31: 0xee}, First: []byte{0}},
		hex: `003a 95 04 07 c410 ff000000000000000000000000000000
			c420 00000000000000000000000000000000000000000000000000000000000000ee c401 00`,
		id: isRequest,
		elements: []element{
			{"type", kindUint, "\x04"},
			{"id", kindUint, "\x07"},
			{"token", kindBin, "\xc4\x10\xff" + strings.Repeat("\x00", 15)},
			{"from", kindBin, "\xc4\x20" + strings.Repeat("\x00", 31) + "\xee"},
			{"first", kindBin, "\xc4\x01\x00"},
		},
		unsent: []badMessage{
			{Incoming{}, "id", "0, want a request id"},
			{Incoming{ID: 1, First: make([]byte, 65)}, "first", "65 bytes, limit 64"},
		},
		refused: []badElement{
			{2, bin(strings.Repeat("x", 15)), "", "15 bytes, want 16"},
			{2, bin(strings.Repeat("x", 17)), "", "17 bytes, want 16"},
			{3, bin(strings.Repeat("x", 31)), "", "31 bytes, want 32"},
			{3, bin(strings.Repeat("x", 33)), "", "33 bytes, want 32"},
			{4, bin(strings.Repeat("x", 65)), "", "65 bytes, limit 64"},
		},
	})
}
