package exchange_test

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// The first Go code in README.md is the body of Example, which is compiled and run.
func TestReadmeIsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```go\n")
	block, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended {
		t.Fatal("README.md has no block of Go")
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := statements(t, "README.md", "package p\nfunc Example() {\n"+block+"\n}\n")
	run := statements(t, "example_test.go", string(example))
	if !slices.Equal(shown, run) {
		t.Errorf("README.md shows\n\t%s\nand Example in example_test.go is\n\t%s", strings.Join(shown, "\n\t"), strings.Join(run, "\n\t"))
	}
}

// statements returns those of func Example, formatted, without comments.
func statements(t *testing.T, name, source string) (all []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution) // leaves comments out
	if err != nil {
		t.Fatal(err)
	}
	for _, declared := range file.Decls {
		f, ok := declared.(*ast.FuncDecl)
		if !ok || f.Name.Name != "Example" {
			continue
		}
		for _, statement := range f.Body.List {
			var text strings.Builder
			if err := format.Node(&text, files, statement); err != nil {
				t.Fatal(err)
			}
			all = append(all, text.String())
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s: no statements in a func Example", name)
	}
	return all
}
