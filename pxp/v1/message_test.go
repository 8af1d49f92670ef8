package v1

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Every truncated prefix of every line that can be read is an error, unless only white space is missing.
func TestTruncated(t *testing.T) {
	for _, v := range loadVectors(t) {
		line := v.line(t)
		if v.Error != "" {
			continue
		}
		whole := len(bytes.TrimRight(line, " \t\r\n"))
		for n := range whole {
			if m, err := Decode(line[:n]); err == nil {
				t.Errorf("%s: Decode(%q) = %+v", v.Name, line[:n], m)
			} else {
				wantFormatError(t, err)
			}
		}
	}
}

// A line with one byte exchanged is a message or a FormatError; nothing panics.
func TestOneByteExchanged(t *testing.T) {
	for _, v := range loadVectors(t) {
		line := v.line(t)
		if v.Error != "" || len(line) > 300 {
			continue
		}
		for i := range line {
			for _, b := range []byte("\x00\"\\[]{},:0-e \xff\n") {
				changed := bytes.Clone(line)
				changed[i] = b
				if _, err := Decode(changed); err != nil {
					wantFormatError(t, err)
				}
			}
		}
	}
}

func wantFormatError(t *testing.T, err error) {
	t.Helper()
	var fe *FormatError
	if !errors.As(err, &fe) || fe.Field == "" || fe.Problem == "" {
		t.Errorf("error %#v, want a complete FormatError", err)
	}
}

func TestLineEnds(t *testing.T) {
	const line = `["getpeers","1","net"]`
	want := GetPeers{NewNonce(1), "net"}
	for _, end := range []string{"", "\n", "\r\n", "\r", " \r\n", "\r\r\n"} {
		got, err := Decode([]byte(line + end))
		if err != nil || got != want {
			t.Errorf("with %q: %+v, %v", end, got, err)
		}
	}
	for _, empty := range []string{"", "\n", "\r\n", "\r"} {
		_, err := Decode([]byte(empty))
		wantField(t, err, "line")
	}
}

// A decoded message does not change with the line that it came from.
func TestDecodeKeepsNothing(t *testing.T) {
	for _, v := range loadVectors(t) {
		if v.Error != "" {
			continue
		}
		line := bytes.Clone(v.line(t))
		got, err := Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		for i := range line {
			line[i] = 'X'
		}
		if want := v.message(t); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v after the line was overwritten, want %+v", v.Name, got, want)
		}
	}
}

func TestAppendPointer(t *testing.T) {
	got, err := Append(nil, &Connect{NewNonce(35), "net"})
	if want := `["connect","z","net"]` + "\n"; err != nil || string(got) != want {
		t.Errorf("Append = %q, %v, want %q", got, err, want)
	}
}

func TestAppendRefuses(t *testing.T) {
	n := NewNonce(1)
	const bad = "a\xffb"
	for _, c := range []struct {
		message Message
		field   string
	}{
		{Hello{Version: 1}, "nonce"},
		{GetPeers{Network: "net"}, "nonce"},
		{Relay{ID: "aa"}, "nonce"},
		{Incoming{ID: "aa"}, "nonce"},
		{Connect{Network: "net"}, "nonce"},
		{Upgrade{Transport: TransportWebRTC, Signal: Signal{Type: "offer", SDP: "v=0"}}, "nonce"},
		{Res{OK: true}, "nonce"},
		{Hello{Nonce: n, Networks: []string{bad}}, "networks"},
		{GetPeers{n, bad}, "network"},
		{Relay{n, bad}, "id"},
		{Incoming{n, bad}, "id"},
		{Connect{n, bad}, "network"},
		{Upgrade{n, bad, Signal{Type: "offer", SDP: "v=0"}}, "transport"},
		{Upgrade{n, TransportWebRTC, Signal{Type: "offer", SDP: bad}}, "signal.sdp"},
		{Upgrade{n, TransportWebRTC, Signal{Type: "pranswer", SDP: "v=0"}}, "signal.type"},
		{Upgrade{n, TransportWebRTC, Signal{Candidate: &ICE{Candidate: bad}}}, "signal.candidate.candidate"},
		{Upgrade{n, TransportWebRTC, Signal{Candidate: &ICE{SDPMid: bad}}}, "signal.candidate.sdpMid"},
		{Res{Nonce: n, Error: bad}, "error"},
		{Res{Nonce: n, List: true, Error: bad}, "error"},
		{Res{Nonce: n, List: true}, "error"},
		{Res{Nonce: n, List: true, OK: true, Candidates: []Candidate{{bad, "net", &ConnectInfo{}}}}, "candidates.id"},
		{Res{Nonce: n, List: true, OK: true, Candidates: []Candidate{{"aa", bad, &ConnectInfo{}}}}, "candidates.network"},
	} {
		dst, err := Append([]byte("x"), c.message)
		wantField(t, err, c.field)
		if string(dst) != "x" {
			t.Errorf("%+v: %q beside an error", c.message, dst)
		}
	}
}

func TestFormatErrorText(t *testing.T) {
	for line, want := range map[string]string{
		`["hello","0",null]`:          "pxp v1: hello: args: null, want an array",
		`["hello","0",[1,null,true]]`: "pxp v1: hello: networks: a boolean, want an array",
		`["relay","0",null]`:          "pxp v1: relay: args: null, want an array",
		`["secret",{"toString":0},0]`: "pxp v1: nonce: an object with a member toString",
		`[]`:                          "pxp v1: message: 0 elements, want 3",
		`secret`:                      "pxp v1: line: not JSON",
	} {
		if _, err := Decode([]byte(line)); err == nil || err.Error() != want {
			t.Errorf("Decode(%q): %v, want %s", line, err, want)
		}
	}
	// No text of the peer's in errors.
	for _, v := range loadVectors(t) {
		if _, err := Decode(bytes.ReplaceAll(v.line(t), []byte("net"), []byte("sentinel"))); err != nil && strings.Contains(err.Error(), "sentinel") {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// The two questions about an answer, for each shape that it can have.
func TestResShapes(t *testing.T) {
	for args, want := range map[string]struct{ granted, listed bool }{
		`null`:                                {true, false},
		`false`:                               {true, false},
		`"why"`:                               {false, false},
		`["why"]`:                             {false, false},
		`[true]`:                              {false, false},
		`[null,null]`:                         {false, false},
		`[]`:                                  {false, false},
		`[null,[]]`:                           {false, true},
		`[null,[{"id":"a","network":"net"}]]`: {false, true},
		`[null,[{"id":"a"}]]`:                 {false, false},
	} {
		m, err := Decode([]byte(`["res","1",` + args + `]`))
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		res := m.(Res)
		if res.Granted() != want.granted || res.Listed() != want.listed {
			t.Errorf("%s: granted %v, listed %v, want %v", args, res.Granted(), res.Listed(), want)
		}
		if (res.Error == "") != res.OK {
			t.Errorf("%s: OK %v with error %q", args, res.OK, res.Error)
		}
	}
}
