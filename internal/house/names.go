package house

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxLines is how long a Go file that is not a test may be.
const maxLines = 600

// vague are names that say nothing about what is inside.
var vague = []string{"util", "utils", "common", "types", "pkg"}

// Names checks that no file or directory has a name that says nothing.
func Names(files []string) (violations []string) {
	for _, name := range files {
		for _, part := range strings.Split(name, "/") {
			word, _, _ := strings.Cut(part, ".")
			word = strings.TrimSuffix(word, "_test")
			isDir := part != path.Base(name)
			if slices.Contains(vague, word) && (isDir || path.Ext(part) == ".go") {
				violations = append(violations, fmt.Sprintf("%s: %q says nothing about what is inside", name, part))
			}
		}
	}
	return violations
}

// Lengths checks that no Go file but tests has more than 600 lines.
func Lengths(fsys fs.FS, files []string) (violations []string) {
	for _, name := range files {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			violations = append(violations, err.Error())
		} else if lines := bytes.Count(text, []byte("\n")); lines > maxLines {
			violations = append(violations, fmt.Sprintf("%s: %d lines, the most is %d: is it one concern?", name, lines, maxLines))
		}
	}
	return violations
}

// machinePath finds absolute paths below directories that differ from machine to machine.
var machinePath = regexp.MustCompile(`(?:^|[^\w./$}-])(/(?:work|root|home|tmp|Users)/\w[^\s"']*)`)

// Paths checks that no text file has an absolute path of somebody's machine.
func Paths(fsys fs.FS, files []string) (violations []string) {
	for _, name := range files {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			violations = append(violations, err.Error())
			continue
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue // not text
		}
		number := 0
		for line := range bytes.Lines(text) {
			number++
			if found := machinePath.FindSubmatch(line); found != nil {
				violations = append(violations, fmt.Sprintf("%s:%d: path of a machine: %s", name, number, found[1]))
			}
		}
	}
	return violations
}
