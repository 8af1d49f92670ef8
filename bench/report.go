package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
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
	return os.WriteFile(file, out.Bytes(), 0o644)
}

func place(name string) int {
	i := slices.IndexFunc(measurements, func(m measurement) bool { return m.about().Name == name })
	if i < 0 {
		return len(measurements)
	}
	return i
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
	return os.WriteFile(reportFile, out.Bytes(), 0o644)
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
	for i := range results {
		writeResult(w, &results[i])
	}
	fmt.Fprint(w, "\n### measured on\n\n")
	said := make(map[string]bool)
	for _, r := range results {
		if s := r.Machine.String(); !said[s] {
			said[s] = true
			fmt.Fprintf(w, "- %s\n", s)
		}
	}
	versions := make(map[string]bool)
	for _, r := range results {
		for module, version := range r.Machine.Versions {
			versions[module+" "+version] = true
		}
	}
	for _, v := range slices.Sorted(maps.Keys(versions)) {
		fmt.Fprintf(w, "- %s\n", v)
	}
}
