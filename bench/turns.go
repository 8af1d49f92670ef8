package main

import (
	"fmt"
	"io"
	"time"
)

// turns are those of all rows of all questions of a run, and how long each
// takes: what the next ones will take is known from the ones before, or from
// the results of another run.
type turns struct {
	progress io.Writer // nil: nobody wants to know
	all      []string  // a name for each, in order
	next     int
	took     map[string]float64 // the seconds of a turn, by name
}

func turnName(question, row string) string { return question + "/" + row }

// newTurns lists what is to be done. Known are results of before.
func newTurns(chosen []measurement, e effort, known []result, progress io.Writer) *turns {
	t := &turns{progress: progress, took: make(map[string]float64)}
	for _, r := range known {
		for _, row := range r.Rows {
			if row.Seconds > 0 {
				t.took[turnName(r.Name, row.Name)] = row.Seconds
			}
		}
	}
	for _, m := range chosen {
		name, rows := m.about().Name, m.rows(e)
		for round := range e.rounds {
			for _, row := range rows {
				if row.takesPart(round) {
					t.all = append(t.all, turnName(name, row.name))
				}
			}
		}
	}
	return t
}

// done tells of a turn: which it was, what it measured, and what is left.
func (t *turns) done(r *result, round, rounds int, row string, took time.Duration, sample []float64, err error) {
	t.took[turnName(r.Name, row)] = took.Seconds()
	t.next++
	if t.progress == nil {
		return
	}
	fmt.Fprintf(t.progress, "%s %d/%d %-24s %6.1f s", r.Name, round+1, rounds, row, took.Seconds())
	for c, x := range sample {
		fmt.Fprintf(t.progress, "  %s %s", show(x), r.Columns[c].Unit)
	}
	if err != nil {
		fmt.Fprintf(t.progress, "  FAILED: %v", err)
	}
	fmt.Fprintf(t.progress, "  [%s left]\n", t.left())
}

// left is how long the turns to come will take: those of which nothing is
// known as long as the others on average.
func (t *turns) left() string {
	if t.next >= len(t.all) {
		return "nothing"
	}
	mean := 0.0
	for _, s := range t.took {
		mean += s / float64(len(t.took))
	}
	sum, guess := 0.0, ""
	for _, name := range t.all[t.next:] {
		s, known := t.took[name]
		if !known {
			s, guess = mean, "perhaps "
		}
		sum += s
	}
	return guess + time.Duration(sum*float64(time.Second)).Round(time.Second).String()
}
