//go:build !js

package wrtc

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v4"
)

// wideNet is the system's network with large UDP buffers in the kernel.
type wideNet struct {
	transport.Net
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

	opened atomic.Bool // the connection is there
}

type relaySocket struct {
	net.PacketConn
	of       *relaySockets
	answered atomic.Bool
	mute     atomic.Bool // closed by WriteTo

	mu    sync.Mutex
	asked map[[12]byte]int // how often each transaction that is not answered was sent
}

// maxAsked is how often a server is asked for one permission before the connection is there: the fourth time is 1.4 s after the first.
const maxAsked = 4

// WriteTo fails, and so does all that follows, when the server does not answer to a request for a permission. pion's ICE stands still while it waits for that: a peer whose
// server answers to nothing but Allocate would stop checks between all addresses, those that need no server too.
func (s *relaySocket) WriteTo(p []byte, to net.Addr) (int, error) {
	if id, ok := transaction(p, 0x0008); ok && !s.of.opened.Load() {
		s.mu.Lock()
		s.asked[id]++
		n := s.asked[id]
		s.mu.Unlock()
		if n >= maxAsked && s.mute.CompareAndSwap(false, true) {
			_ = s.Close()
		}
	}
	if s.mute.Load() {
		return 0, net.ErrClosed
	}
	return s.PacketConn.WriteTo(p, to)
}

// transaction is the ID of a STUN message of a type.
func transaction(p []byte, typ uint16) (id [12]byte, ok bool) {
	if len(p) < 20 || binary.BigEndian.Uint16(p) != typ {
		return id, false
	}
	return [12]byte(p[8:20]), true
}

func (r *relaySockets) add(c net.PacketConn) net.PacketConn {
	s := &relaySocket{PacketConn: c, of: r, asked: make(map[[12]byte]int)}
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
	if err != nil {
		return n, from, err
	}
	s.answered.Store(true)
	for _, typ := range []uint16{0x0108, 0x0118} { // granted, refused
		if id, ok := transaction(p[:n], typ); ok {
			s.mu.Lock()
			delete(s.asked, id)
			s.mu.Unlock()
		}
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
