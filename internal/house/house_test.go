package house

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// own returns the import path of a package of this module.
func own(dir string) string { return Module + "/" + dir }

func TestImports(t *testing.T) {
	for _, test := range []struct {
		name, dir, imports string
		test               bool   // by a test file
		want               string // "" when allowed
	}{
		{name: "std", dir: "identity", imports: "crypto/ed25519"},
		{name: "library", dir: "mux", imports: "github.com/hashicorp/yamux"},
		{name: "part of library", dir: "wrtc", imports: "github.com/pion/webrtc/v4/pkg/media"},
		{name: "lower floor", dir: "secure", imports: own("identity")},
		{name: "root, all below", dir: ".", imports: own("wrtc")},
		{name: "root from above", dir: "bootstrap", imports: Module},
		{name: "command, any of ours", dir: "cmd/pxp", imports: own("bootstrap")},
		{name: "command, any library", dir: "cmd/pxp", imports: "example.org/any"},
		{name: "bench, another's library", dir: "bench", imports: "github.com/hashicorp/yamux"},
		{name: "bench, support", dir: "bench", imports: own("internal/memnet")},
		{name: "support by support", dir: "internal/memnet", imports: own("internal/bubble")},
		{name: "support by test", dir: "mux", imports: own("internal/memnet"), test: true},
		{name: "upwards by test", dir: ".", imports: own("bootstrap"), test: true},
		{name: "test library", dir: "mux", imports: "golang.org/x/net/nettest", test: true},
		{name: "vnet by test", dir: ".", imports: "github.com/pion/transport/v4/vnet", test: true},
		{name: "own library by test", dir: "secure", imports: "github.com/flynn/noise", test: true},

		{name: "cgo", dir: "identity", imports: "C", want: "not among its libraries"},
		{name: "undeclared library", dir: "identity", imports: "golang.org/x/crypto", want: "not among its libraries"},
		{name: "library of similar name", dir: "mux", imports: "github.com/hashicorp/yamux2", want: "not among its libraries"},
		{name: "yamux elsewhere", dir: ".", imports: "github.com/hashicorp/yamux", want: `only "mux" may`},
		{name: "pion elsewhere", dir: ".", imports: "github.com/pion/ice/v4", want: `only "wrtc" may`},
		{name: "pion in command", dir: "cmd/pxp", imports: "github.com/pion/webrtc/v4", want: `only "wrtc" may`},
		{name: "WebSocket elsewhere", dir: "mux", imports: "github.com/coder/websocket", want: `only "bootstrap" may`},
		{name: "noise elsewhere", dir: ".", imports: "github.com/flynn/noise", want: `only "secure" may`},
		{name: "cobra in library", dir: "bootstrap", imports: "github.com/spf13/cobra", want: `only "cmd/pxp" may`},
		{name: "same floor", dir: "mux", imports: own("pxp"), want: "floor 0 from floor 0"},
		{name: "upwards", dir: "identity", imports: own("secure"), want: "floor 1 from floor 0"},
		{name: "root upwards", dir: ".", imports: own("bootstrap"), want: "floor 3 from floor 2"},
		{name: "root command", dir: ".", imports: own("cmd/pxp"), want: "floor 4 from floor 2"},
		{name: "lower, not given", dir: "wrtc", imports: own("identity"), want: "of ours it may import only"},
		{name: "support outside tests", dir: ".", imports: own("internal/memnet"), want: "only tests may"},
		{name: "support on ours", dir: "internal/memnet", imports: own("mux"), want: "stands on nothing of ours"},
		{name: "unknown of ours", dir: ".", imports: own("sockets"), want: "not in the table"},
		{name: "unknown package", dir: "sockets", imports: "net", want: "not in the table"},
		{name: "test library outside tests", dir: "mux", imports: "go.uber.org/goleak", want: "not among its libraries"},
		{name: "another's library by test", dir: ".", imports: "github.com/hashicorp/yamux", test: true, want: `only "mux" may`},
		{name: "undeclared library by test", dir: ".", imports: "github.com/stretchr/testify", test: true, want: "not among its libraries"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Package{Dir: test.dir, Imports: []string{"io", test.imports}}
			if test.test {
				p = Package{Dir: test.dir, TestImports: []string{"io", test.imports}}
			}
			check(t, Imports([]Package{p}), test.want)
		})
	}
}

// check fails unless there is one violation with that text, or none where it is "".
func check(t *testing.T, violations []string, want string) {
	t.Helper()
	if want == "" && len(violations) > 0 {
		t.Errorf("refused: %q", violations)
	}
	if want != "" && (len(violations) != 1 || !strings.Contains(violations[0], want)) {
		t.Errorf("violations %q, want one with %q", violations, want)
	}
}

// tree returns a file system with those files and their sorted names.
func tree(files map[string]string) (fsys fstest.MapFS, names []string) {
	fsys = fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		names = append(names, name)
	}
	slices.Sort(names)
	return fsys, names
}

