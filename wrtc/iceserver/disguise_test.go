//go:build !js

package iceserver

import (
	"bytes"
	"testing"

	"github.com/pion/stun/v4"
)

// What pion/turn would answer without having been counted as a request: it does not look at the first two bits, and it answers indications too, with an error.
func TestRelayDisguised(t *testing.T) {
	s := listen(t, onLoopback())
	c := dial(t, s)
	method := func(first byte, m stun.Method, class stun.MessageClass, attributes ...stun.Setter) []byte {
		raw := stun.MustBuild(append([]stun.Setter{stun.TransactionID, stun.NewType(m, class)}, attributes...)...).Raw
		raw[0] |= first
		return raw
	}
	unknown := stun.RawAttribute{Type: 0x7ffe}
	for name, packet := range map[string][]byte{
		"Allocate, first bit":        method(0x80, stun.MethodAllocate, stun.ClassRequest),
		"Allocate, both bits":        method(0xc0, stun.MethodAllocate, stun.ClassRequest),
		"Binding, first bit":         method(0x80, stun.MethodBinding, stun.ClassRequest),
		"Send, an unknown attribute": method(0, stun.MethodSend, stun.ClassIndication, unknown),
		"Binding, with more behind":  append(method(0, stun.MethodBinding, stun.ClassRequest), 0, 0, 0, 0),
	} {
		if _, err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
		request := method(0, stun.MethodBinding, stun.ClassRequest)
		if got := ask(t, c, request); !bytes.Equal(got[8:20], request[8:20]) {
			t.Errorf("%s: answered by %d bytes to %d", name, len(got), len(packet))
			c = dial(t, s)
		}
	}
}
