package pxp

import (
	"strings"
	"testing"
)

func TestUpgrade(t *testing.T) {
	candidate := Upgrade{ID: 65536, Transport: "webrtc", Kind: UpgradeCandidate, Text: "candidate:1", Mid: "0", Line: 256}
	change := func(f func(m *Upgrade)) Upgrade { m := candidate; f(&m); return m }
	long := func(n int) string { return strings.Repeat("x", n) }
	testMessage(t, &messageTest{
		message: candidate,
		hex:     "0020 97 05 ce00010000 a6776562727463 03 ab63616e6469646174653a31 a130 cd0100",
		id:      isRequest,
		elements: []element{
			{"type", kindUint, "\x05"},
			{"id", kindUint, "\xce\x00\x01\x00\x00"},
			{"transport", kindStr, "\xa6webrtc"},
			{"kind", kindUint, "\x03"},
			{"text", kindStr, "\xabcandidate:1"},
			{"mid", kindStr, "\xa10"},
			{"line", kindUint, "\xcd\x01\x00"},
		},
		unsent: []badMessage{
			{change(func(m *Upgrade) { m.ID = 0 }), "id", "0, want a request id"},
			{change(func(m *Upgrade) { m.Transport = long(17) }), "transport", "17 bytes, limit 16"},
			{change(func(m *Upgrade) { m.Transport = "\xff" }), "transport", "UTF-8"},
			{change(func(m *Upgrade) { m.Kind = 0 }), "kind", "0, limit 1 to 4"},
			{change(func(m *Upgrade) { m.Kind = 5 }), "kind", "5, limit 1 to 4"},
			{change(func(m *Upgrade) { m.Text = long(1025) }), "text", "1025 bytes, limit 1024"},
			{change(func(m *Upgrade) { m.Kind, m.Text = UpgradeOffer, long(12289) }), "text", "12289 bytes, limit 12288"},
			{change(func(m *Upgrade) { m.Kind, m.Text = UpgradeAnswer, long(12289) }), "text", "12289 bytes, limit 12288"},
			{change(func(m *Upgrade) { m.Kind = UpgradeEnd }), "text", "11 bytes, limit 0"},
			{change(func(m *Upgrade) { m.Text = "\xff" }), "text", "UTF-8"},
			{change(func(m *Upgrade) { m.Mid = long(65) }), "mid", "65 bytes, limit 64"},
			{change(func(m *Upgrade) { m.Mid = "\xff" }), "mid", "UTF-8"},
		},
		refused: []badElement{
			{2, str(long(17)), "", "17 bytes, limit 16"},
			{2, str("\xff"), "", "UTF-8"},
			{3, "\x00", "", "0, limit 1 to 4"},
			{3, "\x05", "", "5, limit 1 to 4"},
			{3, num(259), "", "259, limit 1 to 4"}, // 3 modulo 256
			{3, "\x04", "text", "11 bytes, limit 0"},
			{4, str(long(1025)), "", "1025 bytes, limit 1024"},
			{4, str("\xff"), "", "UTF-8"},
			{5, str(long(65)), "", "65 bytes, limit 64"},
			{5, str("\xff"), "", "UTF-8"},
			{6, num(65536), "", "65536, limit 0 to 65535"},
		},
	})
}

// The limit of the text follows the kind, which stands before it.
func TestUpgradeText(t *testing.T) {
	body := func(kind string, n int) []byte {
		return []byte(array("\x05", "\x01", "\xa6webrtc", kind, str(strings.Repeat("x", n)), "\xa0", "\x00"))
	}
	for _, test := range []struct {
		kind string
		max  int
	}{{"\x01", 12288}, {"\x02", 12288}, {"\x03", 1024}, {"\x04", 0}} {
		m, err := Decode(body(test.kind, test.max))
		if u, ok := m.(Upgrade); err != nil || !ok || len(u.Text) != test.max {
			t.Errorf("kind %x with %d bytes: %v", test.kind, test.max, err)
		}
		wantRefused(t, body(test.kind, test.max+1), "text", "limit")
	}
}

func TestUpgradeKindString(t *testing.T) {
	for kind, want := range map[UpgradeKind]string{0: "kind 0", 1: "offer", 2: "answer", 3: "candidate", 4: "end", 5: "kind 5"} {
		if got := kind.String(); got != want {
			t.Errorf("%d: %q, want %q", kind, got, want)
		}
	}
}
