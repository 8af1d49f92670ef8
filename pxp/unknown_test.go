package pxp

import "testing"

func TestUnknown(t *testing.T) {
	testMessage(t, &messageTest{
		message:  Unknown{MessageType: 11, ID: 5},
		hex:      "0003 92 0b 05",
		id:       isEither,
		elements: []element{{"type", kindUint, "\x0b"}, {"id", kindUint, "\x05"}},
		unsent: []badMessage{
			{Unknown{MessageType: TypePing, ID: 1}, "type", "known"},
			{Unknown{MessageType: 0, ID: 1}, "type", "0, limit 1 to 127"},
			{Unknown{MessageType: 128, ID: 1}, "type", "128, limit 1 to 127"},
		},
	})
	for typ := TypeTurn + 1; typ <= MaxType; typ++ {
		wantMessage(t, []byte(array(num(uint64(typ)), "\x00", "\x93\x01\x02\x03")), Unknown{MessageType: typ})
	}
}
