//go:build !js

package wrtc

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"

	"github.com/peer-exchange/exchange/internal/bubble"
)

// natLab is two hosts, each behind a NAT of its own, and a public one.
type natLab struct {
	wan    *vnet.Router
	a, b   *WebRTC
	public *vnet.Net // 203.0.113.10
}

// publicHost is the address of natLab.public.
const publicHost = "203.0.113.10"

// NATs that home routers are: every destination sees the same outer port, and only who was sent to comes in.
var portRestricted = vnet.NATType{MappingBehavior: vnet.EndpointIndependent, FilteringBehavior: vnet.EndpointAddrPortDependent, MappingLifeTime: 2 * time.Minute}

// inNATs runs f in a bubble with two hosts behind NATs.
func inNATs(t *testing.T, natA, natB vnet.NATType, cfg *Config, f func(t *testing.T, l *natLab)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		l := &natLab{}
		var err error
		l.wan, err = vnet.NewRouter(&vnet.RouterConfig{CIDR: "203.0.113.0/24", MinDelay: 10 * time.Millisecond, QueueSize: 10000, LoggerFactory: loggerFactory{discard}})
		check(t, err)
		l.public, err = vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{publicHost}})
		check(t, err)
		check(t, l.wan.AddNet(l.public))
		for i, w := range []**WebRTC{&l.a, &l.b} {
			lan, err := vnet.NewRouter(&vnet.RouterConfig{
				CIDR: fmt.Sprintf("192.168.%d.0/24", i+1), StaticIPs: []string{fmt.Sprintf("203.0.113.%d", i+1)},
				NATType: &[]vnet.NATType{natA, natB}[i], QueueSize: 10000, LoggerFactory: loggerFactory{discard},
			})
			check(t, err)
			address := fmt.Sprintf("192.168.%d.2", i+1)
			host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
			check(t, err)
			check(t, lan.AddNet(host))
			check(t, l.wan.AddRouter(lan))
			*w = newWebRTC(t, cfg)
			(*w).host = hostWith(address + "/24")
			(*w).hook = func(se *webrtc.SettingEngine) {
				se.SetNet(&wideNet{Net: host, relays: new(relaySockets)})
				se.DisableCloseByDTLS(true) // see newLab
				se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
			}
		}
		check(t, l.wan.Start())
		f(t, l)
		check(t, l.wan.Stop())
		synctest.Wait()
	})
}

// listen is a socket of the public host.
func (l *natLab) listen(t *testing.T, port int) net.PacketConn {
	t.Helper()
	c, err := l.public.ListenPacket("udp4", fmt.Sprintf("%s:%d", publicHost, port))
	check(t, err)
	return c
}
