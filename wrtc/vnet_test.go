//go:build !js

package wrtc

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"

	"github.com/peer-exchange/exchange/internal/bubble"
)

// lab is two hosts on one virtual network, for tests in a bubble: pion runs in virtual time there.
type lab struct {
	router *vnet.Router
	a, b   *WebRTC
	// Lost while set: every packet, or those of DTLS.
	drop, dropDTLS atomic.Bool
	dropData       atomic.Bool // what DTLS protects
}

func newLab(t *testing.T, delay time.Duration, cfg *Config) *lab {
	t.Helper()
	l := &lab{}
	var err error
	l.router, err = vnet.NewRouter(&vnet.RouterConfig{CIDR: "10.0.0.0/24", MinDelay: delay, QueueSize: 10000, LoggerFactory: loggerFactory{discard}})
	check(t, err)
	l.router.AddChunkFilter(func(c vnet.Chunk) bool {
		p := c.UserData()
		return !l.drop.Load() && !(l.dropDTLS.Load() && len(p) > 0 && p[0] >= 20 && p[0] <= 63) &&
			!(l.dropData.Load() && len(p) > 0 && p[0] == 23)
	})
	for i, w := range []**WebRTC{&l.a, &l.b} {
		host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{fmt.Sprintf("10.0.0.%d", i+1)}})
		check(t, err)
		check(t, l.router.AddNet(host))
		*w = newWebRTC(t, cfg)
		(*w).host = lanHost(i + 1)
		(*w).hook = func(se *webrtc.SettingEngine) {
			se.SetNet(host)
			// pion would close by itself, holding a lock while it waits for time to pass, and in a bubble time
			// does not pass while somebody waits for a lock.
			se.DisableCloseByDTLS(true)
			se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
		}
	}
	check(t, l.router.Start())
	return l
}

// lanHost is a machine with the address 10.0.0.n only.
func lanHost(n int) func() ([]netip.Prefix, []netip.Addr) {
	return hostWith(fmt.Sprintf("10.0.0.%d/24", n))
}

func (l *lab) close(t *testing.T) { check(t, l.router.Stop()) }

// inLab runs f in a bubble with a lab, 40 ms of round trip.
func inLab(t *testing.T, cfg *Config, f func(t *testing.T, l *lab)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		l := newLab(t, 20*time.Millisecond, cfg)
		f(t, l)
		l.close(t)
		synctest.Wait()
	})
}

// dialects are the two transports that a WebRTC is.
var dialects = map[string]func(*WebRTC) *WebRTC{
	"version 2":   func(w *WebRTC) *WebRTC { return w },
	"simple-peer": func(w *WebRTC) *WebRTC { return w.SimplePeer().(*WebRTC) },
}

// inLabs runs f in a lab for each of the dialects.
func inLabs(t *testing.T, cfg *Config, f func(t *testing.T, l *lab)) {
	t.Helper()
	for name, dialect := range dialects {
		t.Run(name, func(t *testing.T) {
			inLab(t, cfg, func(t *testing.T, l *lab) {
				l.a, l.b = dialect(l.a), dialect(l.b)
				f(t, l)
			})
		})
	}
}
