package main

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p"
	libnet "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/multiformats/go-multiaddr"
)

// libp2pCircuit is a connection by circuit relay v2, over TCP and Noise, with
// no limit on bytes and time.
type libp2pCircuit struct{ buffer int }

const libp2pRelayBuffer = 2048 // as shipped

func (c libp2pCircuit) name() string {
	if c.buffer == libp2pRelayBuffer {
		return "libp2p circuit"
	}
	return fmt.Sprintf("libp2p circuit, %d KiB buffers", c.buffer>>10)
}

func (c libp2pCircuit) start(_ line, serve func(stream)) (ends, error) {
	middle, err := libp2pNoise.host(libp2pNoise.address)
	if err != nil {
		return nil, err
	}
	e := &libp2pEnds{release: []func(){func() { middle.Close() }}}
	fail := func(err error) (ends, error) {
		e.close()
		return nil, err
	}
	resources := relay.DefaultResources()
	resources.Limit, resources.BufferSize = nil, c.buffer
	service, err := relay.New(middle, relay.WithResources(resources))
	if err != nil {
		return fail(err)
	}
	e.release = append(e.release, func() { service.Close() })
	if e.far, err = libp2pNoise.host("", libp2p.EnableRelay()); err != nil {
		return fail(err)
	}
	if e.near, err = libp2pNoise.host("", libp2p.EnableRelay()); err != nil {
		return fail(err)
	}
	at := peer.AddrInfo{ID: middle.ID(), Addrs: middle.Addrs()}
	if err := e.far.Connect(context.Background(), at); err != nil {
		return fail(err)
	}
	if _, err := circuit.Reserve(context.Background(), e.far, at); err != nil {
		return fail(err)
	}
	through, err := multiaddr.NewMultiaddr(fmt.Sprintf("%s/p2p/%s/p2p-circuit", middle.Addrs()[0], middle.ID()))
	if err != nil {
		return fail(err)
	}
	e.to = peer.AddrInfo{ID: e.far.ID(), Addrs: []multiaddr.Multiaddr{through}}
	e.far.SetStreamHandler(libp2pProtocol, func(s libnet.Stream) { serve(s) })
	return e, nil
}
