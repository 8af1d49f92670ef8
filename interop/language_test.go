package interop

import (
	"context"
	"maps"
	"os"
	"testing"
)

// language is what a node is written in: the tests take all combinations.
type language struct {
	name    string
	command []string // see Options
}

var (
	js     = language{name: "js"}
	golang = language{name: "go", command: []string{os.Args[0], goNodeArgument}}
)

// languages are those that take part.
var languages = []language{js, golang}

// together skips the test where the original is needed and missing.
func together(t *testing.T, nodes ...language) {
	t.Helper()
	for _, l := range nodes {
		if l.name == js.name {
			needOriginal(t)
		}
	}
}

// start starts a node that ends with the test.
func (l language) start(ctx context.Context, t *testing.T, o Options) *Process {
	t.Helper()
	o.Name += " (" + l.name + ")"
	o.Command = l.command
	if l.name == golang.name {
		o.More = maps.Clone(o.More)
		if o.More == nil {
			o.More = make(map[string]any)
		}
		o.More["tap"] = true
	}
	return start(ctx, t, o)
}

// url returns the URL by which a node in this language dials one in another that listens at url.
func (l language) url(url string, other language) string {
	if l.name != js.name && other.name == js.name {
		return url + "?v=1"
	}
	return url
}
