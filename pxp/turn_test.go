package pxp

import (
	"strings"
	"testing"
)

func TestTurn(t *testing.T) {
	turn := Turn{Port: 3478, Username: "1:a", Password: "pw", Seconds: 3600}
	change := func(f func(m *Turn)) Turn { m := turn; f(&m); return m }
	testMessage(t, &messageTest{
		message: turn,
		hex:     "0010 96 0a 00 cd0d96 a3313a61 a27077 cd0e10",
		id:      isNotice,
		elements: []element{
			{"type", kindUint, "\x0a"},
			{"id", kindUint, "\x00"},
			{"port", kindUint, "\xcd\x0d\x96"},
			{"username", kindStr, "\xa31:a"},
			{"password", kindStr, "\xa2pw"},
			{"seconds", kindUint, "\xcd\x0e\x10"},
		},
		unsent: []badMessage{
			{change(func(m *Turn) { m.Port = 0 }), "port", "0, limit 1 to 65535"},
			{change(func(m *Turn) { m.Username = strings.Repeat("x", 129) }), "username", "129 bytes, limit 128"},
			{change(func(m *Turn) { m.Password = strings.Repeat("x", 129) }), "password", "129 bytes, limit 128"},
			{change(func(m *Turn) { m.Password = "\xff" }), "password", "UTF-8"},
			{change(func(m *Turn) { m.Seconds = 0 }), "seconds", "0, limit 1 to 86400"},
			{change(func(m *Turn) { m.Seconds = 86401 }), "seconds", "86401, limit 1 to 86400"},
		},
		refused: []badElement{
			{2, "\x00", "", "0, limit 1 to 65535"},
			{2, num(65536), "", "65536, limit 1 to 65535"},
			{3, str(strings.Repeat("x", 129)), "", "129 bytes, limit 128"},
			{3, str("\xff"), "", "UTF-8"},
			{4, str(strings.Repeat("x", 129)), "", "129 bytes, limit 128"},
			{5, "\x00", "", "0, limit 1 to 86400"},
			{5, num(86401), "", "86401, limit 1 to 86400"},
		},
	})
}
