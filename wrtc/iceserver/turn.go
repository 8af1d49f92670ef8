//go:build !js

package iceserver

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"github.com/peer-exchange/exchange/wrtc"
)

// TURN sets up the relaying (RFC 8656) of a [Server]. Zero fields mean the defaults.
type TURN struct {
	// Address is this machine's as others reach it: relayed packets come from there. Default: the one that the server listens on, which must name one then.
	Address netip.Addr
	// Loopback lets packets go to loopback addresses too: for peers that are all on this machine.
	Loopback bool
	// AllocationsPerPeer is how many relayed addresses a peer may have at once: each meeting takes one for each of its network interfaces. Default 8.
	AllocationsPerPeer int
	// Allocations is the same for all peers together. Default 128.
	Allocations int
	// BytesPerSecond is what is relayed for a peer, in both directions together, and for its first second at once; packets above that are dropped. Each packet counts 48
	// bytes for its headers. Default 1 MiB.
	BytesPerSecond int
	// TotalBytesPerSecond is the same for all peers together: identities cost nothing, and credentials outlive a session. Default 16 MiB.
	TotalBytesPerSecond int
	// CredentialTime is how long credentials are good for new allocations. Default 1 h.
	CredentialTime time.Duration
	// AllocationTime is how long an allocation lives at most, however often it is refreshed. Default 12 h.
	AllocationTime time.Duration
}

const (
	defaultAllocationsPerPeer = 8
	defaultAllocations        = 128
	defaultBytesPerSecond     = 1 << 20
	defaultTotalBytes         = 16 << 20
	defaultCredentialTime     = time.Hour
	defaultAllocationTime     = 12 * time.Hour
	realm                     = "pxp"
)

func (c *TURN) withDefaults(listening netip.Addr) (TURN, error) {
	d := *c
	for _, f := range []struct {
		name string
		v    *int
		def  int
	}{
		{"AllocationsPerPeer", &d.AllocationsPerPeer, defaultAllocationsPerPeer}, {"Allocations", &d.Allocations, defaultAllocations},
		{"BytesPerSecond", &d.BytesPerSecond, defaultBytesPerSecond}, {"TotalBytesPerSecond", &d.TotalBytesPerSecond, defaultTotalBytes},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < 0 {
			return d, fmt.Errorf("iceserver: config: TURN.%s is %d, must not be negative", f.name, *f.v)
		}
	}
	for _, f := range []struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{{"CredentialTime", &d.CredentialTime, defaultCredentialTime}, {"AllocationTime", &d.AllocationTime, defaultAllocationTime}} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < time.Second {
			return d, fmt.Errorf("iceserver: config: TURN.%s is %v, must be 1 s at least", f.name, *f.v)
		}
	}
	if !d.Address.IsValid() {
		d.Address = listening
	}
	d.Address = d.Address.Unmap()
	switch {
	case !d.Address.IsValid() || d.Address.IsUnspecified():
		return d, fmt.Errorf("iceserver: config: TURN.Address is not set, and the server listens on all addresses: say at which one peers reach this machine")
	case !wrtc.IsPublic(d.Address) && !(d.Loopback && d.Address.IsLoopback()):
		return d, fmt.Errorf("iceserver: config: TURN.Address is %v, which is not public: say at which address peers reach this machine", d.Address)
	}
	return d, nil
}

// relay is the TURN half of a Server. pion/turn runs the protocol; it reads through front, so that what is no TURN never gets there.
type relay struct {
	cfg    TURN
	keys   *keys
	allocs *allocations
	asking string // the peer whose request is under way; of pion's goroutine
}

func newRelay(cfg TURN, front *front) (*relay, error) {
	r := &relay{cfg: cfg, keys: newKeys(cfg.CredentialTime), allocs: newAllocations(cfg)}
	listen := net.IP(cfg.Address.AsSlice())
	if host := addrPort(front.LocalAddr()).Addr(); host != cfg.Address {
		listen = nil // behind a NAT that maps one to one, or on all addresses
	}
	r.allocs.listen = func(network string) (net.PacketConn, error) {
		return net.ListenUDP(network, &net.UDPAddr{IP: listen})
	}
	// pion's goroutine ends when the front's socket is closed, and closes all allocations then.
	_, err := turn.NewServer(turn.ServerConfig{
		Realm:         realm,
		AuthHandler:   r.authenticate,
		QuotaHandler:  func(peer, _ string, _ net.Addr) bool { return r.allocs.has(peer) },
		LoggerFactory: silent{},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn:            front,
			RelayAddressGenerator: r.allocs,
			PermissionHandler:     r.permit,
		}},
		StrictAddressFamily: cfg.Address.Is4(),
	})
	if err != nil {
		return nil, fmt.Errorf("iceserver: %w", err)
	}
	return r, nil
}

// permit is pion/turn's question whether a client may exchange packets with an address: asked by the goroutine that has authenticated the client's request.
func (r *relay) permit(_ net.Addr, ip net.IP) bool {
	to, ok := netip.AddrFromSlice(ip)
	return ok && r.allocs.permit(r.asking, to.Unmap())
}

// permits says whether packets are relayed to and from an address.
func (c *TURN) permits(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	a = a.Unmap()
	return ok && (wrtc.IsPublic(a) || c.Loopback && a.IsLoopback())
}

// front is the server's socket as pion/turn has it: it sees no Binding requests, which are answered here, and no more requests than the rates allow.
type front struct {
	*Server
	over atomic.Bool // done is closed
}

func (f *front) ReadFrom(p []byte) (int, net.Addr, error) {
	n, addr, err := f.next(p)
	if err != nil && f.over.CompareAndSwap(false, true) {
		close(f.done)
	}
	return n, addr, err
}

func (f *front) WriteTo(p []byte, addr net.Addr) (int, error) { return f.conn.WriteTo(p, addr) }
func (f *front) LocalAddr() net.Addr                          { return f.conn.LocalAddr() }
func (f *front) SetDeadline(t time.Time) error                { return f.conn.SetDeadline(t) }
func (f *front) SetReadDeadline(t time.Time) error            { return f.conn.SetReadDeadline(t) }
func (f *front) SetWriteDeadline(t time.Time) error           { return f.conn.SetWriteDeadline(t) }
func (f *front) Close() error                                 { return f.Server.close() }

// silent drops what pion/turn logs, a line for each packet: strangers would fill the log.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger { return silentLogger{} }

type silentLogger struct{}

func (silentLogger) Trace(string)          {}
func (silentLogger) Tracef(string, ...any) {}
func (silentLogger) Debug(string)          {}
func (silentLogger) Debugf(string, ...any) {}
func (silentLogger) Info(string)           {}
func (silentLogger) Infof(string, ...any)  {}
func (silentLogger) Warn(string)           {}
func (silentLogger) Warnf(string, ...any)  {}
func (silentLogger) Error(string)          {}
func (silentLogger) Errorf(string, ...any) {}
