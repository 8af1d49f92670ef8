package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Files in the working directory.
const (
	resultsFile = "results.json"
	reportFile  = "RESULTS.md"
	notesFile   = "notes.md" // what was found out about the results, by hand
)

func load(file string) ([]result, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var results []result
	if err := json.Unmarshal(b, &results); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return results, nil
}

// merge puts a result into the file, in the place of that of its name, in the
// order of measurements.
func merge(file string, r result) error {
	results, err := load(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	results = slices.DeleteFunc(results, func(old result) bool { return old.Name == r.Name })
	results = append(results, r)
	slices.SortStableFunc(results, func(a, b result) int { return place(a.Name) - place(b.Name) })
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	out.WriteString("[\n")
	for i, r := range results {
		if i > 0 {
			out.Truncate(out.Len() - 1)
			out.WriteString(",\n")
		}
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	out.WriteString("]\n")
	return replace(file, out.Bytes())
}

// replace writes a file so that whoever is interrupted leaves the old one or
// the new one.
func replace(file string, content []byte) error {
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func place(name string) int {
	i := slices.IndexFunc(measurements, func(m measurement) bool { return m.about().Name == name })
	if i < 0 {
		return len(measurements)
	}
	return i
}

// publish puts a result into all files.
func publish(r result) error {
	if err := merge(resultsFile, r); err != nil {
		return err
	}
	if err := rewrite(nil); err != nil {
		return err
	}
	return plotAll(nil)
}

// rewrite makes RESULTS.md out of results.json and notes.md.
func rewrite(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("report takes no arguments, not %q", args)
	}
	results, err := load(resultsFile)
	if err != nil {
		return err
	}
	notes, err := os.ReadFile(notesFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var out bytes.Buffer
	writeReport(&out, results, notes)
	return replace(reportFile, out.Bytes())
}

const preface = `# Results

Made by ` + "`go run . --write`" + ` in this directory; do not edit. All that stands in one table was measured in one run, each row in its
turn, then each again. A cell is the median of the rounds (least to most), and ×, the median of the rounds' ratios to the row
` + "`exchange`" + `, or to the one that the table names. A machine that was busy with other things shows in the load averages under a
table: ratios bear that better than figures, times better than throughputs.
`

func writeReport(w io.Writer, results []result, notes []byte) {
	fmt.Fprint(w, preface)
	writeGoals(w, results)
	if len(notes) > 0 {
		fmt.Fprintf(w, "\n%s", notes)
	}
	var setups []string // each machine with its versions
	for i := range results {
		setup := results[i].Machine.String()
		if !slices.Contains(setups, setup) {
			setups = append(setups, setup)
		}
		on := fmt.Sprintf(", [machine %d](#measured-on)", slices.Index(setups, setup)+1)
		if !inHistory(results[i].Commit) {
			on = " (not in this history)" + on
		}
		writeResult(w, &results[i], on)
		fmt.Fprintf(w, "\n![%s](plots/%s.svg)\n", results[i].Asks, results[i].Name)
	}
	fmt.Fprint(w, "\n### measured on\n\n")
	for i, setup := range setups {
		fmt.Fprintf(w, "- Machine %d: %s.\n", i+1, setup)
	}
}
