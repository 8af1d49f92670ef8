//go:build !js

package iceserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/turn/v5"
)

// allocations makes the sockets that packets are relayed through, within the quotas. It is pion/turn's RelayAddressGenerator.
type allocations struct {
	cfg    TURN
	listen func(network string) (net.PacketConn, error)
	own    map[netip.Addr]bool // addresses of this machine; immutable
	nets   []netip.Prefix      // and its networks; immutable
	closed sync.WaitGroup      // of sockets

	mu    sync.Mutex
	peers map[string]*account
	ports map[uint16]bool // of our sockets
	bytes bucket          // of all
}

func newAllocations(cfg TURN) *allocations {
	a := &allocations{
		cfg: cfg, peers: make(map[string]*account), ports: make(map[uint16]bool),
		own: map[netip.Addr]bool{cfg.Address: true}, bytes: newBucket(cfg.TotalBytesPerSecond, cfg.TotalBytesPerSecond),
	}
	addrs, _ := net.InterfaceAddrs() // what cannot be listed is taken for somebody else's
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				a.own[ip.Unmap()] = true
				bits, _ := n.Mask.Size()
				a.nets = append(a.nets, netip.PrefixFrom(ip.Unmap(), bits))
			}
		}
	}
	return a
}

// has says whether a peer may have another allocation.
func (a *allocations) has(peer string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peers[peer] == nil || a.peers[peer].allocations < a.cfg.AllocationsPerPeer
}

var (
	errQuota = errors.New("iceserver: no more allocations")
	errPlain = errors.New("iceserver: only UDP, at any port")
)

// Validate has nothing to say.
func (*allocations) Validate() error { return nil }

// AllocateListener refuses: nothing is relayed over TCP (RFC 6062), which could reach more than a peer's ICE.
func (*allocations) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errPlain
}

// AllocateConn refuses likewise.
func (*allocations) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errPlain }

// AllocatePacketConn makes a socket, at a port that nobody can choose.
func (a *allocations) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	if c.UserID == "" || c.RequestedPort != 0 || (c.Network == "udp4") != a.cfg.Address.Is4() {
		return nil, nil, errPlain
	}
	who, err := a.take(c.UserID)
	if err != nil {
		return nil, nil, err
	}
	conn, err := a.listen(c.Network)
	if err != nil {
		a.mu.Lock()
		who.allocations--
		a.mu.Unlock()
		return nil, nil, err
	}
	s := &socket{PacketConn: conn, of: a, who: who, port: addrPort(conn.LocalAddr()).Port()}
	a.closed.Add(1)
	s.close = sync.OnceFunc(s.release)
	a.mu.Lock()
	a.ports[s.port] = true
	s.timer = time.AfterFunc(a.cfg.AllocationTime, s.close)
	a.mu.Unlock()
	return s, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.cfg.Address, s.port)), nil
}

// socket is where packets of one allocation leave and arrive.
type socket struct {
	net.PacketConn
	of    *allocations
	who   *account
	port  uint16
	timer *time.Timer // guarded by allocations.mu
	close func()
}

// WriteTo relays to a peer. What is above the rate, and what is not permitted, is dropped as a network would.
func (s *socket) WriteTo(p []byte, to net.Addr) (int, error) {
	if !s.of.admits(s.who, len(p), addrPort(to), false) {
		return len(p), nil
	}
	return s.PacketConn.WriteTo(p, to)
}

// ReadFrom is what comes from a peer.
func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(p)
		if err != nil {
			return n, from, fmt.Errorf("iceserver: %w", err)
		}
		if s.of.admits(s.who, n, addrPort(from), true) {
			return n, from, nil
		}
	}
}

// Close ends the allocation. It has no error, with which pion would leave others open.
func (s *socket) Close() error {
	s.close()
	return nil
}

func (s *socket) release() {
	defer s.of.closed.Done()
	s.of.mu.Lock()
	s.timer.Stop()
	s.who.allocations--
	delete(s.of.ports, s.port)
	s.of.mu.Unlock()
	_ = s.PacketConn.Close()
}
