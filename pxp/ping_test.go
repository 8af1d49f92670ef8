package pxp

import "testing"

func TestPing(t *testing.T) {
	testMessage(t, &messageTest{
		message:  Ping{ID: MaxID},
		hex:      "0007 92 07 ceffffffff",
		id:       isRequest,
		elements: []element{{"type", kindUint, "\x07"}, {"id", kindUint, "\xce\xff\xff\xff\xff"}},
		unsent:   []badMessage{{Ping{}, "id", "0, want a request id"}},
	})
}
