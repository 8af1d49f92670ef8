package pxp

import (
	"strings"
	"testing"
)

func TestBye(t *testing.T) {
	testMessage(t, &messageTest{
		message: Bye{Code: CodeClosing, Reason: "shutting down"},
		hex:     "0012 94 08 00 01 ad7368757474696e6720646f776e",
		id:      isNotice,
		elements: []element{
			{"type", kindUint, "\x08"},
			{"id", kindUint, "\x00"},
			{"code", kindUint, "\x01"},
			{"reason", kindStr, "\xadshutting down"},
		},
		unsent: []badMessage{
			{Bye{Reason: strings.Repeat("x", 257)}, "reason", "257 bytes, limit 256"},
			{Bye{Reason: "\xff"}, "reason", "UTF-8"},
		},
		refused: []badElement{
			{2, num(65536), "", "65536, limit 0 to 65535"},
			{3, str(strings.Repeat("x", 257)), "", "257 bytes, limit 256"},
			{3, str("\xff"), "", "UTF-8"},
		},
	})
}

func TestFitReason(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"short", "too many streams", "too many streams"},
		{"at the limit", strings.Repeat("x", 256), strings.Repeat("x", 256)},
		{"long", strings.Repeat("x", 300), strings.Repeat("x", 256)},
		{"cut within a character", strings.Repeat("x", 255) + "é", strings.Repeat("x", 255)},
		{"character ends at the limit", strings.Repeat("x", 254) + "éé", strings.Repeat("x", 254) + "é"},
		{"invalid", "a\xffb", "a\uFFFDb"},
		{"invalid and long", strings.Repeat("a\xff", 200), strings.Repeat("a\uFFFD", 64)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := FitReason(test.text)
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if _, err := Append(nil, Bye{Reason: got}); err != nil {
				t.Error(err)
			}
		})
	}
}
