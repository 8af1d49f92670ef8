package interop

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// frame1 is a frame of version 1.
func frame1(kind byte, channel uint64, payload string) string {
	return frameHead(kind, channel, uint64(len(payload))) + payload
}

func frameHead(kind byte, channel, length uint64) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, channel<<3|uint64(kind)), length))
}

func line1(text string) string { return frame1(2, 0, text+"\n") }

// said begins with > where it is the node that says it.
type said struct{ who, bytes string }

const (
	hello1   = `["hello","0",[1,{"pxp":true,"relay":true,"webrtc":true},["n"]]]`
	offer1   = `{"transport":"webrtc","signal":{"type":"offer","sdp":"v=0\r\n"}}`
	begun1   = preamble1 + "\x00\x03pxp"
	circuit1 = "relay:0123abcd"
)

// asksCircuit is a session in which the node has asked for a circuit and got it, and both have said hello in there.
var asksCircuit = []said{
	{">", line1(`["relay","1",["0123abcd"]]`)},
	{"<", line1(`["res","1",null]`)},
	{">", frame1(0, 1, circuit1) + frame1(2, 1, begun1+line1(hello1))},
	{"<", frame1(0, 1, circuit1) + frame1(2, 1, begun1+line1(hello1))},
}

// TestModel: the model lets pass what originals say, and objects to each input that ends an original (spec, faults of the
// original), so that a node that sent it would be found.
func TestModel(t *testing.T) {
	after := func(begin []said, bytes string) []said { return append(slices.Clone(begin), said{">", bytes}) }
	node := func(bytes string) []said { return after(nil, bytes) }
	inside := func(bytes string) []said { return after(asksCircuit, frame1(2, 1, bytes)) }
	asked := func(request, answer string) []said { return []said{{"<", line1(request)}, {">", line1(answer)}} }
	for name, test := range map[string]struct {
		said []said
		want string // in its first objection; "": none
	}{
		"requests":  {node(line1(`["getpeers","1","n"]`) + line1(`["connect","2","n"]`)), ""},
		"list":      {asked(`["getpeers","1","n"]`, `["res","1",[null,[{"id":"0123abcd","network":"n","connectInfo":{"pxp":true}}]]]`), ""},
		"no list":   {asked(`["getpeers",7,"n"]`, `["res",7,["why"]]`), ""},
		"data":      {node(line1(`["connect","1","n"]`) + frame1(0, 1, "data:n") + frame1(2, 1, "data") + frame1(4, 1, "")), ""},
		"answered":  {[]said{{"<", frame1(0, 9, "data:n") + frame1(4, 9, "")}, {">", frame1(3, 9, "")}}, ""},
		"circuit":   {inside(line1(`["upgrade","1",` + offer1 + `]`)), ""},
		"candidate": {inside(line1(`["upgrade","1",{"transport":"webrtc","signal":{"candidate":{"candidate":"x","sdpMLineIndex":0,"sdpMid":"0"}}}]`)), ""},
		"version 2": {[]said{{">", "\x00\x01"}}, ""},
		"taken": {append(asked(`["incoming","1",["0123abcd"]]`, `["res","1",null]`),
			said{">", frame1(0, 1, circuit1) + frame1(2, 1, begun1+line1(hello1))}), ""},
		"passed on": {append(asked(`["relay","1",["0123abcd"]]`, `["res","1",null]`),
			said{">", frame1(0, 1, circuit1) + frame1(2, 1, begun1+frame1(6, 0, ""))}), ""},

		"not JSON":             {node(line1(`hello`)), "not JSON"},
		"null":                 {node(line1(`null`)), "three elements"},
		"two elements":         {node(line1(`["getpeers","1"]`)), "three elements"},
		"unknown command":      {node(line1(`["ping","1",null]`)), "unknown command"},
		"command error":        {node(line1(`["error","1",null]`)), "unknown command"},
		"relay null":           {node(line1(`["relay","1",null]`)), "args"},
		"incoming null":        {node(line1(`["incoming","1",null]`)), "args"},
		"upgrade null":         {inside(line1(`["upgrade","1",null]`)), "args"},
		"empty signal":         {inside(line1(`["upgrade","1",{"transport":"webrtc","signal":{}}]`)), "signal"},
		"end of candidates":    {inside(line1(`["upgrade","1",{"transport":"webrtc","signal":{"candidate":{"candidate":""}}}]`)), "signal"},
		"upgrade elsewhere":    {node(line1(`["upgrade","1",` + offer1 + `]`)), "not a circuit"},
		"nonce error":          {asked(`["getpeers","error","n"]`, `["res","error",[null,[]]]`), "nonce"},
		"nonce connect":        {asked(`["connect","connect","n"]`, `["res","connect",null]`), "nonce"},
		"nonce relay":          {asked(`["connect","relay","n"]`, `["res","relay",null]`), "nonce"},
		"nonce incoming":       {asked(`["connect","incoming","n"]`, `["res","incoming",null]`), "nonce"},
		"nonce of its own":     {node(line1(`["getpeers",{"toString":1},"n"]`)), "nonce"},
		"network of its own":   {node(line1(`["getpeers","1",{"toString":1}]`)), "network"},
		"id of its own":        {node(line1(`["relay","1",[{"toString":1}]]`)), "args"},
		"connectInfo null":     {asked(`["getpeers","1","n"]`, `["res","1",[null,[{"id":"0123abcd","network":"n","connectInfo":null}]]]`), "candidate"},
		"no connectInfo":       {asked(`["getpeers","1","n"]`, `["res","1",[null,[{"id":"0123abcd","network":"n"}]]]`), "candidate"},
		"candidate null":       {asked(`["getpeers","1","n"]`, `["res","1",[null,[null]]]`), "candidate"},
		"no answer":            {asked(`["getpeers","1","n"]`, `["res","1",null]`), "args"},
		"text for a list":      {asked(`["getpeers","1","n"]`, `["res","1","why"]`), "args"},
		"list for a text":      {asked(`["connect","1","n"]`, `["res","1",["why"]]`), "args"},
		"answer to nothing":    {node(line1(`["res","1",null]`)), "to nothing"},
		"destroy of pxp":       {node(frame1(6, 0, "")), "destroy"},
		"destroy of theirs":    {node(frame1(5, 0, "")), "destroy"},
		"end of pxp":           {node(frame1(4, 0, "")), "end of the control stream"},
		"destroy in a circuit": {inside(frame1(6, 0, "")), "destroy"},
		"2^31 bytes":           {node(frameHead(2, 0, 1<<31)), "frame of 2147483648 bytes"},
		"2^40 bytes":           {node(frameHead(2, 0, 1<<40)), "varint"},
		"100 bytes of varint":  {node(strings.Repeat("\x80", 100)), "varint"},
		"relay twice":          {node(line1(`["relay","1",["0123abcd"]]`) + line1(`["relay","2",["0123abcd"]]`)), "same id"},
		"not created":          {node(frame1(0, 1, circuit1)), "not created"},
		"opened again":         {node(frame1(0, 0, "pxp")), "opened again"},
		"type 7":               {node(frame1(7, 0, "")), "type 7"},
	} {
		t.Run(name, func(t *testing.T) {
			var problems []string
			m := newModel("test", func(p string) { problems = append(problems, p) })
			if name != "version 2" {
				m.receive([]byte(begun1 + line1(hello1)))
				m.send([]byte(begun1 + line1(hello1)))
			}
			for _, s := range test.said {
				feed := m.send
				if s.who == "<" {
					feed = m.receive
				}
				for _, b := range []byte(s.bytes) { // cut anyhow
					feed([]byte{b})
				}
			}
			switch {
			case test.want == "" && len(problems) > 0:
				t.Error(problems)
			case test.want != "" && (len(problems) == 0 || !strings.Contains(problems[0], test.want)):
				t.Errorf("%q, want %q", problems, test.want)
			}
		})
	}
}

