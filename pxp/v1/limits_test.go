package v1

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// Each limit is reached, and passed by one, by reading and by writing.

func TestMaxLine(t *testing.T) {
	frame := len(`["connect","1",""]`)
	m := Connect{NewNonce(1), strings.Repeat("x", MaxLine-frame)}
	line, err := Append(nil, m)
	if err != nil || len(line) != MaxLine+1 {
		t.Fatalf("%d bytes, %v, want %d", len(line), err, MaxLine+1)
	}
	for _, end := range []string{"", "\n", "\r\n"} {
		if got, err := Decode([]byte(strings.TrimSuffix(string(line), "\n") + end)); err != nil || got != m {
			t.Errorf("line of %d bytes and %q: %v", len(line)-1, end, err)
		}
	}
	m.Network += "x"
	_, err = Append(nil, m)
	wantField(t, err, "line")
	_, err = Decode([]byte(`["connect","1","` + m.Network + `"]`))
	wantField(t, err, "line")
}

func TestMaxNesting(t *testing.T) {
	nested := func(depth int, begin, end string) []byte { // counted with the message's own array
		return []byte(`["connect","1",` + strings.Repeat(begin, depth-1) + `0` + strings.Repeat(end, depth-1) + `]`)
	}
	for _, brackets := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		if _, err := Decode(nested(MaxNesting, brackets[0], brackets[1])); err != nil {
			t.Error(err)
		}
		for _, depth := range []int{MaxNesting + 1, 10000} {
			_, err := Decode(nested(depth, brackets[0], brackets[1]))
			wantField(t, err, "line")
		}
	}
	// JSON in the string of a signal has its own count.
	_, err := Decode([]byte(`["upgrade","1",{"signal":"` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `"}]`))
	wantField(t, err, "signal")
}

func TestMaxValues(t *testing.T) {
	line := func(n int) []byte { // of n values
		return []byte(`["upgrade","1",{"more":[0` + strings.Repeat(",0", n-8) + `],"signal":{"sdp":""}}]`)
	}
	_, err := Decode(line(MaxValues))
	wantField(t, err, "signal")
	_, err = Decode(line(MaxValues + 1))
	wantField(t, err, "line")
}

func TestMaxNonce(t *testing.T) {
	for _, c := range []struct {
		nonce string
		ok    bool
	}{
		{`"` + strings.Repeat("x", MaxNonce-2) + `"`, true},
		{`"` + strings.Repeat("x", MaxNonce-1) + `"`, false},
		{`"` + strings.Repeat(`\u0041`, MaxNonce-2) + `"`, true}, // it is the printed form that counts
		{`"` + strings.Repeat("\xff", MaxNonce/2) + `"`, false},
	} {
		m, err := Decode([]byte(`["connect",` + c.nonce + `,"net"]`))
		if !c.ok {
			wantField(t, err, "nonce")
			continue
		}
		if err != nil || len(m.(Connect).Nonce.String()) != MaxNonce {
			t.Errorf("nonce of %d bytes: %v", len(c.nonce), err)
		}
	}
}

func TestMaxNetworks(t *testing.T) {
	m := Hello{Nonce: NewNonce(0), Version: Version, Networks: make([]string, MaxNetworks)}
	line, err := Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(line); err != nil || len(got.(Hello).Networks) != MaxNetworks {
		t.Errorf("%d networks: %v", MaxNetworks, err)
	}
	m.Networks = append(m.Networks, "")
	_, err = Append(nil, m)
	wantField(t, err, "networks")
	// What is no network counts too.
	_, err = Decode([]byte(`["hello","0",[1,null,[0` + strings.Repeat(",0", MaxNetworks) + `]]]`))
	wantField(t, err, "networks")
}

func TestMaxCandidates(t *testing.T) {
	list := func(n int) []byte {
		one := `{"id":"a","network":"net"}`
		return []byte(`["res","1",[null,[` + one + strings.Repeat(","+one, n-1) + `]]]`)
	}
	if m, err := Decode(list(MaxCandidates)); err != nil || len(m.(Res).Candidates) != MaxCandidates {
		t.Errorf("%d candidates: %v", MaxCandidates, err)
	}
	_, err := Decode(list(MaxCandidates + 1))
	wantField(t, err, "candidates")

	m := Res{Nonce: NewNonce(1), List: true, OK: true}
	for range MaxCandidates + 1 {
		m.Candidates = append(m.Candidates, Candidate{"a", "n", &ConnectInfo{}})
	}
	_, err = Append(nil, m)
	wantField(t, err, "candidates")
	m.Candidates = m.Candidates[:MaxCandidates]
	_, err = Append(nil, m)
	wantField(t, err, "line") // that many fit only in another's shorter form
	m.Candidates = m.Candidates[:700]
	if _, err = Append(nil, m); err != nil {
		t.Error(err)
	}
}

// A line costs memory by its size, whatever it holds.
func TestDecodeAllocates(t *testing.T) {
	for name, part := range map[string]string{"arrays": "[]", "objects": "{}", "numbers": "1e9", "members": `{"a":{}}`} {
		n := min(MaxValues/2, (MaxLine-100)/(len(part)+1)) - 100
		line := []byte(`["connect","1",[` + strings.TrimSuffix(strings.Repeat(part+",", n), ",") + `]]`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(line)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 64*MaxLine {
			t.Errorf("%s: %d bytes allocated for a line of %d", name, bytes, len(line))
		}
	}
}

func ExampleFormatError() {
	_, err := Decode([]byte(`["hello","0",[1,null,[` + strings.Repeat(`"a",`, 256) + `"b"]]]`))
	fmt.Println(err)
	// Output: pxp v1: hello: networks: 257, limit 256
}

// What cannot be a node's number is read as none; it harms nobody.
func TestMaxNode(t *testing.T) {
	for _, tt := range []struct{ node, want string }{
		{`"` + strings.Repeat("n", maxNode) + `"`, strings.Repeat("n", maxNode)},
		{`"` + strings.Repeat("n", maxNode+1) + `"`, ""},
		{`7`, ""},
		{`["x"]`, ""},
		{`null`, ""},
	} {
		m, err := Decode([]byte(`["hello","0",[1,{"pxp":true,"node":` + tt.node + `},["net"]]]`))
		if err != nil {
			t.Errorf("%s: %v", tt.node, err)
		} else if got := m.(Hello).Info.Node; got != tt.want {
			t.Errorf("%s was read as %q, want %q", tt.node, got, tt.want)
		}
	}
	line, err := Append(nil, Hello{Nonce: NewNonce(0), Version: Version, Info: &ConnectInfo{V2: true, Node: `"n`}})
	if want := `["hello","0",[1,{"pxp":false,"relay":false,"webrtc":false,"v2":true,"node":"\"n"},[]]]` + "\n"; err != nil || string(line) != want {
		t.Errorf("printed %s, %v; want %s", line, err, want)
	}
}
