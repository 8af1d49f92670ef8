package house

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the import path of the root package.
const Module = "github.com/peer-exchange/exchange"

// room says what a package may import besides the standard library. A package imports packages of this module only from
// floors below its own.
type room struct {
	floor     int
	own       []string // the packages of lower floors that it may import; nil: all
	libraries []string // the libraries that it may import, with their subpackages
	anyOf     bool     // it may import any library that the list exclusive does not give to another
	support   bool     // for tests: who is neither a test nor on topFloor does not import it
}

// topFloor holds what only measures and tests: it may import everything.
const topFloor = 5

// rooms has each package of the module. A new package needs a row: think about its floor first.
var rooms = map[string]room{
	"identity": {floor: 0},
	"pxp/v1":   {floor: 0},
	"pxp":      {floor: 0, libraries: []string{"github.com/vmihailenco/msgpack/v5"}},
	"mux":      {floor: 0, libraries: []string{"github.com/hashicorp/yamux"}},

	"internal/choice": {floor: 0},

	"secure": {floor: 1, own: []string{"identity"}, libraries: []string{"github.com/flynn/noise"}},
	"wrtc":   {floor: 1, own: []string{}, libraries: []string{"github.com/pion"}},

	".": {floor: 2, libraries: []string{"golang.org/x/time"}},

	"bootstrap": {floor: 3, libraries: []string{
		"github.com/coder/websocket", "github.com/gorilla/websocket", "github.com/gobwas/ws",
	}},
	"wrtc/iceserver": {floor: 3, libraries: []string{"github.com/pion"}},
	"overlay":        {floor: 3, libraries: []string{"github.com/hashicorp/golang-lru/v2", "golang.org/x/time"}},
	"dht":            {floor: 3, libraries: []string{"github.com/anacrolix/dht/v2", "github.com/anacrolix/torrent"}},

	"cmd/pxp": {floor: 4, anyOf: true},
	"web":     {floor: 4, anyOf: true},

	"fuzz":               {floor: topFloor},
	"fuzz/attack":        {floor: topFloor},
	"fuzz/dos":           {floor: topFloor},
	"fuzz/eclipse":       {floor: topFloor},
	"fuzz/eclipse/model": {floor: topFloor},
	"interop":            {floor: topFloor},
	"interop/browser":    {floor: topFloor},
	"bench":              {floor: topFloor},
	"lab":                {floor: topFloor},
	"spec":               {floor: topFloor},

	"internal/bubble": {support: true},
	"internal/house":  {support: true},
	"internal/memnet": {support: true},
}

// exclusive gives libraries to the one package that hides them, and the packages in its directory, so that exchanging one is a change in one place.
var exclusive = map[string]string{
	"github.com/flynn/noise":              "secure",
	"github.com/hashicorp/yamux":          "mux",
	"github.com/pion":                     "wrtc",
	"github.com/coder/websocket":          "bootstrap",
	"github.com/gorilla/websocket":        "bootstrap",
	"github.com/gobwas/ws":                "bootstrap",
	"github.com/spf13/cobra":              "cmd/pxp",
	"github.com/prometheus/client_golang": "cmd/pxp",
	"github.com/vbauerster/mpb/v8":        "cmd/pxp",
}

// testLibraries may be imported by every test file.
var testLibraries = []string{
	"go.uber.org/goleak",
	"golang.org/x/net/nettest",
	"github.com/rogpeppe/go-internal/testscript",
	"github.com/pion/transport/v4/vnet",
	"github.com/pion/logging", // vnet asks for one
}

// inBrowser lists the packages that must build for GOOS=js GOARCH=wasm.
var inBrowser = []string{".", "pxp", "mux", "secure", "identity", "wrtc", "bootstrap", "overlay", "dht"}

// Browser checks that the packages that a web page needs have files for it. Both arguments are from [Packages].
func Browser(native, browser []Package) (violations []string) {
	for _, p := range native {
		same := func(other Package) bool { return other.Dir == p.Dir }
		if slices.Contains(inBrowser, p.Dir) && !slices.ContainsFunc(browser, same) {
			violations = append(violations, fmt.Sprintf("%s: no Go files for js/wasm", p.Dir))
		}
	}
	return violations
}

// Imports checks who imports what. A test file may import every package of the module that does not lead back to its own,
// its package's libraries and the test libraries.
func Imports(packages []Package) (violations []string) {
	for _, p := range packages {
		r, found := rooms[p.Dir]
		if !found {
			violations = append(violations, fmt.Sprintf("%s: not in the table of floors (internal/house)", p.Dir))
			continue
		}
		for _, path := range p.Imports {
			if problem := r.refuse(p.Dir, path); problem != "" {
				violations = append(violations, fmt.Sprintf("%s: imports %s: %s", p.Dir, path, problem))
			}
		}
		for _, path := range p.TestImports {
			if ownDir(path) != "" || slices.ContainsFunc(testLibraries, holds(path)) {
				continue
			}
			if problem := r.refuse(p.Dir, path); problem != "" {
				violations = append(violations, fmt.Sprintf("%s: a test imports %s: %s", p.Dir, path, problem))
			}
		}
	}
	return violations
}

// refuse returns why the package in dir, of which r is the room, may not import path; "" when it may.
func (r room) refuse(dir, path string) string {
	if own := ownDir(path); own != "" {
		return r.refuseOwn(own)
	}
	first, _, _ := strings.Cut(path, "/")
	if path != "C" && !strings.Contains(first, ".") || r.floor == topFloor {
		return ""
	}
	for library, owner := range exclusive {
		if !holds(dir)(owner) && holds(path)(library) {
			return fmt.Sprintf("only %q may", owner)
		}
	}
	if r.anyOf || slices.ContainsFunc(r.libraries, holds(path)) {
		return ""
	}
	return "not among its libraries"
}

func (r room) refuseOwn(own string) string {
	other, found := rooms[own]
	switch {
	case !found:
		return "not in the table of floors (internal/house)"
	case r.floor == topFloor, r.support && other.support:
		return ""
	case other.support:
		return "only tests may"
	case r.support:
		return "support for tests stands on nothing of ours"
	case other.floor >= r.floor:
		return fmt.Sprintf("floor %d from floor %d", other.floor, r.floor)
	case r.own != nil && !slices.Contains(r.own, own):
		return fmt.Sprintf("of ours it may import only %q", r.own)
	}
	return ""
}

// ownDir returns the directory of a package of this module, "" for any other import path.
func ownDir(path string) string {
	if path == Module {
		return "."
	}
	if dir, own := strings.CutPrefix(path, Module+"/"); own {
		return dir
	}
	return ""
}

// holds returns whether a library, given by its path, has the package path.
func holds(path string) func(library string) bool {
	return func(library string) bool {
		return path == library || strings.HasPrefix(path, library+"/")
	}
}