func TestPackages(t *testing.T) {
	fsys, names := tree(map[string]string{
		"go.mod":                "module " + Module,
		"exchange.go":           "package exchange\nimport \"net\"",
		"exchange_test.go":      "package exchange\nimport \"testing\"",
		"house_test.go":         "package exchange_test\nimport \"os\"",
		"wrtc/native.go":        "//go:build !js\n\npackage wrtc\nimport \"syscall\"",
		"wrtc/browser_js.go":    "package wrtc\nimport \"syscall/js\"",
		"lab/lab_linux.go":      "package lab",
		"mux/testdata/x.go":     "package x",
		"interop/peer/go.mod":   "module peer",
		"interop/peer/peer.go":  "package peer",
		"interop/peer/a/sub.go": "package a",
	})
	for _, test := range []struct {
		goos, goarch string
		want         map[string]string // imports, then those of tests
	}{
		{"linux", "amd64", map[string]string{".": "net;testing,os", "wrtc": "syscall;", "lab": ";"}},
		{"js", "wasm", map[string]string{".": "net;testing,os", "wrtc": "syscall/js;"}},
	} {
		packages, err := Packages(fsys, names, test.goos, test.goarch)
		if err != nil {
			t.Fatal(err)
		}
		if len(packages) != len(test.want) {
			t.Errorf("%s: %d packages, want %d", test.goos, len(packages), len(test.want))
		}
		for _, p := range packages {
			if got := strings.Join(p.Imports, ",") + ";" + strings.Join(p.TestImports, ","); got != test.want[p.Dir] {
				t.Errorf("%s: %q imports %q, want %q", test.goos, p.Dir, got, test.want[p.Dir])
			}
		}
	}
}

func TestBrowser(t *testing.T) {
	native := []Package{{Dir: "mux"}, {Dir: "cmd/pxp"}}
	check(t, Browser(native, []Package{{Dir: "mux"}}), "")
	check(t, Browser(native, []Package{{Dir: "pxp"}}), "mux: no Go files for js/wasm")
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"peer.go":              "",
		"commonality.go":       "",
		"docs/types.md":        "",
		"util.go":              "util.go",
		"mux/types.go":         "types.go",
		"pkg/mux/session.go":   `"pkg"`,
		"internal/common/a.go": `"common"`,
	} {
		check(t, Names([]string{name}), want)
	}
}

func TestLengths(t *testing.T) {
	for name, test := range map[string]struct {
		lines int
		want  string
	}{
		"most.go":      {600, ""},
		"long.go":      {601, "601 lines"},
		"long_test.go": {2000, ""},
		"long.md":      {2000, ""},
	} {
		fsys, names := tree(map[string]string{name: strings.Repeat("\n", test.lines)})
		check(t, Lengths(fsys, names), test.want)
	}
}

func TestPaths(t *testing.T) {
	machine := func(dir string) string { return "/" + dir + "/x" } // spelled so that this file passes
	for text, want := range map[string]string{
		"https://example.org/home/page":      "",
		"the directory /tmp":                 "",
		"$WORK" + machine("tmp"):             "",
		"a/b" + machine("root"):              "",
		"\x00 " + machine("root"):            "",
		"see " + machine("home"):             machine("home"),
		"replace x => " + machine("work"):    machine("work"),
		"key=\"" + machine("tmp") + "\"":     machine("tmp"),
		machine("root") + " at the start":    machine("root"),
		"first\nsecond (" + machine("Users"): "file:2:",
	} {
		fsys, names := tree(map[string]string{"file": text})
		check(t, Paths(fsys, names), want)
	}
}

func TestSources(t *testing.T) {
	const (
		doc  = "// Package p is good.\npackage p\n"
		main = "package p\nimport \"go.uber.org/goleak\"\nfunc TestMain(m *testing.M) { goleak.VerifyTestMain(m) }\n"
		test = "package p\n"
	)
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"good":                 {map[string]string{"p.go": doc, "a.go": "package p", "p_test.go": main}, ""},
		"tests only":           {map[string]string{"p_test.go": main}, ""},
		"command":              {map[string]string{"p.go": "// Pxp does it.\npackage main", "p_test.go": main}, ""},
		"sleep in bubble":      {map[string]string{"p_test.go": main, "a_test.go": test + "import \"testing/synctest\"\nfunc f() { time.Sleep(1) }"}, ""},
		"skip with reason":     {map[string]string{"p_test.go": main + "func f(t *testing.T) { t.Skip(\"needs root\") }"}, ""},
		"no doc":               {map[string]string{"p.go": "package p", "p_test.go": main}, "no package doc"},
		"two docs":             {map[string]string{"p.go": doc, "q.go": doc, "p_test.go": main}, "one is enough"},
		"doc of another":       {map[string]string{"p.go": "// Package q is.\npackage p", "p_test.go": main}, "does not begin with"},
		"no tests":             {map[string]string{"p.go": doc}, "no TestMain"},
		"no TestMain":          {map[string]string{"p.go": doc, "p_test.go": test}, "no TestMain"},
		"TestMain, not goleak": {map[string]string{"p.go": doc, "p_test.go": test + "func TestMain(m *testing.M) { m.Run() }"}, "does not use goleak"},
		"TestMain not in test": {map[string]string{"p.go": "// Package p is.\n" + main}, "no TestMain"},
		"sleep":                {map[string]string{"p_test.go": main + "func f() { time.Sleep(1) }"}, "p_test.go:4:12: time.Sleep"},
		"skip":                 {map[string]string{"p_test.go": main + "func f(t *testing.T) { t.Skip() }"}, "without saying why"},
		"skip now":             {map[string]string{"p_test.go": main + "func f(b *testing.B) { b.SkipNow() }"}, "without saying why"},
		"syntax":               {map[string]string{"p.go": doc + "func", "p_test.go": main}, "expected"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys, names := tree(test.files)
			check(t, Sources(fsys, names), test.want)
		})
	}
}

func TestFiles(t *testing.T) {
	files, err := Files(".")
	if err != nil || !slices.Contains(files, "house_test.go") {
		t.Fatalf("Files = %q, %v", files, err)
	}
	fsys, names := tree(map[string]string{"a.go": "", "b/c.go": "", ".git/x": "", "web/node_modules/x": ""})
	walked, err := walk(fsys)
	if err != nil || len(names) != 4 || !slices.Equal(walked, []string{"a.go", "b/c.go"}) {
		t.Fatalf("walk = %q, %v", walked, err)
	}
}
