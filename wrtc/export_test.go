//go:build !js

package wrtc

import "testing"

// InLab is inLab for tests that stand outside the package because they need those above it.
func InLab(t *testing.T, cfg *Config, f func(t *testing.T, a, b *WebRTC)) {
	inLab(t, cfg, func(t *testing.T, l *lab) { f(t, l.a, l.b) })
}
