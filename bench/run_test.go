package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// scripted is a measurement whose rows note their turns.
type scripted struct {
	names []string
	turns *[]string
	fail  string // whose every turn fails
}

func (scripted) about() result {
	return result{Name: "scripted", Columns: []column{{Name: "turn", Unit: "count"}, {Name: "none", Unit: "count"}}, Base: "a"}
}

func (s scripted) rows(effort) []row {
	var rows []row
	for _, name := range s.names {
		rows = append(rows, row{name: name, once: func() ([]float64, error) {
			*s.turns = append(*s.turns, name)
			if name == s.fail {
				return nil, errors.New("broken")
			}
			return []float64{float64(len(*s.turns))}, nil
		}})
	}
	return rows
}

func TestRunInterleaves(t *testing.T) {
	var turns []string
	r := run(scripted{names: []string{"a", "b", "c"}, turns: &turns}, effort{rounds: 3}, nil)
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
	var progress strings.Builder
	r := run(scripted{names: []string{"a", "b"}, turns: &turns, fail: "a"}, effort{rounds: 2}, &progress)
	if got := r.row("a"); len(got.Failed) != 2 || got.of(0).n != 0 {
		t.Errorf("a: %d failures, %d samples, want 2 and 0", len(got.Failed), got.of(0).n)
	}
	if got := r.row("b").of(0); got.n != 2 {
		t.Errorf("b: %d samples, want 2", got.n)
	}
	if !strings.Contains(progress.String(), "FAILED: broken") {
		t.Errorf("progress says nothing of the failure: %q", progress.String())
	}
}
