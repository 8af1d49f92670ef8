//go:build !js

package wrtc

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"

	"github.com/peer-exchange/exchange/internal/bubble"
)

// seen counts the packets that leave a host, by address.
type seen struct {
	mu sync.Mutex
	to map[netip.Addr]int
}

func (s *seen) add(a net.Addr) {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return
	}
	addr, _ := netip.AddrFromSlice(u.IP)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to[addr.Unmap()]++
}

// alone is a host with one address, whose packets are counted and arrive nowhere.
func alone(t *testing.T, cfg *Config, address string) (*WebRTC, *seen, func()) {
	t.Helper()
	s := &seen{to: make(map[netip.Addr]int)}
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "0.0.0.0/0", QueueSize: 10000, LoggerFactory: loggerFactory{discard}})
	check(t, err)
	router.AddChunkFilter(func(c vnet.Chunk) bool { s.add(c.DestinationAddr()); return false })
	host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
	check(t, err)
	check(t, router.AddNet(host))
	check(t, router.Start())
	w := newWebRTC(t, cfg)
	w.host = hostWith(address + "/24")
	w.hook = func(se *webrtc.SettingEngine) {
		se.SetNet(host)
		se.DisableCloseByDTLS(true)
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	}
	return w, s, func() { check(t, router.Stop()); synctest.Wait() }
}

// A stranger who names the addresses of third parties, inside its description and after it, makes us send to those that the policy allows, and
// not a packet to any other. This also says how many packets that costs, at most.
func TestStrangersTargets(t *testing.T) {
	forbidden := []string{"169.254.169.254", "224.0.0.251", "255.255.255.255", "240.0.0.1", "0.0.0.0", "127.0.0.1", "64:ff9b::127.0.0.1", "victim.example"}
	for _, tt := range []struct {
		name            string
		address         string
		allowed, denied []string
	}{
		{"public machine", "198.51.100.7", []string{"203.0.113.9"}, []string{"10.0.0.9", "192.168.1.1", "100.64.0.1", "198.51.100.255"}},
		{"private machine", "10.0.0.7", []string{"203.0.113.9", "10.0.0.9", "192.168.1.1"}, []string{"10.0.0.255"}},
	} {
		for dialectName, dialect := range dialects {
			for _, role := range []Role{Offerer, Answerer} {
				t.Run(fmt.Sprintf("%s %s %s", tt.name, dialectName, role), func(t *testing.T) {
					bubble.Run(t, func(t *testing.T) {
						w, sent, stop := alone(t, nil, tt.address)
						w = dialect(w)
						sa, sb := wires()
						var lines []string
						for i, addr := range append(append(append([]string{}, forbidden...), tt.denied...), tt.allowed...) {
							lines = append(lines, fmt.Sprintf("candidate:%d 1 udp 2130706431 %s 3478 typ host", i, addr))
						}
						description := Signal{Kind: Offer, Text: strings.Replace(goodSDP, "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n", "a="+strings.Join(lines, "\r\na=")+"\r\n", 1)}
						if role == Offerer {
							description = Signal{Kind: Answer, Text: strings.Replace(description.Text, "actpass", "active", 1)}
						}
						sb.out <- Signal{Kind: Candidate, Text: lines[0]} // before the description
						sb.out <- description
						for _, line := range lines {
							sb.out <- Signal{Kind: Candidate, Text: strings.Replace(line, "3478", "3479", 1)}
						}
						began := time.Now()
						if _, err := w.Negotiate(t.Context(), role, sa); err == nil {
							t.Error("connected")
						}
						if took := time.Since(began); took > defaultOpenTimeout+time.Second {
							t.Errorf("took %v", took)
						}
						stop()
						sent.mu.Lock()
						defer sent.mu.Unlock()
						for _, a := range tt.allowed {
							addr := netip.MustParseAddr(a)
							if n := sent.to[addr]; n == 0 || n > 2*8 {
								t.Errorf("%d packets to two ports of %s, want some, 16 at most", n, a)
							}
							delete(sent.to, addr)
						}
						if len(sent.to) > 0 {
							t.Errorf("sent to %v", sent.to)
						}
					})
				})
			}
		}
	}
}

// An end that hides its addresses, or has none to tell, meets one that does not.
func TestHiddenMeets(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		l.a.cfg.HideHosts = true
		sa, sb := wires()
		sa.change = func(s Signal) []Signal {
			if strings.Contains(s.Text, "10.0.0.1") {
				t.Errorf("the %v tells our address: %q", s.Kind, s.Text)
			}
			return []Signal{s}
		}
		ra, rb := both(t.Context(), l.a, l.b, sa, sb)
		if ra.err != nil || rb.err != nil {
			t.Fatal(ra.err, rb.err)
		}
		closeBoth(ra.conn, rb.conn)
	})
}

// Addresses that nobody named but checks come from are judged, too: a hides its private address, and b, which is public, must neither answer the
// checks that come from there nor send any. The other way round, where b may, they meet, so that it is the policy which keeps them apart.
func TestUnnamedAddress(t *testing.T) {
	for name, refused := range map[string]bool{"refused": true, "allowed": false} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				sent := &seen{to: make(map[netip.Addr]int)} // by b
				router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "0.0.0.0/0", QueueSize: 10000, LoggerFactory: loggerFactory{discard}})
				check(t, err)
				const hidden, public = "10.0.0.1", "198.51.100.7"
				var came atomic.Int64 // a's checks
				router.AddChunkFilter(func(c vnet.Chunk) bool {
					if strings.HasPrefix(c.SourceAddr().String(), public) {
						sent.add(c.DestinationAddr())
					} else {
						came.Add(1)
					}
					return true
				})
				end := func(cfg *Config, address string, own ...string) *WebRTC {
					host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
					check(t, err)
					check(t, router.AddNet(host))
					w := newWebRTC(t, cfg)
					w.host = hostWith(own...)
					w.hook = func(se *webrtc.SettingEngine) {
						se.SetNet(host)
						se.DisableCloseByDTLS(true)
						se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
					}
					return w
				}
				a := end(&Config{HideHosts: true}, hidden, hidden+"/24")
				own := []string{public + "/24"}
				if !refused { // then it is in a private network itself
					own = append(own, "192.168.1.1/24")
				}
				b := end(nil, public, own...)
				check(t, router.Start())
				sa, sb := wires()
				ra, rb := both(t.Context(), a, b, sa, sb)
				if met := ra.err == nil && rb.err == nil; met == refused {
					t.Errorf("connected: %v; %v, %v", met, ra.err, rb.err)
				}
				if ra.err == nil && rb.err == nil {
					closeBoth(ra.conn, rb.conn)
				}
				check(t, router.Stop())
				synctest.Wait()
				sent.mu.Lock()
				defer sent.mu.Unlock()
				if n := sent.to[netip.MustParseAddr(hidden)]; came.Load() == 0 || (n > 0) == refused {
					t.Errorf("%d packets were sent to an address that nobody named, from where %d came", n, came.Load())
				}
			})
		})
	}
}
