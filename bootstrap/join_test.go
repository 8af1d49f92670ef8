//go:build !js

package bootstrap

import (
	"path/filepath"
	"testing"
)

// Three nodes over real sockets: two join the first, one of them by its cache
// after a restart.
func TestJoin(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		file := filepath.Join(t.TempDir(), "peers")
		a := newNode(t, testNetwork)
		l := mustListen(t, a, url)
		for _, seeds := range [][]string{{l.PinnedURL()}, nil} {
			ex := newNode(t, testNetwork)
			k, err := Join(ex, &Config{Seeds: seeds, Cache: file})
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := acceptConn(t, ex), acceptConn(t, a)
			if ours.Peer().ID() != a.ID() || theirs.Peer().ID() != ex.ID() {
				t.Error("the peers are others")
			}
			transfer(t, ours, theirs)
			k.Close()
			ex.Close()
		}
	})
}
