package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// writeResult writes a table in Markdown that can be read as it stands: for
// each row and column the median, the least and the most, and the ratio to the
// base row, which is the median of the rounds' ratios. Setup says on what it was
// measured; it may be empty.
func writeResult(w io.Writer, r *result, setup string) {
	fmt.Fprintf(w, "\n### %s\n\n%s\n\n", r.Name, r.Asks)
	lines := [][]string{{""}}
	for _, c := range r.Columns {
		lines[0] = append(lines[0], c.Name+", "+c.Unit)
	}
	base := r.row(r.Base)
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := []string{row.Name}
		for c, col := range r.Columns {
			cells = append(cells, cell(row.of(c), ratio(row, base, c), col, row == base))
		}
		lines = append(lines, cells)
	}
	writeTable(w, lines)
	fmt.Fprintln(w)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "- %s\n", note)
	}
	for _, row := range r.Rows {
		if n := len(row.Failed); n > 0 {
			fmt.Fprintf(w, "- %s failed: %s (in %d of %d rounds%s)\n", row.Name, row.Failed[0], n, row.turns(), row.tries())
		} else if n := len(row.Again); n > 0 {
			fmt.Fprintf(w, "- %s needed a second try in %d of %d rounds: %s\n", row.Name, n, row.turns(), row.Again[0])
		}
	}
	if r.Quick {
		fmt.Fprintln(w, "- Measured with --quick: these figures say nothing.")
	}
	fmt.Fprintf(w, "- %s, commit %s%s, load before %s, after %s.\n", r.When.UTC().Format("2006-01-02 15:04 UTC"), r.Commit, setup, r.Load[0], r.Load[1])
}

func cell(s, ratio summary, c column, isBase bool) string {
	if s.n == 0 {
		return "-"
	}
	text := show(s.median)
	if s.n > 1 {
		text += fmt.Sprintf(" (%s to %s)", show(s.min), show(s.max))
	}
	if !c.Plain && !isBase && ratio.n > 0 {
		text += " ×" + show(ratio.median)
	}
	return text
}

// writeTable pads cells so that columns line up. The first line is the head.
func writeTable(w io.Writer, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, text := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(text), 3)
		}
	}
	write := func(cells []string, pad string) {
		for i, text := range cells {
			fmt.Fprintf(w, "|%s%s%s", pad, text, strings.Repeat(pad, widths[i]-utf8.RuneCountInString(text)+1))
		}
		fmt.Fprintln(w, "|")
	}
	write(lines[0], " ")
	write(make([]string, len(widths)), "-")
	for _, cells := range lines[1:] {
		write(cells, " ")
	}
}
