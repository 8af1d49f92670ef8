//go:build !js

package wrtc

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// wideNet is the system's network with large UDP buffers in the kernel.
type wideNet struct {
	*stdnet.Net
	relays *relaySockets
}

// ListenPacket is what pion calls for sockets to TURN servers, and for no others.
func (w *wideNet) ListenPacket(network, address string) (net.PacketConn, error) {
	c, err := w.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	if u, ok := c.(*net.UDPConn); ok {
		widen(u)
	}
	return w.relays.add(c), nil
}

func (w *wideNet) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := w.Net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	widen(c)
	return c, nil
}

// widen asks for the buffers; a kernel that gives less still works, slower.
func widen(c interface {
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}) {
	_ = c.SetReadBuffer(kernelBufferBytes)
	_ = c.SetWriteBuffer(kernelBufferBytes)
}

// relaySockets are the sockets to TURN servers. pion does not break off what it asks a server, and its close waits for that: 8 s when nobody answers.
type relaySockets struct {
	mu  sync.Mutex
	all []*relaySocket
	off bool
}

type relaySocket struct {
	net.PacketConn
	answered atomic.Bool
}

func (r *relaySockets) add(c net.PacketConn) net.PacketConn {
	s := &relaySocket{PacketConn: c}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
	if r.off {
		_ = c.Close()
	}
	return s
}

func (s *relaySocket) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := s.PacketConn.ReadFrom(p)
	if err == nil {
		s.answered.Store(true)
	}
	return n, from, err
}

// giveUp closes those on which nothing has come, so that pion's next attempt to send, in 1.6 s at most, fails. Others may carry the connection.
func (r *relaySockets) giveUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = true
	for _, s := range r.all {
		if !s.answered.Load() {
			_ = s.Close()
		}
	}
}
