package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	libnet "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libtls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	libwebrtc "github.com/libp2p/go-libp2p/p2p/transport/webrtc"
	"github.com/multiformats/go-multiaddr"
)

const libp2pProtocol = "/bench/1"

// libp2pHost is go-libp2p with one transport, no limits and nothing that runs
// besides.
type libp2pHost struct {
	label     string
	transport libp2p.Option
	address   string // to listen on
}

var (
	libp2pNoise = libp2pHost{"libp2p TCP+Noise", tcpWith(noise.ID, noise.New), "/ip4/127.0.0.1/tcp/0"}
	libp2pTLS   = libp2pHost{"libp2p TCP+TLS", tcpWith(libtls.ID, libtls.New), "/ip4/127.0.0.1/tcp/0"}
	libp2pQUIC  = libp2pHost{"libp2p QUIC", libp2p.Transport(quic.NewTransport), "/ip4/127.0.0.1/udp/0/quic-v1"}
	libp2pRTC   = libp2pHost{"libp2p webrtc-direct", libp2p.Transport(libwebrtc.New), "/ip4/127.0.0.1/udp/0/webrtc-direct"}
)

func tcpWith(id string, security any) libp2p.Option {
	return libp2p.ChainOptions(libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(id, security))
}

func (c libp2pHost) name() string { return c.label }

// host makes a host that listens on address, or nowhere when it is empty.
func (c libp2pHost) host(address string, more ...libp2p.Option) (host.Host, error) {
	listening := libp2p.NoListenAddrs
	if address != "" {
		listening = libp2p.ListenAddrStrings(address)
	}
	options := []libp2p.Option{
		c.transport, listening, libp2p.ResourceManager(&libnet.NullResourceManager{}),
		libp2p.DisableMetrics(), libp2p.Ping(false), libp2p.DisableIdentifyAddressDiscovery(),
	}
	if len(more) == 0 {
		more = []libp2p.Option{libp2p.DisableRelay()}
	}
	return libp2p.New(append(options, more...)...)
}

func (c libp2pHost) start(l line, serve func(stream)) (ends, error) {
	far, err := c.host(c.address)
	if err != nil {
		return nil, err
	}
	near, err := c.host("")
	if err != nil {
		far.Close()
		return nil, err
	}
	e := &libp2pEnds{near: near, far: far, to: peer.AddrInfo{ID: far.ID(), Addrs: far.Addrs()}}
	if l.delay > 0 {
		if err := e.putDelay(l); err != nil {
			e.close()
			return nil, err
		}
	}
	far.SetStreamHandler(libp2pProtocol, func(s libnet.Stream) { serve(s) })
	return e, nil
}

type libp2pEnds struct {
	near, far host.Host
	to        peer.AddrInfo
	release   []func()
}

// putDelay makes the near end dial a delay line before the far one.
func (e *libp2pEnds) putDelay(l line) error {
	at := e.to.Addrs[0] // 127.0.0.1
	if port, err := at.ValueForProtocol(multiaddr.P_TCP); err == nil {
		proxy, err := newDelayTCP("127.0.0.1:"+port, l.delay)
		if err != nil {
			return err
		}
		e.release = append(e.release, proxy.close)
		e.to.Addrs[0] = otherPort(at, "tcp", port, proxy.listener.Addr().(*net.TCPAddr).Port)
		return nil
	}
	port, err := at.ValueForProtocol(multiaddr.P_UDP)
	if err != nil {
		return err
	}
	real, err := netip.ParseAddrPort("127.0.0.1:" + port)
	if err != nil {
		return err
	}
	hub := newDelayUDP(l.delay)
	e.release = append(e.release, hub.close)
	second := hub.of(real)
	if second == nil {
		return errors.New("no second address")
	}
	e.to.Addrs[0] = otherPort(at, "udp", port, second.LocalAddr().(*net.UDPAddr).Port)
	return nil
}

// otherPort returns at with another port.
func otherPort(at multiaddr.Multiaddr, network, port string, by int) multiaddr.Multiaddr {
	text := strings.Replace(at.String(), fmt.Sprintf("/%s/%s", network, port), fmt.Sprintf("/%s/%d", network, by), 1)
	return multiaddr.StringCast(text)
}

func (e *libp2pEnds) connect() (session, error) {
	e.near.Peerstore().ClearAddrs(e.to.ID)
	e.near.Peerstore().AddAddrs(e.to.ID, e.to.Addrs, peerstore.PermanentAddrTTL)
	if err := e.near.Connect(context.Background(), e.to); err != nil {
		return nil, err
	}
	return &libp2pSession{e}, nil
}

func (e *libp2pEnds) close() {
	for _, h := range []host.Host{e.near, e.far} {
		if h != nil {
			h.Close()
		}
	}
	for _, f := range slices.Backward(e.release) {
		f()
	}
}

type libp2pSession struct{ ends *libp2pEnds }

func (s *libp2pSession) open() (stream, error) {
	ctx := libnet.WithAllowLimitedConn(context.Background(), "bench")
	opened, err := s.ends.near.NewStream(ctx, s.ends.to.ID, libp2pProtocol)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func (s *libp2pSession) close() {
	near, far := s.ends.near, s.ends.far
	err := errors.Join(near.Network().ClosePeer(far.ID()), far.Network().ClosePeer(near.ID()))
	if err != nil {
		return // it was closed already
	}
	waitUntil(func() bool {
		return len(near.Network().ConnsToPeer(far.ID())) == 0 && len(far.Network().ConnsToPeer(near.ID())) == 0
	})
}
