package interop

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The benchmarks of this package put nodes of this module beside nodes of the original: processes of the same kind, that
// do the same in turns in one run, so that what else the machine does meets all of them. Run them with
//
//	go test -run XXX -bench . ./interop
//
// Each prints a table: for each kind the median of the rounds with the least and the most, and likewise of its ratio to
// the original's in the same round.

// benchRounds is how often each kind does it, at least.
const benchRounds = 7

// kind is a kind of node that is measured.
type kind struct {
	name    string
	command []string // see Options
	v1      bool     // it is of this module, and speaks version 1 alone
}

// kinds begins with the original, to which the others are compared.
var kinds = []kind{
	{name: "js", command: []string{"node", "--expose-gc", "bench.js"}},
	{name: "v1", command: []string{os.Args[0], benchNodeArgument + "1"}, v1: true},
	{name: "v2", command: []string{os.Args[0], benchNodeArgument + "2"}},
}

// start starts a node that is killed when the measurement is over.
func (k kind) start(ctx context.Context, m *measurement, name string) (*Process, error) {
	p, err := Start(ctx, Options{Name: name + " (" + k.name + ")", Network: "bench", Command: k.command})
	if err == nil {
		m.processes = append(m.processes, p)
	}
	return p, err
}

// listen starts a node that listens, and returns the URL at which its kind dials it.
func (k kind) listen(ctx context.Context, m *measurement) (p *Process, url string, err error) {
	if p, err = k.start(ctx, m, "listener"); err != nil {
		return nil, "", err
	}
	e, err := p.Do(ctx, Command{Command: "listen"})
	if k.v1 {
		e.URL += "?v=1"
	}
	return p, e.URL, err
}

// measurement is what one kind does in one round.
type measurement struct {
	processes []*Process
}

func (m *measurement) end() {
	for _, p := range m.processes {
		p.Kill()
	}
}

// series is one column of results: of each kind, by round.
type series struct {
	name, unit string
	format     string
	values     map[string][]float64
}

func newSeries(name, unit, format string) *series {
	return &series{name, unit, format, map[string][]float64{}}
}

func (s *series) add(k kind, value float64) { s.values[k.name] = append(s.values[k.name], value) }

// report prints a table, and tells the medians to b.
func (s *series) report(b *testing.B) {
	b.Helper()
	var table strings.Builder
	fmt.Fprintf(&table, "%s, %s, median (least to most) of %d\n", s.name, s.unit, len(s.values[kinds[0].name]))
	fmt.Fprintf(&table, "| | %s | x %s |\n|---|---|---|\n", s.unit, kinds[0].name)
	base := s.values[kinds[0].name]
	for _, k := range kinds {
		values := s.values[k.name]
		ratios := make([]float64, len(values))
		for i := range values {
			ratios[i] = values[i] / base[i]
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", k.name, spread(s.format, values), spread("%.2f", ratios))
		b.ReportMetric(median(values), strings.ReplaceAll(s.name+" "+k.name+" "+s.unit, " ", "-"))
	}
	b.ReportMetric(0, "ns/op")           // means nothing: leave it out
	fmt.Printf("\n%s\n", table.String()) // b.Log cuts what is longer than ten lines
}

func spread(format string, values []float64) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", median(values), slices.Min(values), slices.Max(values))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// beside has the kinds measure in turns, each being the first of a round in its turn too. The original fails now and then,
// by faults of its own (spec/PXP.md): then it does it again, which is counted and told; nodes of this module must not fail.
func beside(b *testing.B, measure func(context.Context, *measurement, kind) error) {
	b.Helper()
	if err := Missing("."); err != nil {
		b.Skip(err)
	}
	failures := 0
	for round := range max(b.N, benchRounds) {
		for i := range kinds {
			k := kinds[(round+i)%len(kinds)]
			for attempt := 1; ; attempt++ {
				err := once(k, measure)
				if err == nil {
					break
				}
				if k.name != "js" || attempt == 5 {
					b.Fatalf("%s: %v", k.name, err)
				}
				failures++
				fmt.Printf("\njs failed, and does it again: %v\n", err)
			}
		}
	}
	b.ReportMetric(float64(failures), "js-failures")
}

// onceTime is how long one kind may take in one round: the original may not answer at all.
const onceTime = 30 * time.Second

func once(k kind, measure func(context.Context, *measurement, kind) error) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), onceTime, fmt.Errorf("not done within %v", onceTime))
	defer cancel()
	m := &measurement{}
	defer m.end()
	return measure(ctx, m, k)
}
