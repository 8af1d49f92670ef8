package v1

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// feed returns the lines that a Splitter finds in chunks, and its last error.
func feed(s *Splitter, chunks ...string) (lines []string, err error) {
	for _, chunk := range chunks {
		err = s.Feed([]byte(chunk), func(line []byte) error {
			lines = append(lines, string(line))
			return nil
		})
	}
	return lines, err
}

func TestSplitter(t *testing.T) {
	for text, want := range map[string][]string{
		"":                   nil,
		"a":                  nil,
		"a\n":                {"a"},
		"a\nb\nc":            {"a", "b"},
		"a\r\nb\n":           {"a", "b"},
		"\n\n\r\n\na\n\n":    {"a"},
		"a\r\r\n\r\r\nb\r\n": {"a\r", "\r", "b"},
		" \na\rb\n":          {" ", "a\rb"},
		"\xff\xe2\x82\n\x00": {"\xff\xe2\x82"},
	} {
		rest := text[strings.LastIndexByte(text, '\n')+1:]
		// Whole, a byte at a time, and cut into two everywhere.
		cuts := [][]string{{text}, strings.Split(text, "")}
		if !strings.Contains(text, "\xff") { // Split cuts into characters
			for i := range text {
				cuts = append(cuts, []string{text[:i], "", text[i:]})
			}
		}
		for _, chunks := range cuts {
			var s Splitter
			got, err := feed(&s, chunks...)
			if err != nil || !slices.Equal(got, want) || string(s.Rest()) != rest {
				t.Errorf("%q: %q, rest %q, %v, want %q, %q", chunks, got, s.Rest(), err, want, rest)
			}
		}
	}
}

func TestSplitterLimit(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, c := range []struct {
		text string
		want int // lines before the error
		ok   bool
	}{
		{long + "\n", 1, true},
		{long + "\r\n", 1, true},
		{long, 0, true},
		{long + "\r", 0, true},
		{long + "x", 0, false},
		{long + "x\n", 0, false},
		{long + "\r\r", 0, false},
		{long + "\rx", 0, false},
		{"a\n\n" + long + "\nb\n" + long + "x", 3, false},
		{"a\n" + long + "x\nb\n", 1, false},
	} {
		for _, size := range []int{1, 7, MaxLine, MaxLine + 1, len(c.text)} {
			var s Splitter
			var chunks []string
			for chunk := range slices.Chunk([]byte(c.text), size) {
				chunks = append(chunks, string(chunk))
			}
			lines, err := feed(&s, chunks...)
			if len(lines) != c.want || (err == nil) != c.ok {
				t.Errorf("%d bytes in pieces of %d: %d lines, %v, want %d", len(c.text), size, len(lines), err, c.want)
			}
			if err == nil {
				continue
			}
			wantField(t, err, "line")
			again, later := feed(&s, "a\n")
			if len(again) > 0 || later != err || len(s.Rest()) > 0 {
				t.Errorf("after the error: %q, %v, rest of %d bytes", again, later, len(s.Rest()))
			}
		}
	}
}

func TestSplitterEndedByLine(t *testing.T) {
	var s Splitter
	enough := errors.New("enough")
	calls := 0
	err := s.Feed([]byte("a\nb\n"), func([]byte) error { calls++; return enough })
	if err != enough || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if lines, err := feed(&s, "c\n"); !errors.Is(err, enough) || len(lines) > 0 {
		t.Errorf("later: %q, %v", lines, err)
	}
}

// A Splitter holds no more than a line, however much goes through it.
func TestSplitterHolds(t *testing.T) {
	var s Splitter
	chunk := bytes.Repeat([]byte(strings.Repeat("x", 1000)+"\n"), 1000)
	chunk = append(chunk, "rest"...)
	for range 10 {
		if err := s.Feed(chunk, func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(s.held); n > 2*MaxLine {
		t.Errorf("%d bytes held", n)
	}
}

func ExampleSplitter() {
	var s Splitter
	for _, piece := range []string{`["hello","0",[1,null,["net"]]]` + "\n" + `["con`, `nect","1","net"]` + "\n"} {
		err := s.Feed([]byte(piece), func(line []byte) error {
			m, err := Decode(line)
			if err == nil {
				fmt.Println(m.Command())
			}
			return err
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// hello
	// connect
}
