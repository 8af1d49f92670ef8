package exchange_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
)

// SECURITY.md names tests that exist, and the limits that the code has. With
// EXCHANGE_UPDATE=1 the table of limits is written anew.
func TestSecurityPromises(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	named := regexp.MustCompile(`Test[A-Za-z0-9]+`).FindAllString(string(text), -1)
	if len(named) < 20 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !tests[name] {
			t.Errorf("SECURITY.md names %s, which does not exist", name)
		}
	}

	const heading = "| limit | default |\n|---|---|\n"
	before, _, found := strings.Cut(string(text), heading)
	if !found {
		t.Fatal("SECURITY.md has no table of limits")
	}
	want := before + heading + limitsTable()
	if want == string(text) {
		return
	}
	if os.Getenv("EXCHANGE_UPDATE") == "" {
		t.Fatal("the table of limits in SECURITY.md is not that of the code: run EXCHANGE_UPDATE=1 go test -run SecurityPromises .")
	}
	if err := os.WriteFile("SECURITY.md", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// limitsTable is the defaults, by way of the struct so that none is missing.
func limitsTable() string {
	var b strings.Builder
	v := reflect.ValueOf(exchange.DefaultLimits())
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		value := fmt.Sprint(v.Field(i).Interface())
		if n, ok := v.Field(i).Interface().(int); ok && n >= 1<<20 {
			value = fmt.Sprintf("%d MiB", n>>20)
		} else if n, ok := v.Field(i).Interface().(int64); ok && n >= 1<<10 {
			value = fmt.Sprintf("%d KiB", n>>10)
		} else if d, ok := v.Field(i).Interface().(time.Duration); ok {
			value = d.String()
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, value)
	}
	return b.String()
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, dir := range []string{".", "mux", "secure", "identity", "pxp", "pxp/v1", "wrtc", "wrtc/iceserver", "bootstrap", "fuzz/attack", "fuzz/eclipse", "internal/choice"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(src), -1) {
				names[m[1]] = true
			}
		}
	}
	return names
}

// fuzz/README.md has a row for each fuzz target, and for nothing else.
func TestFuzzTargets(t *testing.T) {
	text, err := os.ReadFile("fuzz/README.md")
	if err != nil {
		t.Fatal(err)
	}
	said := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9./]+)` \\| (Fuzz[A-Za-z0-9]+) \\|").FindAllStringSubmatch(string(text), -1) {
		said[m[1]+" "+m[2]] = true
	}
	err = filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz[A-Za-z0-9]+)\(f \*testing\.F\)`).FindAllStringSubmatch(string(src), -1) {
			row := filepath.ToSlash(filepath.Dir(path)) + " " + m[1]
			if !said[row] {
				t.Errorf("fuzz/README.md has no row for %s", row)
			}
			delete(said, row)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for row := range said {
		t.Errorf("fuzz/README.md has a row for %s, which does not exist", row)
	}
}
