package pxp

import "testing"

func TestConnect(t *testing.T) {
	testMessage(t, &messageTest{
		message:  Connect{ID: 127},
		hex:      "0003 92 06 7f",
		id:       isRequest,
		elements: []element{{"type", kindUint, "\x06"}, {"id", kindUint, "\x7f"}},
		unsent:   []badMessage{{Connect{}, "id", "0, want a request id"}},
	})
}
