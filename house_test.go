package exchange_test

import (
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/peer-exchange/exchange/internal/house"
)

// TestHouse holds the whole repository to the rules that internal/house describes; CONTRIBUTING.md lists them.
func TestHouse(t *testing.T) {
	files, err := house.Files(".")
	if err != nil {
		t.Fatal(err)
	}
	tree := os.DirFS(".")
	report := func(name string, violations []string) {
		t.Run(name, func(t *testing.T) {
			for _, violation := range violations {
				t.Error(violation)
			}
		})
	}
	native := packages(t, tree, files, "linux", "amd64")
	browser := packages(t, tree, files, "js", "wasm")
	report("imports", house.Imports(native))
	report("imports in the browser", house.Imports(browser))
	report("browser", house.Browser(native, browser))
	report("names", house.Names(files))
	report("lengths", house.Lengths(tree, files))
	report("paths", house.Paths(tree, files))
	report("sources", house.Sources(tree, files))
}

func packages(t *testing.T, tree fs.FS, files []string, goos, goarch string) []house.Package {
	t.Helper()
	found, err := house.Packages(tree, files, goos, goarch)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(found, func(p house.Package) bool { return p.Dir == "." }) {
		t.Fatalf("%s/%s: root package not found in %d packages", goos, goarch, len(found))
	}
	return found
}
