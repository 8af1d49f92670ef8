//go:build !js

package wrtc

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

func TestConn(t *testing.T) {
	w := newWebRTC(t, loopback())
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		a, b := pair(t, w, w)
		return a, b, func() { closeBoth(a, b) }, nil
	})
}
