package pxp

import (
	"strings"
	"testing"
)

func TestIncoming(t *testing.T) {
	testMessage(t, &messageTest{
		message: Incoming{ID: 7, Token: Token{0: 0xff}, From: [32]byte{31: 0xee}},
		hex: `0037 94 04 07 c410 ff000000000000000000000000000000
			c420 00000000000000000000000000000000000000000000000000000000000000ee`,
		id: isRequest,
		elements: []element{
			{"type", kindUint, "\x04"},
			{"id", kindUint, "\x07"},
			{"token", kindBin, "\xc4\x10\xff" + strings.Repeat("\x00", 15)},
			{"from", kindBin, "\xc4\x20" + strings.Repeat("\x00", 31) + "\xee"},
		},
		unsent: []badMessage{
			{Incoming{}, "id", "0, want a request id"},
		},
		refused: []badElement{
			{2, bin(strings.Repeat("x", 15)), "", "15 bytes, want 16"},
			{2, bin(strings.Repeat("x", 17)), "", "17 bytes, want 16"},
			{3, bin(strings.Repeat("x", 31)), "", "31 bytes, want 32"},
			{3, bin(strings.Repeat("x", 33)), "", "33 bytes, want 32"},
		},
	})
}
