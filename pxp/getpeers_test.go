package pxp

import "testing"

func TestGetPeers(t *testing.T) {
	testMessage(t, &messageTest{
		message: GetPeers{ID: 258, Max: 8},
		hex:     "0006 93 02 cd0102 08",
		id:      isRequest,
		elements: []element{
			{"type", kindUint, "\x02"},
			{"id", kindUint, "\xcd\x01\x02"},
			{"max", kindUint, "\x08"},
		},
		unsent: []badMessage{
			{GetPeers{ID: 0, Max: 8}, "id", "0, want a request id"},
			{GetPeers{ID: 1, Max: 0}, "max", "0, limit 1 to 8"},
			{GetPeers{ID: 1, Max: -1}, "max", "-1, limit 1 to 8"},
			{GetPeers{ID: 1, Max: 9}, "max", "9, limit 1 to 8"},
		},
		refused: []badElement{
			{2, "\x00", "", "0, limit 1 to 4294967295"},
			{2, num(1 << 32), "", "4294967296, limit 1 to 4294967295"},
		},
	})
}

func TestGetPeersClamped(t *testing.T) {
	for _, max := range []uint64{9, 255, 256, 1<<32 - 1} {
		wantMessage(t, []byte(array("\x02", "\x01", num(max))), GetPeers{ID: 1, Max: MaxCandidates})
	}
}
