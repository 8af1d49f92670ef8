//go:build lab

package lab

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// The places are what they say, seen by plain sockets: the rest of the tests stands on that.
func TestPlacesAreTrue(t *testing.T) {
	for _, p := range []struct {
		place    Place
		hidden   bool // its own address is not what others see
		stable   bool // each destination sees the same address
		admits   bool // who was not sent to gets in
		admitsAt bool // at its own address, before it has sent anything
		blocked  bool // no UDP
	}{
		{place: Open, stable: true, admits: true, admitsAt: true},
		{place: Firewalled, stable: true},
		{place: BehindCone, hidden: true, stable: true, admits: true},
		{place: BehindPort, hidden: true, stable: true},
		{place: BehindTwo, hidden: true, stable: true},
		{place: BehindSymm, hidden: true},
		{place: WithoutUDP, blocked: true},
	} {
		t.Run(string(p.place), func(t *testing.T) {
			t.Parallel()
			var top Topology
			top.Put("host", p.place)
			top.Hosts = append(top.Hosts, Host{Name: "one"}, Host{Name: "two"})
			l := New(t, top)
			host, one, oneToo, two := l.Listen("host", 5000), l.Listen("one", 5000), l.Listen("one", 6000), l.Listen("two", 5000)

			write(t, two, host.LocalAddr(), "early")
			if got, _ := read(t, host, quiet(p.admitsAt)); (got == "early") != p.admitsAt {
				t.Errorf("before it has sent anything it gets %q", got)
			}
			write(t, host, one.LocalAddr(), "a")
			got, outer := read(t, one, quiet(!p.blocked))
			if p.blocked {
				if got != "" {
					t.Errorf("%q gets out", got)
				}
				return
			}
			if hidden := outer.String() != host.LocalAddr().String(); hidden != p.hidden {
				t.Errorf("%v is seen as %v", host.LocalAddr(), outer)
			}
			write(t, two, outer, "stranger")
			write(t, oneToo, outer, "other port")
			write(t, one, outer, "answer")
			heard := make(map[string]bool)
			for !heard["answer"] || p.admits && len(heard) < 3 {
				got, _ := read(t, host, patience)
				heard[got] = true
				if got == "" {
					break
				}
			}
			if !heard["answer"] || heard["stranger"] != p.admits || heard["other port"] != p.admits {
				t.Errorf("gets in: %v", heard)
			}
			for _, other := range []net.PacketConn{oneToo, two} {
				write(t, host, other.LocalAddr(), "b")
				if _, again := read(t, other, patience); (again.String() == outer.String()) != p.stable {
					t.Errorf("seen as %v by %v, and as %v before", again, other.LocalAddr(), outer)
				}
			}
		})
	}
}

// quiet is how long is waited for a packet: for one that must not come, not long.
func quiet(comes bool) time.Duration {
	if comes {
		return patience
	}
	return 200 * time.Millisecond
}

func write(t *testing.T, c net.PacketConn, to net.Addr, text string) {
	t.Helper()
	// A packet that a firewall of its own host drops, or that has no way, is an error of the socket; what matters is what arrives.
	_, _ = c.WriteTo([]byte(text), to)
}

// read returns the next packet, or "" when none comes in time.
func read(t *testing.T, c net.PacketConn, limit time.Duration) (text string, from net.Addr) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		switch {
		case err == nil:
			return string(buf[:n]), from
		case errors.Is(err, os.ErrDeadlineExceeded):
			return "", net.UDPAddrFromAddrPort(netip.AddrPort{})
		}
	}
}

// Links do what they are told: at least the delay, about the loss, other orders, no more than the rate.
func TestLinksAreTrue(t *testing.T) {
	const packets, size = 400, 1000
	for _, link := range []Link{
		{},
		{Delay: 30 * time.Millisecond},
		{Delay: 10 * time.Millisecond, Jitter: 30 * time.Millisecond},
		{Delay: time.Millisecond, Loss: 0.2},
		{Rate: 4_000_000},
	} {
		t.Run(linkName(link), func(t *testing.T) {
			t.Parallel()
			l := New(t, Topology{Hosts: []Host{{Name: "far", Link: link}, {Name: "near"}}})
			far, near := l.Listen("far", 5000), l.Listen("near", 5000)
			write(t, near, far.LocalAddr(), "wake") // the two find each other's hardware addresses
			write(t, near, far.LocalAddr(), "wake")
			write(t, near, far.LocalAddr(), "wake")
			if got, _ := read(t, far, patience); got != "wake" {
				t.Fatal("nothing arrives")
			}
			began := time.Now()
			for i := range packets {
				text := string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(i)), uint64(time.Since(began))))
				write(t, far, near.LocalAddr(), text+string(make([]byte, size-len(text))))
			}
			arrived, swapped, last := 0, 0, -1
			var took, least time.Duration
			for {
				got, _ := read(t, near, time.Second)
				if len(got) != size {
					break
				}
				i, sent := int(binary.BigEndian.Uint32([]byte(got))), time.Duration(binary.BigEndian.Uint64([]byte(got[4:])))
				took = time.Since(began)
				if d := took - sent; least == 0 || d < least {
					least = d
				}
				if arrived++; i < last {
					swapped++
				}
				last = i
			}
			t.Logf("%d of %d arrived, %d overtaken, in %v, the fastest in %v", arrived, packets, swapped, took, least)
			if lost := 1 - float64(arrived)/packets; lost < link.Loss/2 || lost > 2*link.Loss {
				t.Errorf("%.3f were lost, want about %v", lost, link.Loss)
			}
			if least < link.Delay {
				t.Errorf("one came after %v", least)
			}
			if (swapped > packets/20) != (link.Jitter > 0) {
				t.Errorf("%d were overtaken", swapped)
			}
			if link.Rate > 0 && took < time.Duration(packets*size*8*int64(time.Second)/link.Rate) {
				t.Errorf("faster than the rate: %v", took)
			}
		})
	}
}
