package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// scripted is a measurement whose rows note their turns.
type scripted struct {
	names []string
	turns *[]string
	fail  map[string]int // how many of a row's turns fail, the first ones
	rival string         // a row that is not ours
	how   func() error   // how turns fail; nil is an error
}

func (scripted) about() result {
	return result{Name: "scripted", Columns: []column{{Name: "turn", Unit: "count"}, {Name: "none", Unit: "count"}}, Base: "a"}
}

func (s scripted) rows(effort) []row {
	var rows []row
	for _, name := range s.names {
		left := s.fail[name]
		rows = append(rows, row{name: name, rival: name == s.rival, once: func() ([]float64, error) {
			*s.turns = append(*s.turns, name)
			if left--; left >= 0 {
				if s.how != nil {
					return nil, s.how()
				}
				return nil, errors.New("broken")
			}
			return []float64{float64(len(*s.turns))}, nil
		}})
	}
	return rows
}

// runIt runs m and returns what it says on the way.
func runIt(m measurement, e effort) (result, string) {
	var progress strings.Builder
	if e.limit == 0 {
		e.limit = time.Minute
	}
	r := run(m, e, newTurns([]measurement{m}, e, nil, &progress))
	return r, progress.String()
}

func TestRunInterleaves(t *testing.T) {
	var turns []string
	r, _ := runIt(scripted{names: []string{"a", "b", "c"}, turns: &turns}, effort{rounds: 3})
	if want := strings.Split("abcabcabc", ""); !slices.Equal(turns, want) {
		t.Errorf("turns %q, want %q", turns, want)
	}
	if got, want := r.row("b").Samples[0], []number{2, 5, 8}; !slices.Equal(got, want) {
		t.Errorf("samples of b %v, want %v", got, want)
	}
	if got := r.row("b").Samples[1]; len(got) != 3 || !got[0].missing() {
		t.Errorf("samples of what was not measured: %v, want three missing", got)
	}
}

func TestRunSurvivesFailure(t *testing.T) {
	var turns []string
	r, progress := runIt(scripted{names: []string{"a", "b"}, turns: &turns, fail: map[string]int{"a": 2}}, effort{rounds: 2})
	if want := strings.Split("abab", ""); !slices.Equal(turns, want) {
		t.Errorf("turns %q, want %q: what is ours is not tried again", turns, want)
	}
	if got := r.row("a"); len(got.Failed) != 2 || got.of(0).n != 0 {
		t.Errorf("a: %d failures, %d samples, want 2 and 0", len(got.Failed), got.of(0).n)
	}
	if got := r.row("b").of(0); got.n != 2 {
		t.Errorf("b: %d samples, want 2", got.n)
	}
	if !strings.Contains(progress, "FAILED: broken") {
		t.Errorf("progress says nothing of the failure: %q", progress)
	}
	if err := r.broken(); err == nil || !strings.Contains(err.Error(), "a failed in 2 rounds: broken") {
		t.Errorf("that a row of ours fails is told as %v", err)
	}
	if errs := faults(&r); len(errs) == 0 {
		t.Error("the test of each measurement would pass")
	}
}

func TestTurnIsLimited(t *testing.T) {
	stuck := make(chan struct{})
	ended := make(chan struct{})
	_, err := row{once: func() ([]float64, error) {
		defer close(ended)
		<-stuck
		return nil, nil
	}}.turn(time.Millisecond)
	if err == nil || err.Error() != "not done after 1ms" {
		t.Errorf("what does not end is told as %v", err)
	}
	close(stuck)
	<-ended
}

// TestRivalFails: it is tried once more, and then a note in the table.
func TestRivalFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  int
		how   func() error
		turns string
		note  string
	}{
		{"not", 0, nil, "abab", ""},
		{"once", 1, nil, "abbab", "b needed a second try in 1 of 2 rounds: broken"},
		{"a round", 2, nil, "abbab", "b failed: broken (in 1 of 2 rounds, each tried twice)"},
		{"always", 4, nil, "abbabb", "b failed: broken (in 2 of 2 rounds, each tried twice)"},
		{"by panic", 4, func() error { panic("fire") }, "abbabb", "b failed: panic: fire (in 2 of 2 rounds, each tried twice)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var turns []string
			m := scripted{names: []string{"a", "b"}, turns: &turns, fail: map[string]int{"b": c.fail}, rival: "b", how: c.how}
			r, _ := runIt(m, effort{rounds: 2})
			if got := strings.Join(turns, ""); got != c.turns {
				t.Errorf("turns %s, want %s", got, c.turns)
			}
			if err := r.broken(); err != nil {
				t.Errorf("it ends as a failure: %v", err)
			}
			if errs := faults(&r); len(errs) > 0 {
				t.Errorf("the test of each measurement would fail: %q", errs)
			}
			var table strings.Builder
			writeResult(&table, &r, "")
			if c.note == "" && strings.Contains(table.String(), "- b ") || !strings.Contains(table.String(), c.note) {
				t.Errorf("no note %q in\n%s", c.note, table.String())
			}
		})
	}
}

func TestTimeLeft(t *testing.T) {
	var turns []string
	m := scripted{names: []string{"a", "b"}, turns: &turns}
	known := []result{{Name: "scripted", Rows: []rowResult{{Name: "b", Seconds: 60}}}}
	left := newTurns([]measurement{m}, effort{rounds: 2}, known, nil)
	if got := left.left(); got != "perhaps 4m0s" {
		t.Errorf("%s before the first turn, want perhaps 4m0s: a takes as long as b did", got)
	}
	r := m.about()
	left.done(&r, 0, 2, "a", time.Second, nil, nil)
	if got := left.left(); got != "2m1s" {
		t.Errorf("%s after a took 1 s, want 2m1s", got)
	}
	for range 3 {
		left.done(&r, 0, 2, "b", time.Second, nil, nil)
	}
	if got := left.left(); got != "nothing" {
		t.Errorf("%s after all turns", got)
	}
}
