package pxp

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The specification's tables are held against the code, in both directions.

// specTables returns the rows of all tables of spec/PXP.md, by section number ("8.1"), then by table, without their heads.
// Code quotes are taken off.
func specTables(t *testing.T) map[string][][][]string {
	data, err := os.ReadFile("../spec/PXP.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][][][]string{}
	section, inTable := "", false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if m := regexp.MustCompile(`^##+ ([0-9.]+?)\.? `).FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		if !strings.HasPrefix(line, "|") {
			inTable = false
			continue
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			row = append(row, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		if !inTable {
			inTable = true
			tables[section] = append(tables[section], nil)
			continue // the head
		}
		if strings.HasPrefix(row[0], "---") {
			continue
		}
		last := len(tables[section]) - 1
		tables[section][last] = append(tables[section][last], row)
	}
	return tables
}

func specTable(t *testing.T, tables map[string][][][]string, section string, nth int) [][]string {
	t.Helper()
	if len(tables[section]) <= nth || len(tables[section][nth]) == 0 {
		t.Fatalf("PXP §%s has no table %d with rows", section, nth)
	}
	return tables[section][nth]
}

// constants returns the package's constants of one type from its source: value by name in lower case without the prefix.
func constants(t *testing.T, typ, prefix string) map[string]int {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || fmt.Sprint(spec.Type) != typ || !strings.HasPrefix(spec.Names[0].Name, prefix) {
				return true
			}
			lit, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s is no explicit number", spec.Names[0].Name)
				return true
			}
			v, err := strconv.Atoi(lit.Value)
			if err != nil {
				t.Error(err)
			}
			found[strings.ToLower(strings.TrimPrefix(spec.Names[0].Name, prefix))] = v
			return true
		})
	}
	if len(found) == 0 {
		t.Fatalf("no constants %s… of type %s", prefix, typ)
	}
	return found
}

// wantConstants compares rows of (number, name, …) with constants and with what their String method says.
func wantConstants(t *testing.T, rows [][]string, constants map[string]int, name func(int) string) {
	t.Helper()
	seen := map[string]bool{}
	for _, row := range rows {
		v, err := strconv.Atoi(row[0])
		if err != nil {
			t.Errorf("spec row %v: %v", row, err)
			continue
		}
		key := strings.ReplaceAll(row[1], " ", "")
		seen[key] = true
		if got, ok := constants[key]; !ok || got != v {
			t.Errorf("spec has %q as %d, the code as %d (there: %v)", row[1], v, got, ok)
		}
		if name(v) != row[1] {
			t.Errorf("spec calls %d %q, String %q", v, row[1], name(v))
		}
	}
	for key, v := range constants {
		if !seen[key] {
			t.Errorf("the code has %s (%d), the spec has not", key, v)
		}
	}
}

func TestSpecCodes(t *testing.T) {
	tables := specTables(t)
	wantConstants(t, specTable(t, tables, "11", 0), constants(t, "Code", "Code"), func(v int) string { return Code(v).String() })
}

func TestSpecTypes(t *testing.T) {
	tables := specTables(t)
	wantConstants(t, specTable(t, tables, "8", 0), constants(t, "Type", "Type"), func(v int) string { return Type(v).String() })
	wantConstants(t, specTable(t, tables, "8.5", 1), constants(t, "UpgradeKind", "Upgrade"), func(v int) string { return UpgradeKind(v).String() })
}

// sampleBodies has one message of each type whose elements the tests below exchange one at a time.
var sampleBodies = map[string]struct {
	elements []string
	largest  Message
}{
	"hello": {
		[]string{"\x01", "\x00", "\x02", "\xa0", bin(long(32)), "\xa0", "\xc2", "\x90"},
		Hello{65535, long(128), [32]byte{}, long(64), true, []string{
			long(32), long(32), long(32), long(32), long(32), long(32), long(32), long(32),
			long(32), long(32), long(32), long(32), long(32), long(32), long(32), long(32),
		}},
	},
	"getpeers": {[]string{"\x02", "\x01", "\x08"}, GetPeers{MaxID, 8}},
	"relay":    {[]string{"\x03", "\x01", bin(long(16)), bin(long(64))}, Relay{ID: MaxID, First: make([]byte, MaxFirst)}},
	"incoming": {[]string{"\x04", "\x01", bin(long(16)), bin(long(32)), bin(long(64))}, Incoming{ID: MaxID, From: [32]byte{1}, First: make([]byte, MaxFirst)}},
	"upgrade": {
		[]string{"\x05", "\x01", "\xa6webrtc", "\x01", "\xa0", "\xa0", "\x00"},
		Upgrade{MaxID, long(16), UpgradeOffer, long(12288), long(64), 65535},
	},
	"connect": {[]string{"\x06", "\x01"}, Connect{MaxID}},
	"ping":    {[]string{"\x07", "\x01"}, Ping{MaxID}},
	"bye":     {[]string{"\x08", "\x00", "\x01", "\xa0"}, Bye{65535, long(256)}},
	"res":     {[]string{"\x09", "\x01", "\x00", "\xa0", "\x90"}, Res{MaxID, 65535, long(256), candidates(8, 255)}},
	"turn":    {[]string{"\x0a", "\x00", "\x01", "\xa0", "\xa0", "\x01"}, Turn{65535, long(128), long(128), 86400}},
}

