//go:build !js

package wrtc

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"

	"github.com/peer-exchange/exchange/internal/bubble"
)

// place is what is between a host and the internet.
type place struct {
	name     string
	nats     []vnet.NATType // from the outside
	firewall bool           // only what answers gets in
	noUDP    bool
	open     bool // anybody may send first, once the host has sent anything
	stable   bool // each destination sees the same address
}

var places = []place{
	{name: "open", open: true, stable: true},
	{name: "firewall", firewall: true, stable: true},
	{name: "full cone", open: true, stable: true, nats: nats(vnet.EndpointIndependent, vnet.EndpointIndependent)},
	{name: "address restricted", stable: true, nats: nats(vnet.EndpointIndependent, vnet.EndpointAddrDependent)},
	{name: "port restricted", stable: true, nats: nats(vnet.EndpointIndependent, vnet.EndpointAddrPortDependent)},
	{name: "carrier grade", stable: true, nats: slices.Repeat(nats(vnet.EndpointIndependent, vnet.EndpointAddrPortDependent), 2)},
	{name: "symmetric", nats: nats(vnet.EndpointAddrPortDependent, vnet.EndpointAddrPortDependent)},
	{name: "no UDP", noUDP: true, nats: nats(vnet.EndpointIndependent, vnet.EndpointAddrPortDependent)},
}

func nats(mapping, filtering vnet.EndpointDependencyType) []vnet.NATType {
	return []vnet.NATType{{MappingBehavior: mapping, FilteringBehavior: filtering, MappingLifeTime: 2 * time.Minute}}
}

// reach says whether two hosts can meet when each knows how a server sees it. Behind a NAT that takes another port for each destination, somebody's port
// shows only when his first packet has come; so one must let in who was not sent to, or not at that port.
func reach(a, b place) bool {
	admits := func(p place) bool { return p.open || p.name == "address restricted" }
	switch {
	case a.noUDP || b.noUDP:
		return false
	case a.stable && b.stable:
		return true
	}
	return a.stable && admits(a) || b.stable && admits(b)
}

// Each pair of places, with a STUN server that both know: ICE finds the path where there is one, and else the error says what both had. The lab
// (package lab) has the same with real NATs.
func TestPlaces(t *testing.T) {
	for _, a := range places {
		for _, b := range places {
			t.Run(a.name+" to "+b.name, func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) { meetFrom(t, a, b) })
			})
		}
	}
}

// stunHost answers STUN.
const stunHost = "203.0.113.10"

func meetFrom(t *testing.T, a, b place) {
	wan := newRouter(t, &vnet.RouterConfig{CIDR: "203.0.113.0/24", MinDelay: 10 * time.Millisecond})
	server, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{stunHost}})
	check(t, err)
	check(t, wan.AddNet(server))
	cfg := &Config{ICEServers: []ICEServer{{URLs: []string{"stun:" + stunHost + ":3478"}}}}
	wa, wb := a.put(t, wan, 1, cfg), b.put(t, wan, 2, cfg)
	check(t, wan.Start())
	socket, err := server.ListenPacket("udp4", stunHost+":3478")
	check(t, err)
	answering := make(chan struct{})
	go func() { defer close(answering); answerSTUN(socket) }() // ended by closing the socket, waited for below

	sa, sb := wires()
	ra, rb := both(t.Context(), wa, wb, sa, sb)
	if met := ra.err == nil && rb.err == nil; met != reach(a, b) {
		t.Errorf("met: %v, want %v; %v, %v", met, reach(a, b), ra.err, rb.err)
	}
	for _, end := range []struct {
		err          error
		here, remote place
	}{{ra.err, a, b}, {rb.err, b, a}} {
		why := "a TURN server would help"
		switch {
		case end.here.noUDP:
			why = "UDP seems to be blocked here"
		case end.remote.noUDP:
			why = "UDP seems to be blocked there"
		}
		var ne *NegotiateError
		if end.err != nil && (!errors.As(end.err, &ne) || ne.Checks == nil || len(ne.Checks.Ours) == 0 || !strings.Contains(end.err.Error(), why)) {
			t.Errorf("does not say that %s: %v", why, end.err)
		}
	}
	if ra.err == nil && rb.err == nil {
		if len(a.nats) > 0 && strings.HasPrefix(rb.conn.RemoteAddr().String(), "192.168.") {
			t.Errorf("b sees a at %v", rb.conn.RemoteAddr())
		}
		closeBoth(ra.conn, rb.conn)
	}
	check(t, socket.Close())
	<-answering
	check(t, wan.Stop())
	synctest.Wait()
}

func newRouter(t *testing.T, cfg *vnet.RouterConfig) *vnet.Router {
	t.Helper()
	cfg.QueueSize, cfg.LoggerFactory = 10000, loggerFactory{discard}
	r, err := vnet.NewRouter(cfg)
	check(t, err)
	return r
}

// put adds host n to the network.
func (p *place) put(t *testing.T, wan *vnet.Router, n int, cfg *Config) *WebRTC {
	t.Helper()
	router, address := wan, fmt.Sprintf("203.0.113.%d", n)
	for i, nat := range p.nats {
		inner := newRouter(t, &vnet.RouterConfig{CIDR: fmt.Sprintf("192.168.%d.0/24", 10*n+i), StaticIPs: []string{address}, NATType: &nat})
		check(t, router.AddRouter(inner))
		router, address = inner, fmt.Sprintf("192.168.%d.2", 10*n+i)
	}
	host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
	check(t, err)
	check(t, router.AddNet(host))
	if p.noUDP {
		router.AddChunkFilter(func(vnet.Chunk) bool { return false })
	}
	if p.firewall {
		wan.AddChunkFilter(onlyAnswers(address))
	}
	w := newWebRTC(t, cfg)
	w.host = hostWith(address + "/24")
	w.hook = func(se *webrtc.SettingEngine) {
		se.SetNet(host)
		se.DisableCloseByDTLS(true) // see newLab
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	}
	return w
}

// onlyAnswers is the firewall in front of an address.
func onlyAnswers(address string) vnet.ChunkFilter {
	var mu sync.Mutex
	asked := make(map[string]bool)
	return func(c vnet.Chunk) bool {
		from, to := c.SourceAddr().String(), c.DestinationAddr().String()
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(from, address+":") {
			asked[from+" "+to] = true
		}
		return !strings.HasPrefix(to, address+":") || asked[to+" "+from]
	}
}

// answerSTUN tells everybody how it sees them, until the socket is closed.
func answerSTUN(c net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		m := &stun.Message{Raw: slices.Clone(buf[:n])}
		if m.Decode() != nil || m.Type != stun.BindingRequest {
			continue
		}
		u := from.(*net.UDPAddr)
		reply, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess, &stun.XORMappedAddress{IP: u.IP, Port: u.Port})
		if err == nil {
			_, _ = c.WriteTo(reply.Raw, from)
		}
	}
}
