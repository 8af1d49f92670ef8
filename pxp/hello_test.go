package pxp

import (
	"strings"
	"testing"
)

func TestHello(t *testing.T) {
	hello := Hello{
		Version:  2,
		Agent:    "exchange/0.1",
		Proof:    [32]byte{0: 0xaa, 31: 0xbb},
		Observed: "192.0.2.7:8000",
		Accepts:  true,
		Features: []string{"stun", "é"},
	}
	change := func(f func(m *Hello)) Hello { m := hello; f(&m); return m }
	proof := "\xaa" + strings.Repeat("\x00", 30) + "\xbb"
	testMessage(t, &messageTest{
		message: hello,
		hex: `004c 98 01 00 02 ac65786368616e67652f302e31
			c420 aa000000000000000000000000000000000000000000000000000000000000bb
			ae3139322e302e322e373a38303030 c3 92 a47374756e a2c3a9`,
		id: isNotice,
		elements: []element{
			{"type", kindUint, "\x01"},
			{"id", kindUint, "\x00"},
			{"version", kindUint, "\x02"},
			{"agent", kindStr, "\xacexchange/0.1"},
			{"proof", kindBin, "\xc4\x20" + proof},
			{"observed", kindStr, "\xae192.0.2.7:8000"},
			{"accepts", kindBool, "\xc3"},
			{"features", kindArray, "\x92\xa4stun\xa2é"},
		},
		unsent: []badMessage{
			{change(func(m *Hello) { m.Version = 1 }), "version", "1, limit 2 to 65535"},
			{change(func(m *Hello) { m.Agent = strings.Repeat("x", 129) }), "agent", "129 bytes, limit 128"},
			{change(func(m *Hello) { m.Agent = "\xff" }), "agent", "UTF-8"},
			{change(func(m *Hello) { m.Observed = strings.Repeat("x", 65) }), "observed", "65 bytes, limit 64"},
			{change(func(m *Hello) { m.Observed = "\xff" }), "observed", "UTF-8"},
			{change(func(m *Hello) { m.Features = make([]string, 17) }), "features", "17 elements, limit 16"},
			{change(func(m *Hello) { m.Features = []string{"a", strings.Repeat("x", 33)} }), "features", "33 bytes, limit 32"},
			{change(func(m *Hello) { m.Features = []string{"\xff"} }), "features", "UTF-8"},
		},
		refused: []badElement{
			{2, "\x00", "", "0, limit 2 to 65535"},
			{2, "\x01", "", "1, limit 2 to 65535"},
			{2, num(65536), "", "65536, limit 2 to 65535"},
			{3, str(strings.Repeat("x", 129)), "", "129 bytes, limit 128"},
			{3, str("a\xff"), "", "UTF-8"},
			{4, bin(strings.Repeat("x", 31)), "", "31 bytes, want 32"},
			{4, bin(strings.Repeat("x", 33)), "", "33 bytes, want 32"},
			{4, bin(""), "", "0 bytes, want 32"},
			{5, str(strings.Repeat("x", 65)), "", "65 bytes, limit 64"},
			{5, str("\xc0\x80"), "", "UTF-8"},
			{7, "\xdc\x00\x11" + strings.Repeat("\xa1a", 17), "", "17 elements, limit 16"},
			{7, array("\xa1a", str(strings.Repeat("x", 33))), "", "33 bytes, limit 32"},
			{7, array(str("\xed\xa0\x80")), "", "UTF-8"},
			{7, array("\x01"), "", "want a string"},
			{7, array("\xc0"), "", "want a string"},
			{7, array("\xc4\x01a"), "", "want a string"},
		},
	})
}

func TestHelloEmpty(t *testing.T) {
	for _, features := range [][]string{nil, {}} {
		frame, err := Append(nil, Hello{Version: 2, Features: features})
		want := unhex(t, "002a 98 01 00 02 a0 c420"+strings.Repeat("00", 32)+"a0 c2 90")
		if err != nil || string(frame) != want {
			t.Errorf("%x, %v, want %x", frame, err, want)
		}
		wantMessage(t, frame[headerSize:], Hello{Version: 2})
	}
}
