package main

import (
	"errors"
	"fmt"
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
	// rival is somebody else's: where it fails it is tried once more, and then
	// has no figure. Where a row that is ours fails, something is broken.
	rival bool
	// once takes one sample of every column.
	once func() ([]float64, error)
	// rounds, if not 0, is in how many rounds it takes part.
	rounds int
}

// takesPart reports whether the row has a turn in that round, from 0.
func (r row) takesPart(round int) bool { return r.rounds == 0 || round < r.rounds }

// rowFor is a row about c.
func rowFor(c contender, once func() ([]float64, error)) row {
	return row{name: c.name(), rival: isRival(c), once: once}
}

// effort is how hard to try.
type effort struct {
	rounds int           // how often each row has its turn
	time   time.Duration // about how long one sample takes where that can be chosen
	count  int           // how many samples stand behind a figure where they are counted
	quick  bool          // only whether it works
	limit  time.Duration // of one turn; what takes longer has failed
}

var (
	fullEffort  = effort{rounds: 5, time: 600 * time.Millisecond, count: 100, limit: 30 * time.Minute}
	quickEffort = effort{rounds: 1, time: 30 * time.Millisecond, count: 3, quick: true, limit: 2 * time.Minute}
)

// far is how long a round trip takes when it shall take rtt: less when nobody
// looks at the figures.
func (e effort) far(rtt time.Duration) time.Duration {
	if e.quick {
		return rtt / 10
	}
	return rtt
}

// run gives each row its turn, then each again, for all rounds: what the
// machine does besides, it does to all of them.
func run(m measurement, e effort, t *turns) result {
	r := m.about()
	rows := m.rows(e)
	r.Quick, r.When, r.Machine, r.Commit = e.quick, time.Now(), thisMachine(), commit()
	r.Load[0] = loadAverage()
	for _, row := range rows {
		r.Rows = append(r.Rows, rowResult{Name: row.name, Rival: row.rival, Samples: make([][]number, len(r.Columns))})
	}
	for round := range e.rounds {
		for i, row := range rows {
			out := &r.Rows[i]
			if !row.takesPart(round) {
				out.add(nil)
				out.Skipped++
				continue
			}
			began := time.Now()
			sample, err := row.turn(e.limit)
			if err != nil && row.rival {
				out.Again = append(out.Again, err.Error())
				sample, err = row.turn(e.limit)
			}
			if err != nil {
				out.Failed = append(out.Failed, err.Error())
				sample = nil
			}
			out.add(sample)
			out.Seconds = math.Round(100*time.Since(began).Seconds()) / 100
			t.done(&r, round, e.rounds, row.name, time.Since(began), sample, err)
		}
	}
	r.Load[1] = loadAverage()
	return r
}

// turn takes one sample. What does not end within limit has failed, and is left
// to itself. So has a rival that panics.
func (r row) turn(limit time.Duration) ([]float64, error) {
	runtime.GC() // what another has left is not this one's to collect
	type outcome struct {
		sample []float64
		err    error
	}
	done := make(chan outcome, 1) // filled once
	go func() {                   // ends with the turn, which is waited for, or is over its limit
		defer func() {
			if !r.rival {
				return // a panic of ours is told with its stack
			}
			if p := recover(); p != nil {
				done <- outcome{nil, fmt.Errorf("panic: %v", p)}
			}
		}()
		sample, err := r.once()
		done <- outcome{sample, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.sample, o.err
	case <-timer.C:
		return nil, fmt.Errorf("not done after %v", limit)
	}
}

// add adds one sample of each column; of those that there are not, a missing
// one.
func (r *rowResult) add(sample []float64) {
	for c := range r.Samples {
		x := math.NaN()
		if c < len(sample) {
			x = sample[c]
		}
		r.Samples[c] = append(r.Samples[c], number(x))
	}
}

// broken says which rows failed that are not rivals'.
func (r *result) broken() error {
	var errs []error
	for _, row := range r.Rows {
		if !row.Rival && len(row.Failed) > 0 {
			errs = append(errs, fmt.Errorf("%s: %s failed in %d rounds: %s", r.Name, row.Name, len(row.Failed), row.Failed[0]))
		}
	}
	return errors.Join(errs...)
}