// TestModelBeginning: where the session is known to be of version 1, another beginning of ours is objected to, on the
// session itself and in a circuit; one of theirs is only told.
func TestModelBeginning(t *testing.T) {
	for name, test := range map[string]struct {
		ours, theirs string
		want         string // in its first objection; "": none
		told         string
	}{
		"right":            {begun1 + line1(hello1), begun1, "", `true "#PXP#", false "#PXP#"`},
		"frame first":      {frame1(0, 0, "pxp") + begun1, begun1, `begins with "\x00"`, `true "\x00", false "#PXP#"`},
		"version 2":        {"#PXP2", "", `begins with "#PXP2"`, `true "#PXP2"`},
		"theirs":           {begun1, frame1(0, 0, "pxp") + preamble1, "", `true "#PXP#", false "\x00"`},
		"not complete yet": {"#PXP", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var problems, told []string
			m := newModel1("test", func(p string) { problems = append(problems, p) }, func(ours bool, head string) {
				told = append(told, fmt.Sprintf("%v %q", ours, head))
			})
			m.send([]byte(test.ours))
			m.receive([]byte(test.theirs))
			if test.want == "" && len(problems) > 0 || test.want != "" && (len(problems) == 0 || !strings.Contains(problems[0], test.want)) {
				t.Errorf("%q, want %q", problems, test.want)
			}
			if got := strings.Join(told, ", "); got != test.told {
				t.Errorf("told %s, want %s", got, test.told)
			}
		})
	}
	var problems []string
	m := newModel("test", func(p string) { problems = append(problems, p) })
	m.receive([]byte(begun1 + line1(hello1)))
	m.send([]byte(begun1 + line1(hello1)))
	m.send([]byte(line1(`["relay","1",["0123abcd"]]`)))
	m.receive([]byte(line1(`["res","1",null]`)))
	m.send([]byte(frame1(0, 1, circuit1) + frame1(2, 1, "\x00\x03pxp"+begun1)))
	if len(problems) != 1 || !strings.Contains(problems[0], "begins with") {
		t.Errorf("in a circuit: %q", problems)
	}
}
