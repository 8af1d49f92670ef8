package pxp

import (
	"strings"
	"testing"
)

func TestRes(t *testing.T) {
	token := "\xc4\x10" + strings.Repeat("\x00", 15) + "\x02"
	peer := "\xc4\x20\x01" + strings.Repeat("\x00", 31)
	candidate := array(peer, token)
	testMessage(t, &messageTest{
		message: Res{ID: 1, Code: 300, Reason: "no", Candidates: []Candidate{
			{Peer: [32]byte{0: 1}, Token: Token{15: 2}},
			{},
		}},
		hex: `0074 95 09 01 cd012c a26e6f 92
			92 c420 0100000000000000000000000000000000000000000000000000000000000000 c410 00000000000000000000000000000002
			92 c420 0000000000000000000000000000000000000000000000000000000000000000 c410 00000000000000000000000000000000`,
		id: isRequest,
		elements: []element{
			{"type", kindUint, "\x09"},
			{"id", kindUint, "\x01"},
			{"code", kindUint, "\xcd\x01\x2c"},
			{"reason", kindStr, "\xa2no"},
			{"candidates", kindArray, array(candidate, array("\xc4\x20"+strings.Repeat("\x00", 32), "\xc4\x10"+strings.Repeat("\x00", 16)))},
		},
		unsent: []badMessage{
			{Res{}, "id", "0, want a request id"},
			{Res{ID: 1, Reason: strings.Repeat("x", 257)}, "reason", "257 bytes, limit 256"},
			{Res{ID: 1, Reason: "\xff"}, "reason", "UTF-8"},
			{Res{ID: 1, Candidates: make([]Candidate, 9)}, "candidates", "9 elements, limit 8"},
		},
		refused: []badElement{
			{2, num(65536), "", "65536, limit 0 to 65535"},
			{3, str(strings.Repeat("x", 257)), "", "257 bytes, limit 256"},
			{3, str("\xff"), "", "UTF-8"},
			{4, "\x99" + strings.Repeat(candidate, 9), "", "9 elements, limit 8"},
			{4, array(array()), "", "0 elements, want at least 2"},
			{4, array(array(peer)), "", "1 elements, want at least 2"},
			{4, array(peer, token), "", "want an array"},
			{4, array(array(token, peer)), "candidates.peer", "16 bytes, want 32"},
			{4, array(array(peer, peer)), "candidates.token", "32 bytes, want 16"},
			{4, array(array(str(strings.Repeat("x", 32)), token)), "candidates.peer", "want a byte string"},
			{4, array(array(peer, "\xc0")), "candidates.token", "want a byte string"},
			{4, "\x91\xdc\xff\xff", "", "65535 elements, limit 32"},
		},
	})

	t.Run("candidate elements", func(t *testing.T) {
		body := func(more ...string) []byte {
			return []byte(array("\x09", "\x01", "\x00", "\xa0", array(array(append([]string{peer, token}, more...)...), candidate)))
		}
		one := Candidate{Peer: [32]byte{0: 1}, Token: Token{15: 2}}
		want := Res{ID: 1, Candidates: []Candidate{one, one}}
		for _, s := range samples {
			wantMessage(t, body(s.value), want)
		}
		var more []string
		for range MaxElements - 2 {
			more = append(more, "\x91\xc0")
		}
		wantMessage(t, body(more...), want)
		wantRefused(t, body(append(more, "\xc0")...), "candidates", "33 elements, limit 32")
		for _, maps := range []bool{false, true} {
			wantMessage(t, body(nested(MaxNesting, maps)), want)
			wantRefused(t, body(nested(MaxNesting+1, maps)), "candidates", "nested more than 16 deep")
		}
	})
}

func TestResEmpty(t *testing.T) {
	for _, candidates := range [][]Candidate{nil, {}} {
		frame, err := Append(nil, Res{ID: 1, Candidates: candidates})
		if want := unhex(t, "0006 95 09 01 00 a0 90"); err != nil || string(frame) != want {
			t.Errorf("%x, %v, want %x", frame, err, want)
		}
		wantMessage(t, frame[headerSize:], Res{ID: 1})
	}
}
