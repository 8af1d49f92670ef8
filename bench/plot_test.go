package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	r := example()
	r.Asks = "Faster than <others> & co?"
	var text strings.Builder
	draw(&text, &r)
	elements := make(map[string]int)
	for d := xml.NewDecoder(strings.NewReader(text.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	// The background and a bar for each row and column, a whisker for each.
	if elements["rect"] != 1+6 || elements["path"] != 6 {
		t.Errorf("%d rectangles and %d paths, want 7 and 6", elements["rect"], elements["path"])
	}
}

func TestScale(t *testing.T) {
	rows := func(x ...number) (all []*rowResult) {
		for _, x := range x {
			all = append(all, &rowResult{Samples: [][]number{{x}}})
		}
		return all
	}
	s := scaleOf(rows(10, 40), 0)
	if s.log || s.pixels(40) != plotBar || s.pixels(10) != plotBar/4 {
		t.Errorf("linear: %+v, %v and %v pixels", s, s.pixels(40), s.pixels(10))
	}
	s = scaleOf(rows(1, 100), 0)
	if !s.log || s.pixels(100) != plotBar || s.pixels(1) <= 0 || s.pixels(10) <= plotBar/2 {
		t.Errorf("logarithmic: %+v, %v, %v and %v pixels", s, s.pixels(100), s.pixels(1), s.pixels(10))
	}
}

// TestPublish: each result that is there is in all files, in the place of that
// of its name.
func TestPublish(t *testing.T) {
	t.Chdir(t.TempDir())
	late, r := example(), example()
	late.Name = "setup"
	if err := os.WriteFile(notesFile, []byte("### found\n\nNothing.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	old := r
	old.Rows = nil
	for _, r := range []result{late, old, r} {
		if err := publish(r); err != nil {
			t.Fatal(err)
		}
	}
	results, err := load(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || results[0].Name != "stream" || results[1].Name != "setup" {
		t.Fatalf("%d results, the first %q: want stream, then setup", len(results), results[0].Name)
	}
	if got := results[0].row(libp2pTLS.label).of(0).n; got != 2 {
		t.Errorf("%d samples of three, one of them missing, want 2", got)
	}
	report, err := os.ReadFile(reportFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Results", "### goals", "### found", "### stream", "### setup", "commit abc (not in this history), [machine 1]", "- Machine 1: ", "(plots/stream.svg)"} {
		if !strings.Contains(string(report), want) {
			t.Errorf("%s has no %q", reportFile, want)
		}
	}
	if _, err := os.Stat("plots/stream.svg"); err != nil {
		t.Error(err)
	}
}
