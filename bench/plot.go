package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// plotAll writes an SVG for each table of results.json, into the directory that
// is named, or plots.
func plotAll(args []string) error {
	dir := "plots"
	switch len(args) {
	case 0:
	case 1:
		dir = args[0]
	default:
		return fmt.Errorf("plot takes one directory, not %q", args)
	}
	results, err := load(resultsFile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range results {
		var text strings.Builder
		draw(&text, &results[i])
		if err := os.WriteFile(filepath.Join(dir, results[i].Name+".svg"), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Sizes of a picture, in pixels.
const (
	plotLabel = 210 // for names of rows
	plotBar   = 360 // the longest bar
	plotLine  = 20
	plotWidth = plotLabel + plotBar + 200
)

// draw writes bars for each column: the median, with a whisker from the least
// to the most. Each column has a scale of its own; where medians differ by more
// than a factor of 50 it is logarithmic, and says so.
func draw(w io.Writer, r *result) {
	lines := 0
	for c := range r.Columns {
		lines += 2 + len(drawn(r, c))
	}
	height := 40 + plotLine*lines
	fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n", plotWidth, height)
	fmt.Fprintf(w, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n")
	label(w, 10, 20, "start", "bold", r.Asks)
	y := 40
	for c, col := range r.Columns {
		rows := drawn(r, c)
		if len(rows) == 0 {
			continue
		}
		s := scaleOf(rows, c)
		y += plotLine
		label(w, 10, y, "start", "bold", fmt.Sprintf("%s, %s%s%s", col.Name, col.Unit, col.better(), s.note()))
		for _, row := range rows {
			y += plotLine
			bar(w, y, row, row.of(c), s, row.Name == r.Base)
		}
		y += plotLine
	}
	fmt.Fprintln(w, "</svg>")
}

func (c column) better() string {
	switch {
	case c.Higher:
		return ", more is better"
	case c.Plain:
		return ""
	}
	return ", less is better"
}

// drawn are the rows that have a figure in column c.
func drawn(r *result, c int) (rows []*rowResult) {
	for i := range r.Rows {
		if r.Rows[i].of(c).n > 0 {
			rows = append(rows, &r.Rows[i])
		}
	}
	return rows
}

// scale says how long a bar is.
type scale struct {
	least, most float64
	log         bool
}

func scaleOf(rows []*rowResult, c int) scale {
	s := scale{least: math.Inf(1)}
	low, high := math.Inf(1), 0.0 // of the medians
	for _, row := range rows {
		sum := row.of(c)
		s.most, high = max(s.most, sum.max), max(high, sum.median)
		if sum.min > 0 {
			s.least, low = min(s.least, sum.min), min(low, sum.median)
		}
	}
	s.log = high > 50*low
	return s
}

func (s scale) note() string {
	if s.log {
		return ", logarithmic"
	}
	return ""
}

func (s scale) pixels(x float64) float64 {
	switch {
	case s.most <= 0 || x <= 0:
		return 0
	case s.log: // the least gets a tenth
		return plotBar * (0.1 + 0.9*math.Log(x/s.least)/math.Log(s.most/s.least))
	}
	return plotBar * x / s.most
}

func bar(w io.Writer, y int, row *rowResult, s summary, on scale, ours bool) {
	colour := "#9aa5b1"
	if ours {
		colour = "#2f6fab"
	}
	label(w, plotLabel-6, y-4, "end", "normal", row.Name)
	fmt.Fprintf(w, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", plotLabel, y-15, on.pixels(s.median), plotLine-5, colour)
	if s.n > 1 {
		fmt.Fprintf(w, "<path d=\"M%.1f %dH%.1f\" stroke=\"black\"/>\n", plotLabel+on.pixels(s.min), y-8, plotLabel+on.pixels(s.max))
	}
	label(w, plotLabel+int(on.pixels(max(s.median, s.max)))+6, y-4, "start", "normal", show(s.median))
}

func label(w io.Writer, x, y int, anchor, weight, text string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a Builder takes everything
	fmt.Fprintf(w, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" font-weight=\"%s\">%s</text>\n", x, y, anchor, weight, escaped.String())
}
