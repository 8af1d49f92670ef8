package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the processes that measurements start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{memoryAccept, memoryDial, growthOf}, os.Args[1]) {
		if err := command(os.Args[1:], os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		return
	}
	status := m.Run()
	if !rivalFailed.Load() { // what it leaves behind is not ours
		if err := goleak.Find(); status == 0 && err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// rivalFailed is set when a rival did not measure.
var rivalFailed atomic.Bool

// TestEachMeasures runs every measurement once, as shortly as can be: whether
// it works, not what comes out. That a rival does not is told, and no failure:
// they do on busy machines, and simple-peer needs npm ci.
func TestEachMeasures(t *testing.T) {
	if testing.Short() {
		t.Skip("takes most of a minute")
	}
	for _, m := range measurements {
		t.Run(m.about().Name, func(t *testing.T) {
			r := run(m, quickEffort, newTurns([]measurement{m}, quickEffort, nil, nil))
			for _, row := range r.Rows {
				if len(row.Again) > 0 {
					t.Logf("%s, which is not ours: %q", row.Name, row.Again)
					rivalFailed.Store(true)
				}
			}
			for _, fault := range faults(&r) {
				t.Error(fault)
			}
		})
	}
}

// faults is what is wrong with a result: rows of ours that failed, and figures
// that are not above 0, except where columns have no ratio.
func faults(r *result) (errs []error) {
	if err := r.broken(); err != nil {
		errs = append(errs, err)
	}
	if len(r.Rows) == 0 {
		errs = append(errs, errors.New("no rows"))
	}
	if r.Base != "" && r.row(r.Base) == nil {
		errs = append(errs, fmt.Errorf("no row is called %q, which is the base", r.Base))
	}
	for _, row := range r.Rows {
		measured := 0
		for c, col := range r.Columns {
			for _, x := range row.Samples[c] {
				if x.missing() {
					continue
				}
				measured++
				if x < 0 || x == 0 && !col.Plain {
					errs = append(errs, fmt.Errorf("%s: %s is %v", row.Name, col.Name, x))
				}
			}
		}
		if measured == 0 && len(row.Failed) == 0 {
			errs = append(errs, fmt.Errorf("%s: nothing was measured", row.Name))
		}
	}
	return errs
}

func TestGoalsAreMeasured(t *testing.T) {
	for _, g := range goals {
		chosen, err := choose(g.measurement)
		if err != nil {
			t.Errorf("%s: %v", g.what, err)
			continue
		}
		r, _ := runIt(pretend{chosen[0]}, effort{rounds: 1})
		if measured, _ := g.of(&r); measured != 1 && measured != 2 {
			t.Errorf("%s: %v is measured of a table full of 2", g.what, measured)
		}
	}
}

// pretend is a measurement that finds 2 everywhere.
type pretend struct{ measurement }

func (p pretend) rows(e effort) []row {
	rows := p.measurement.rows(e)
	for i := range rows {
		rows[i].once = func() ([]float64, error) {
			sample := make([]float64, len(p.about().Columns))
			for c := range sample {
				sample[c] = 2
			}
			return sample, nil
		}
	}
	return rows
}

func TestChoose(t *testing.T) {
	if all, err := choose(""); err != nil || len(all) != len(measurements) {
		t.Errorf("nothing named: %d, %v", len(all), err)
	}
	if two, err := choose("setup,stream"); err != nil || len(two) != 2 || two[0].about().Name != "setup" {
		t.Errorf("two named: %v, %v", two, err)
	}
	if _, err := choose("stream,speed"); err == nil {
		t.Error("no error for a measurement that is none")
	}
}