func long(n int) string { return strings.Repeat("x", n) }

// The registry's ids, fields and largest bodies are those of the codec.
func TestSpecRegistry(t *testing.T) {
	for _, row := range specTable(t, specTables(t), "8", 0) {
		name, sample := row[1], sampleBodies[row[1]]
		if sample.elements == nil {
			t.Errorf("no sample of %s", name)
			continue
		}
		with := func(at int, value string) []byte {
			elements := append([]string(nil), sample.elements...)
			elements[at] = value
			return []byte(array(elements...))
		}
		if _, err := Decode([]byte(array(sample.elements...))); err != nil {
			t.Errorf("%s: sample: %v", name, err)
		}
		if _, err := Decode(with(1, "\x00")); (err == nil) != (row[2] == "0") {
			t.Errorf("%s with id 0: %v, spec says %q", name, err, row[2])
		}
		if _, err := Decode(with(1, "\x01")); (err == nil) != (row[2] == "request" || row[2] == "attempt") {
			t.Errorf("%s with id 1: %v, spec says %q", name, err, row[2])
		}
		var fields []string
		if row[3] != "" {
			fields = strings.Split(row[3], ", ")
		}
		if len(fields) != len(sample.elements)-2 {
			t.Errorf("%s: %d fields in the spec, %d in the codec", name, len(fields), len(sample.elements)-2)
			continue
		}
		wantRefused(t, []byte(array(sample.elements[:len(sample.elements)-1]...)), "message", "want at least")
		for i, field := range fields {
			wantRefused(t, with(i+2, "\xc1"), field, "want")
		}
		frame, err := Append(nil, sample.largest)
		if size, _ := strconv.Atoi(row[4]); err != nil || len(frame)-headerSize != size {
			t.Errorf("%s: the largest body has %d bytes (%v), spec says %s", name, len(frame)-headerSize, err, row[4])
		}
	}
}

// The tables of §8.1 to §8.10 give each field's kind and limit: the value just over the limit is refused with that limit.
func TestSpecFields(t *testing.T) {
	tables := specTables(t)
	sections := []string{"hello", "getpeers", "relay", "incoming", "upgrade", "connect", "ping", "bye", "res", "turn"}
	checked := 0
	for i, name := range sections {
		section := fmt.Sprintf("8.%d", i+1)
		sample := sampleBodies[name].elements
		if len(tables[section]) == 0 {
			if len(sample) != 2 {
				t.Errorf("§%s has no table of fields", section)
			}
			continue
		}
		rows := specTable(t, tables, section, 0)
		if len(rows) != len(sample)-2 {
			t.Errorf("§%s has %d fields, the codec %d", section, len(rows), len(sample)-2)
			continue
		}
		for at, row := range rows {
			wantSpecField(t, section, row, func(value string) []byte {
				elements := append([]string(nil), sample...)
				elements[at+2] = value
				return []byte(array(elements...))
			})
			checked++
		}
	}
	candidate := []string{bin(long(32)), bin(long(16)), "\x01"}
	for at, row := range specTable(t, tables, "8.9", 1) {
		wantSpecField(t, "8.9", row, func(value string) []byte {
			elements := append([]string(nil), candidate...)
			elements[at] = value
			return []byte(array("\x09", "\x01", "\x00", "\xa0", array(array(elements...))))
		})
		checked++
	}
	if checked != 29 {
		t.Errorf("%d fields checked, the messages have 26 and a candidate 3", checked)
	}

	for _, row := range specTable(t, tables, "8.5", 1) {
		kind, _ := strconv.Atoi(row[0])
		if max, err := strconv.Atoi(row[3]); err != nil || max != UpgradeKind(kind).maxText() {
			t.Errorf("§8.5: text of %s is limited to %s, the codec has %d", row[1], row[3], UpgradeKind(kind).maxText())
		}
	}
}

