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
