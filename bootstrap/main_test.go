package bootstrap

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// GOOS=js has a goroutine of its own for events.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}
