package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
)

// measurements are all, in the order in which they are told.
var measurements = []measurement{
	streamRate{}, circuitRate{}, roundTrip{}, streamsRate{}, setUp{}, distantSetUp{}, meeting{}, webrtcRate{}, farAway{}, distantMeeting{}, meetingSteps{}, memory{}, codecCost{}, growth{},
}

func main() {
	if err := command(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func command(args []string, out, progress io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "report":
			return rewrite(args[1:])
		case memoryAccept, memoryDial:
			return memoryCommand(args, out)
		case growthOf:
			return growCommand(args, out)
		case "plot":
			return plotAll(args[1:])
		}
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "`NAME[,NAME]`: only these measurements")
	rowName := flags.String("row", "", "`TEXT`: only rows whose name has it")
	profile := flags.String("cpuprofile", "", "`FILE` for a profile of all that is measured")
	rounds := flags.Int("rounds", fullEffort.rounds, "how often each row has its turn")
	quick := flags.Bool("quick", false, "one short round: whether it works, not how fast it is")
	list := flags.Bool("list", false, "say what there is to measure, and measure nothing")
	asJSON := flags.Bool("json", false, "print the samples, not tables")
	write := flags.Bool("write", false, "put each table into results.json, RESULTS.md and plots as soon as it is measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no command: there are report and plot", flags.Arg(0))
	}
	if *list {
		for _, m := range measurements {
			about := m.about()
			fmt.Fprintf(out, "%-10s %s\n", about.Name, about.Asks)
		}
		return nil
	}
	if *write && (*quick || *rowName != "" || *rounds < fullEffort.rounds) {
		return errors.New("what --quick or few --rounds measure is not worth to --write, nor is a part of a table")
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	e := fullEffort
	e.rounds = *rounds
	if *quick {
		e = quickEffort
	}
	if *profile != "" {
		stop, err := startProfile(*profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	for i, m := range chosen {
		chosen[i] = onlyRows{m, *rowName}
	}
	known, _ := load(resultsFile) // without, the time that is left is a guess
	t := newTurns(chosen, e, known, progress)
	var results []result
	var errs []error
	for _, m := range chosen {
		r := run(m, e, t)
		results, errs = append(results, r), append(errs, r.broken())
		if !*asJSON {
			writeResult(out, &r, "")
		}
		if *write { // after each: a later one that is interrupted costs none
			if err := publish(r); err != nil {
				return err
			}
		}
	}
	if *asJSON {
		errs = append(errs, json.NewEncoder(out).Encode(results))
	} else {
		writeGoals(out, results)
	}
	return errors.Join(errs...)
}

// choose returns the measurements of those names, or all.
func choose(only string) ([]measurement, error) {
	if only == "" {
		return slices.Clone(measurements), nil
	}
	var chosen []measurement
	for name := range strings.SplitSeq(only, ",") {
		found := false
		for _, m := range measurements {
			if m.about().Name == name {
				chosen, found = append(chosen, m), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no measurement is called %q: --list names them", name)
		}
	}
	return chosen, nil
}

// onlyRows is a measurement without the rows whose name does not have text.
type onlyRows struct {
	measurement
	text string
}

func (m onlyRows) rows(e effort) (rows []row) {
	for _, r := range m.measurement.rows(e) {
		if strings.Contains(r.name, m.text) {
			rows = append(rows, r)
		}
	}
	return rows
}

func startProfile(file string) (stop func(), err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}