// wantSpecField checks a row of (field, kind, limit, …); with returns a body with a value in that field's place.
func wantSpecField(t *testing.T, section string, row []string, with func(value string) []byte) {
	t.Helper()
	field, kind, limit := row[0], row[1], row[2]
	kinds := map[string]string{
		"uint": "an unsigned integer", "str": "a string", "bin": "a byte string", "bool": "a boolean",
		"array of str": "an array", "array of candidate": "an array",
	}
	rangeOf := regexp.MustCompile(`^(\d+) to (\d+)$`)
	sizeOf := regexp.MustCompile(`^(\d+) (bytes|elements)( exactly)?( of (\d+) bytes)?$`)
	refused := func(value, problem string) {
		t.Helper()
		wantRefused(t, with(value), field, problem)
	}
	if kinds[kind] == "" {
		t.Errorf("§%s: %s is of kind %q", section, field, kind)
		return
	}
	refused("\xc0", "want "+kinds[kind])
	switch m := sizeOf.FindStringSubmatch(limit); {
	case kind == "uint":
		m := rangeOf.FindStringSubmatch(limit)
		if m == nil {
			t.Errorf("§%s: limit %q of %s", section, limit, field)
			return
		}
		max, _ := strconv.ParseUint(m[2], 10, 64)
		refused(num(max+1), fmt.Sprintf("limit %s to %s", m[1], m[2]))
	case kind == "bool", limit == "by kind":
	case m == nil:
		t.Errorf("§%s: limit %q of %s", section, limit, field)
	case kind == "str":
		n, _ := strconv.Atoi(m[1])
		refused(str(long(n+1)), "limit "+m[1])
	case kind == "bin":
		n, _ := strconv.Atoi(m[1])
		if m[3] == "" {
			refused(bin(long(n+1)), "limit "+m[1])
			break
		}
		refused(bin(long(n+1)), "want "+m[1])
		refused(bin(long(n-1)), "want "+m[1])
	default: // array
		n, _ := strconv.Atoi(m[1])
		refused("\xdc"+be(uint64(n+1), 2)+strings.Repeat("\xa0", n+1), "limit "+m[1])
		if m[5] != "" {
			n, _ := strconv.Atoi(m[5])
			refused(array(str(long(n+1))), "limit "+m[5])
		}
	}
}

func TestSpecLimits(t *testing.T) {
	want := map[string]uint64{
		"body of a frame":              MaxMessage,
		"elements of a message":        MaxElements,
		"nesting of skipped elements":  MaxNesting,
		"request id":                   MaxID,
		"type":                         uint64(MaxType),
		"agent":                        MaxAgent,
		"observed":                     MaxObserved,
		"features":                     MaxFeatures,
		"one feature":                  MaxFeature,
		"proof":                        ProofSize,
		"peer ID":                      PeerSize,
		"TURN username, TURN password": MaxTurnName,
		"TURN seconds":                 MaxTurnSeconds,
		"token":                        TokenSize,
		"candidates in one res":        MaxCandidates,
		"reason":                       MaxReason,
		"transport":                    MaxTransport,
		"SDP":                          MaxSDP,
		"ICE candidate":                MaxICECandidate,
		"mid":                          MaxMid,
		"network id":                   uint64(MaxNetwork),
	}
	for _, row := range specTable(t, specTables(t), "12", 0) {
		n, _, _ := strings.Cut(row[1], " ")
		if v, ok := want[row[0]]; !ok || strconv.FormatUint(v, 10) != n {
			t.Errorf("§12: %q is %s, in the code %d (there: %v)", row[0], row[1], v, ok)
		}
		delete(want, row[0])
	}
	for what, v := range want {
		t.Errorf("§12 lacks %q, %d in the code", what, v)
	}
}

func TestSpecNames(t *testing.T) {
	tables := specTables(t)
	var got []string
	for _, row := range specTable(t, tables, "3.1", 0) {
		got = append(got, row[0], strings.ReplaceAll(row[1], " ", ""))
	}
	want := []string{Magic2, fmt.Sprintf("%x", Magic2), Magic1, fmt.Sprintf("%x", Magic1)}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("§3.1: %q, want %q", got, want)
	}
	got = nil
	for _, row := range specTable(t, tables, "6", 0) {
		got = append(got, row[0])
	}
	want = []string{ControlStream, DataStream, relayPrefix + "<token>", "any other"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("§6: %q, want %q", got, want)
	}
}

// Every section that the package's documentation names exists.
func TestSpecReferences(t *testing.T) {
	spec, err := os.ReadFile("../spec/PXP.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^##+ ([0-9.]+?)\.? `).FindAllStringSubmatch(string(spec), -1) {
		headings[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(Noise |RFC \d+ )?§([0-9]+(\.[0-9]+)?)`).FindAllStringSubmatch(string(spec), -1) {
		if m[1] == "" && !headings[m[2]] {
			t.Errorf("the spec refers to its §%s, which is not there", m[2])
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		source, err := os.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`PXP §([0-9]+(\.[0-9]+)?)`).FindAllStringSubmatch(string(source), -1) {
			n++
			if !headings[m[1]] {
				t.Errorf("%s refers to PXP §%s, which is not there", entry.Name(), m[1])
			}
		}
	}
	if n == 0 {
		t.Error("no references found")
	}
}
