package main

import (
	"math"
	"slices"
	"time"
)

// result is what came out of one measurement: the samples of each row, in the
// order of the rounds in which all rows had their turn.
type result struct {
	Name    string
	Asks    string
	Notes   []string `json:",omitempty"`
	Columns []column
	Base    string // the row that ratios are to
	Rows    []rowResult
	When    time.Time
	Commit  string
	Machine machine
	Load    [2]string // load averages before and after
	Quick   bool      `json:",omitempty"`
}

// column is something that is measured of each row.
type column struct {
	Name   string
	Unit   string
	Higher bool `json:",omitempty"` // is better
	Plain  bool `json:",omitempty"` // no ratio: it is a count, or belongs to the column before
}

// rowResult has a sample of every column for each round: Samples[column][round].
type rowResult struct {
	Name    string
	Samples [][]number
	Skipped int      `json:",omitempty"` // rounds that it took no part in
	Seconds float64  `json:",omitempty"` // that the last turn took
	Rival   bool     `json:",omitempty"` // somebody else's: may fail
	Again   []string `json:",omitempty"` // why there were second tries
	Failed  []string `json:",omitempty"` // why rounds are missing
}

// number is a float64 that JSON can hold when there is none: NaN is null.
type number float64

func (n number) missing() bool { return math.IsNaN(float64(n)) }

// MarshalJSON writes five significant digits, or null.
func (n number) MarshalJSON() ([]byte, error) { //nolint:unparam // a json.Marshaler
	if n.missing() || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return formatNumber(float64(n), 5), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *number) UnmarshalJSON(b []byte) error {
	f, err := parseNumber(b)
	*n = number(f)
	return err
}

func (r *result) row(name string) *rowResult {
	for i := range r.Rows {
		if r.Rows[i].Name == name {
			return &r.Rows[i]
		}
	}
	return nil
}

func (r *result) column(name string) int {
	return slices.IndexFunc(r.Columns, func(c column) bool { return c.Name == name })
}

// of returns the summary of a column of a row.
func (r *rowResult) of(column int) summary {
	if column < 0 || column >= len(r.Samples) {
		return summarize(nil)
	}
	return summarize(r.Samples[column])
}

// turns is in how many rounds the row was asked.
func (r *rowResult) turns() int {
	n := 0
	if len(r.Samples) > 0 {
		n = len(r.Samples[0])
	}
	return max(n-r.Skipped, 0)
}

func (r *rowResult) tries() string {
	if r.Rival {
		return ", each tried twice"
	}
	return ""
}

// ratio summarizes a column of row to that of base, round by round.
func ratio(row, base *rowResult, column int) summary {
	if row == nil || base == nil || column < 0 || column >= len(row.Samples) || column >= len(base.Samples) {
		return summarize(nil)
	}
	var all []number
	for round, x := range row.Samples[column] {
		if round < len(base.Samples[column]) {
			all = append(all, x/base.Samples[column][round])
		}
	}
	return summarize(all)
}
