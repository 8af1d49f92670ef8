package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// source is a parsed Go file.
type source struct {
	name   string
	isTest bool
	file   *ast.File
}

// Sources checks each package of the module: that exactly one file has a package doc, that a TestMain looks for leaked
// goroutines; and each test: that it does not sleep in real time, and says why when it skips.
func Sources(fsys fs.FS, files []string) (violations []string) {
	positions := token.NewFileSet()
	for _, dir := range goDirs(files) {
		var sources []source
		for _, name := range files {
			if path.Dir(name) != dir || path.Ext(name) != ".go" {
				continue
			}
			text, err := fs.ReadFile(fsys, name)
			if err != nil {
				violations = append(violations, err.Error())
				continue
			}
			file, err := parser.ParseFile(positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				violations = append(violations, err.Error())
				continue
			}
			sources = append(sources, source{name, strings.HasSuffix(name, "_test.go"), file})
		}
		violations = append(violations, packageDoc(dir, sources)...)
		violations = append(violations, leakCheck(dir, sources)...)
		for _, s := range sources {
			if s.isTest {
				violations = append(violations, s.sleeps(positions)...)
				violations = append(violations, s.skips(positions)...)
			}
		}
	}
	return violations
}

func packageDoc(dir string, sources []source) []string {
	var documented []string
	name := ""
	for _, s := range sources {
		if s.isTest {
			continue
		}
		name = s.file.Name.Name
		if s.file.Doc == nil {
			continue
		}
		documented = append(documented, path.Base(s.name))
		if text := s.file.Doc.Text(); name != "main" && !strings.HasPrefix(text, "Package "+name+" ") {
			return []string{fmt.Sprintf("%s: package doc does not begin with %q", s.name, "Package "+name)}
		}
	}
	switch {
	case name == "": // tests only
		return nil
	case len(documented) == 0:
		return []string{fmt.Sprintf("%s: no package doc", dir)}
	case len(documented) > 1:
		return []string{fmt.Sprintf("%s: package doc in %q: one is enough", dir, documented)}
	}
	return nil
}

func leakCheck(dir string, sources []source) []string {
	for _, s := range sources {
		for _, declaration := range s.file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || !s.isTest || f.Recv != nil || f.Name.Name != "TestMain" {
				continue
			}
			if len(calls(f, "goleak", "")) == 0 {
				return []string{fmt.Sprintf("%s: TestMain does not use goleak", s.name)}
			}
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: no TestMain with goleak.VerifyTestMain", dir)}
}

// sleeps reports time.Sleep in a file that has no bubble to sleep in.
func (s source) sleeps(positions *token.FileSet) (violations []string) {
	for _, spec := range s.file.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported == "testing/synctest" || imported == Module+"/internal/bubble" {
			return nil
		}
	}
	for _, call := range calls(s.file, "time", "Sleep") {
		position := positions.Position(call.Pos())
		violations = append(violations, fmt.Sprintf("%s: time.Sleep outside a bubble: wait for the event", position))
	}
	return violations
}

func (s source) skips(positions *token.FileSet) (violations []string) {
	for _, receiver := range []string{"t", "b", "f", "tb"} {
		for _, call := range append(calls(s.file, receiver, "Skip"), calls(s.file, receiver, "SkipNow")...) {
			if len(call.Args) == 0 {
				violations = append(violations, fmt.Sprintf("%s: skips without saying why", positions.Position(call.Pos())))
			}
		}
	}
	return violations
}

// calls returns the calls of qualifier.name below node, of all names when name is "".
func calls(node ast.Node, qualifier, name string) (found []*ast.CallExpr) {
	ast.Inspect(node, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == qualifier && (name == "" || selector.Sel.Name == name) {
			found = append(found, call)
		}
		return true
	})
	return found
}
