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
			{Peer: [32]byte{0: 1}, Token: Token{15: 2}, Protocol: 1},
		}},
		hex: `0075 95 09 01 cd012c a26e6f 92
			92 c420 0100000000000000000000000000000000000000000000000000000000000000 c410 00000000000000000000000000000002
			93 c420 0100000000000000000000000000000000000000000000000000000000000000 c410 00000000000000000000000000000002 01`,
		id: isRequest,
		elements: []element{
			{"type", kindUint, "\x09"},
			{"id", kindUint, "\x01"},
			{"code", kindUint, "\xcd\x01\x2c"},
			{"reason", kindStr, "\xa2no"},
			{"candidates", kindArray, array(candidate, array(peer, token, "\x01"))},
		},
		unsent: []badMessage{
			{Res{}, "id", "0, want a request id"},
			{Res{ID: 1, Reason: strings.Repeat("x", 257)}, "reason", "257 bytes, limit 256"},
			{Res{ID: 1, Reason: "\xff"}, "reason", "UTF-8"},
			{Res{ID: 1, Candidates: candidates(9, 0)}, "candidates", "9 elements, limit 8"},
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

	body := func(more ...string) []byte {
		return []byte(array("\x09", "\x01", "\x00", "\xa0", array(array(append([]string{peer, token}, more...)...), candidate)))
	}
	want := func(protocol uint8) Res {
		one := Candidate{Peer: [32]byte{0: 1}, Token: Token{15: 2}}
		other := one
		other.Protocol = protocol
		return Res{ID: 1, Candidates: []Candidate{other, one}}
	}
	t.Run("protocol", func(t *testing.T) {
		wantMessage(t, body(), want(0))
		for _, protocol := range []uint8{0, 1, 2, 127, 128, 255} {
			wantMessage(t, body(num(uint64(protocol))), want(protocol))
		}
		for _, written := range []string{"\x01", "\x02", "\x7f", "\xcc\x80", "\xcc\xff"} {
			protocol := written[len(written)-1]
			frame, err := Append(nil, want(protocol))
			if err != nil || string(frame[headerSize:]) != string(body(written)) {
				t.Errorf("protocol %d: Append = %x, %v, want the body %x", protocol, frame, err, body(written))
			}
		}
		for _, protocol := range []uint64{256, 257, 258, 1<<32 + 1, 1<<64 - 1} {
			wantRefused(t, body(num(protocol)), "candidates.protocol", "limit 0 to 255")
		}
		for _, s := range samples {
			if s.kind == kindUint {
				wantMessage(t, body(s.value), want(1))
				wantMessage(t, body(s.value, "\xc0"), want(1))
			} else {
				wantRefused(t, body(s.value), "candidates.protocol", "want an unsigned integer")
			}
		}
		wantRefused(t, body("\xc1"), "candidates.protocol", "want an unsigned integer")
		cut := array("\x09", "\x01", "\x00", "\xa0", array("\x93"+peer+token))
		wantRefused(t, []byte(cut), "candidates.protocol", "truncated")
	})
	t.Run("candidate elements", func(t *testing.T) {
		for _, s := range samples {
			wantMessage(t, body("\x03", s.value), want(3))
		}
		more := []string{"\x03"}
		for range MaxElements - 3 {
			more = append(more, "\x91\xc0")
		}
		wantMessage(t, body(more...), want(3))
		wantRefused(t, body(append(more, "\xc0")...), "candidates", "33 elements, limit 32")
		wantRefused(t, body("\x03", "\xc1"), "candidates", "not msgpack")
		for _, maps := range []bool{false, true} {
			wantMessage(t, body("\x03", nested(MaxNesting, maps)), want(3))
			wantRefused(t, body("\x03", nested(MaxNesting+1, maps)), "candidates", "nested more than 16 deep")
		}
	})
}

// candidates returns n of the same protocol, each with a peer ID of its own.
func candidates(n int, protocol uint8) []Candidate {
	all := make([]Candidate, n)
	for i := range all {
		all[i] = Candidate{Peer: [32]byte{31: byte(i + 1)}, Protocol: protocol}
	}
	return all
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
