package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
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
	quick := flags.Bool("quick", false, "one short round: whether it works, not how fast it is")
	list := flags.Bool("list", false, "say what there is to measure, and measure nothing")
	asJSON := flags.Bool("json", false, "print the samples, not tables")
	write := flags.Bool("write", false, "put what was measured into results.json and RESULTS.md too")
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
	if *write && (*quick || *rowName != "") {
		return errors.New("what --quick measures is not worth to --write, nor is a part of a table")
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	e := fullEffort
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
	var results []result
	for _, m := range chosen {
		r := run(onlyRows{m, *rowName}, e, progress)
		results = append(results, r)
		if !*asJSON {
			writeResult(out, &r)
		}
		if *write { // after each: a later one that is interrupted costs none
			if err := merge(resultsFile, r); err != nil {
				return err
			}
		}
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(results)
	}
	writeGoals(out, results)
	if *write {
		return rewrite(nil)
	}
	return nil
}

func choose(only string) ([]measurement, error) {
	if only == "" {
		return measurements, nil
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
