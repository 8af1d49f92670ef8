// Package bubble runs a test in virtual time.
//
// A bubble is testing/synctest's word: the goroutines of the test see a clock that jumps forward whenever all of them
// are blocked, so that a 45 s keepalive is tested in microseconds and always with the same outcome. Inside it use
// internal/memnet for connections: a goroutine blocked in a real socket never counts as blocked and the clock stands
// still.
package bubble

import (
	"bytes"
	"runtime"
	"testing"
	"testing/synctest"
)

// Run runs f in a new bubble, as [synctest.Test] does: it returns when every goroutine that f started has ended, and
// fails the test when they are blocked for ever.
//
// It collects garbage twice before, and twice after for tests that use no bubble. hashicorp/yamux keeps timers in a package-wide [sync.Pool]; a timer that one bubble
// made and another takes from the pool kills the process ("select on synctest channel from outside bubble"). A pool
// gives up what it holds after two collections: the first moves it aside, the second drops it.
//
// For the same reason bubbles must not overlap with each other or with other tests that use such a pool. So Run panics
// in a parallel test (the panic speaks of t.Setenv, which is how it is found out), and calling t.Parallel after it panics too.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Setenv("EXCHANGE_TEST_BUBBLE", t.Name())
	empty := func() {
		runtime.GC()
		runtime.GC()
	}
	empty()
	defer empty()
	synctest.Test(t, f)
}

// Goroutines counts the goroutines in bubbles, and returns the stacks of all. It leaves out those that write for a session
// of package mux: there is one of each at most, and it waits a second for more before it ends.
func Goroutines() (n int, stacks []byte) {
	stacks = make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte(", synctest bubble")) - bytes.Count(stacks, []byte("mux.(*session).write(")), stacks
}
