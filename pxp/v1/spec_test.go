package v1

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// PXP §16 is held against the code, in both directions.

func readSpec(t *testing.T) string {
	data, err := os.ReadFile("../../spec/PXP.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// section returns the text of a section up to the next heading.
func section(t *testing.T, spec, number string) string {
	t.Helper()
	m := regexp.MustCompile(`(?ms)^##+ ` + regexp.QuoteMeta(number) + ` .*?\n(.*?)(^##|\z)`).FindStringSubmatch(spec)
	if m == nil {
		t.Fatalf("PXP has no §%s", number)
	}
	return m[1]
}

// firstTable returns the rows of a section's first table without its head, code quotes taken off.
func firstTable(t *testing.T, spec, number string) (rows [][]string) {
	t.Helper()
	head := true
	for line := range strings.Lines(section(t, spec, number)) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			if len(rows) > 0 {
				return rows
			}
		case strings.HasPrefix(line, "|---"):
			head = false
		case !head:
			var row []string
			for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
				row = append(row, strings.Trim(strings.TrimSpace(cell), "`"))
			}
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("PXP §%s has no table", number)
	}
	return rows
}

func TestSpecCommands(t *testing.T) {
	spec := readSpec(t)
	seen := map[string]bool{}
	for i, row := range firstTable(t, spec, "16.5") {
		seen[row[0]] = true
		if decoders[row[0]] == nil {
			t.Errorf("the spec has %q, the code has not", row[0])
		}
		number := "16.5." + strconv.Itoa(i+1)
		if !strings.Contains(spec, "\n#### "+number+" "+row[0]+"\n") {
			t.Errorf("§%s is not that of %s", number, row[0])
		}
	}
	for command := range decoders {
		if !seen[command] {
			t.Errorf("the code has %q, the spec has not", command)
		}
	}
}

// The messages that the specification shows are written like that.
func TestSpecExamples(t *testing.T) {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^    (\["[a-z]+","[0-9a-z]+",.*\])$`).FindAllStringSubmatch(readSpec(t), -1) {
		message, err := Decode([]byte(m[1]))
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		found[message.Command()] = true
		if line, err := Append(nil, message); err != nil || string(line) != m[1]+"\n" {
			t.Errorf("written as %s, %v, in the spec %s", line, err, m[1])
		}
	}
	for command := range decoders {
		if command != commandRes && !found[command] { // res has a table
			t.Errorf("the spec shows no %s", command)
		}
	}
	for _, row := range firstTable(t, readSpec(t), "16.5.7") {
		list := row[0] == commandGetPeers
		for i, cells := range []string{row[1], row[2]} {
			args, _, _ := strings.Cut(cells, "`") // one that is shown beside it
			args = strings.NewReplacer(",...]", "]", "{...}", "{}").Replace(args)
			m, err := Decode([]byte(`["res","1",` + args + `]`))
			if err != nil || m.(Res).OK != (i == 0) || m.(Res).List != list {
				t.Errorf("%s: %+v, %v", args, m, err)
			}
		}
	}
}

// The words that the specification names as nonces of no request are those that are refused.
func TestSpecReservedNonces(t *testing.T) {
	for _, row := range firstTable(t, readSpec(t), "16.10") {
		if !strings.HasPrefix(row[0], "res with the nonce") {
			continue
		}
		words := regexp.MustCompile("`([a-z]+)").FindAllStringSubmatch(row[0], -1)
		for _, word := range words {
			if !reserved(word[1]) {
				t.Errorf("the nonce %q is not reserved", word[1])
			}
		}
		if len(words) != len(decoders) { // all of them but res, and error
			t.Errorf("%d words", len(words))
		}
		return
	}
	t.Error("no row of them")
}

func TestSpecLimits(t *testing.T) {
	want := map[string]int{
		"line, without its end": MaxLine,
		"nesting":               MaxNesting,
		"values in a line":      MaxValues,
		"nonce, as printed":     MaxNonce,
		"networks in hello":     MaxNetworks,
		"candidates in one res": MaxCandidates,
	}
	for _, row := range firstTable(t, readSpec(t), "16.11") {
		n, _, _ := strings.Cut(row[1], " ")
		if v, ok := want[row[0]]; !ok || strconv.Itoa(v) != n {
			t.Errorf("§16.11: %q is %s, in the code %d (there: %v)", row[0], row[1], v, ok)
		}
		delete(want, row[0])
	}
	for what, v := range want {
		t.Errorf("§16.11 lacks %q, %d in the code", what, v)
	}
}

// Every section that the package's documentation names exists.
func TestSpecReferences(t *testing.T) {
	spec := readSpec(t)
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
		for _, m := range regexp.MustCompile(`PXP §([0-9]+(\.[0-9]+)*)`).FindAllStringSubmatch(string(source), -1) {
			n++
			if !regexp.MustCompile(`(?m)^##+ ` + regexp.QuoteMeta(m[1]) + `\.? `).MatchString(spec) {
				t.Errorf("%s refers to PXP §%s, which is not there", entry.Name(), m[1])
			}
		}
	}
	if n == 0 {
		t.Error("no references found")
	}
}
