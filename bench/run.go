package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"time"
)

// measurement asks one question of several contenders.
type measurement interface {
	// about says what is asked, and what the columns are. Rows are filled in by
	// the run.
	about() result
	// rows are who is asked.
	rows(effort) []row
}

// row is one line of a measurement's table.
type row struct {
	name string
	// once takes one sample of every column.
	once func() ([]float64, error)
	// rounds, if not 0, is in how many rounds it takes part.
	rounds int
}

// effort is how hard to try.
type effort struct {
	rounds int           // how often each row has its turn
	time   time.Duration // about how long one sample takes where that can be chosen
	count  int           // how many samples stand behind a figure where they are counted
	quick  bool          // only whether it works
}

var (
	fullEffort  = effort{rounds: 5, time: 600 * time.Millisecond, count: 100}
	quickEffort = effort{rounds: 1, time: 30 * time.Millisecond, count: 3, quick: true}
)

// run gives each row its turn, then each again, for all rounds: what the
// machine does besides, it does to all of them. It reports on progress as it
// goes.
func run(m measurement, e effort, progress io.Writer) result {
	r := m.about()
	rows := m.rows(e)
	r.Quick, r.When, r.Machine, r.Commit = e.quick, time.Now(), thisMachine(), commit()
	r.Load[0] = loadAverage()
	for _, row := range rows {
		r.Rows = append(r.Rows, rowResult{Name: row.name, Samples: make([][]number, len(r.Columns))})
	}
	for round := range e.rounds {
		for i, row := range rows {
			if row.rounds > 0 && round >= row.rounds {
				r.Rows[i].add(nil, nil)
				continue
			}
			began := time.Now()
			runtime.GC() // what another has left is not this one's to collect
			sample, err := row.once()
			r.Rows[i].add(sample, err)
			if progress == nil {
				continue
			}
			fmt.Fprintf(progress, "%s %d/%d %-24s %6.1f s", r.Name, round+1, e.rounds, row.name, time.Since(began).Seconds())
			for c, x := range sample {
				fmt.Fprintf(progress, "  %s %s", show(x), r.Columns[c].Unit)
			}
			if err != nil {
				fmt.Fprintf(progress, "  FAILED: %v", err)
			}
			fmt.Fprintln(progress)
		}
	}
	r.Load[1] = loadAverage()
	return r
}

// add adds one sample of each column; of those that there are not, a missing
// one.
func (r *rowResult) add(sample []float64, err error) {
	if err != nil {
		r.Failed = append(r.Failed, err.Error())
		sample = nil
	}
	for c := range r.Samples {
		x := math.NaN()
		if c < len(sample) {
			x = sample[c]
		}
		r.Samples[c] = append(r.Samples[c], number(x))
	}
}
