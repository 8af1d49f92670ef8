package interop

import (
	"context"
	"testing"
)

// language is what a node is written in: the tests take all combinations.
type language struct {
	name    string
	command []string // see Options
}

var js = language{name: "js"}

// languages are those that take part.
var languages = []language{js}

// start starts a node that ends with the test.
func (l language) start(ctx context.Context, t *testing.T, o Options) *Process {
	t.Helper()
	o.Name += " (" + l.name + ")"
	o.Command = l.command
	return start(ctx, t, o)
}

// url returns the URL by which a node in this language dials one in another that listens at url.
func (l language) url(url string, other language) string {
	if l.name != js.name && other.name == js.name {
		return url + "?v=1"
	}
	return url
}
