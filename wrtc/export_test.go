//go:build !js

package wrtc

import (
	"errors"
	"net"
	"testing"
)

// InLab is inLab for tests that stand outside the package because they need those above it.
func InLab(t *testing.T, cfg *Config, f func(t *testing.T, a, b *WebRTC)) {
	inLab(t, cfg, func(t *testing.T, l *lab) { f(t, l.a, l.b) })
}

// InNATs is inNATs, with two NATs that home routers are, for the same.
func InNATs(t *testing.T, cfg *Config, f func(t *testing.T, a, b *WebRTC, listen func(port int) net.PacketConn)) {
	inNATs(t, portRestricted, portRestricted, cfg, func(t *testing.T, l *natLab) {
		f(t, l.a, l.b, func(port int) net.PacketConn { return l.listen(t, port) })
	})
}

// Meet lets two transports negotiate and closes what comes of it. It returns the address at which each end sees the other.
func Meet(t *testing.T, a, b Transport) (seenByA, seenByB Addr, err error) {
	sa, sb := wires()
	ra, rb := both(t.Context(), a.(*WebRTC), b.(*WebRTC), sa, sb)
	if ra.err != nil || rb.err != nil {
		return Addr{}, Addr{}, errors.Join(ra.err, rb.err)
	}
	seenByA, seenByB = ra.conn.RemoteAddr().(Addr), rb.conn.RemoteAddr().(Addr)
	closeBoth(ra.conn, rb.conn)
	return seenByA, seenByB, nil
}
