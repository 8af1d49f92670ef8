package secure

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// In js/wasm the runtime's own goroutine for JavaScript's events is listed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}
