//go:build lab

package lab

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Main(m, func(m *testing.M) { goleak.VerifyTestMain(m) })
}
