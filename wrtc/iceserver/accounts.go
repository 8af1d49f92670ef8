//go:build !js

package iceserver

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// account is what one peer uses. It stays, when the last of its allocations has ended, until what it took has come back: who comes again finds what he left. Guarded
// by allocations.mu.
type account struct {
	allocations int
	bytes       bucket
	permits     bucket
	partners    map[netip.Addr]time.Time // whom it may exchange packets with, and since when
}

const (
	// A peer may permit so many addresses at once, and so many more in a second. pion keeps each for 5 minutes, and for 10 what is bound to a channel, however many there are.
	permitBurst      = 256
	permitsPerSecond = 1
	// partnerTime is how long a permission counts here. pion judges by its own clocks, and for each allocation.
	partnerTime = 10 * time.Minute
	// packetCost is what a packet counts beside what is in it: the headers of IP and UDP, and our work.
	packetCost = 48
)

// take counts an allocation.
func (a *allocations) take(peer string) (*account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, all := time.Now(), 0
	maps.DeleteFunc(a.peers, func(_ string, other *account) bool {
		all += other.allocations
		return other.allocations == 0 && other.bytes.full(now) && other.permits.full(now)
	})
	if all >= a.cfg.Allocations {
		return nil, errQuota
	}
	who := a.peers[peer]
	if who == nil {
		who = &account{
			bytes: newBucket(a.cfg.BytesPerSecond, a.cfg.BytesPerSecond), permits: newBucket(permitsPerSecond, permitBurst), partners: make(map[netip.Addr]time.Time),
		}
		a.peers[peer] = who
	}
	if who.allocations >= a.cfg.AllocationsPerPeer {
		return nil, errQuota
	}
	who.allocations++
	return who, nil
}

// permit counts a permission that a peer asks for.
func (a *allocations) permit(peer string, to netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	who, now := a.peers[peer], time.Now()
	if who == nil || !a.cfg.permits(to.AsSlice()) || a.broadcasts(to) || !who.permits.allow(now) {
		return false
	}
	maps.DeleteFunc(who.partners, func(_ netip.Addr, since time.Time) bool { return now.Sub(since) > partnerTime })
	who.partners[to] = now
	return true
}

// admits counts a packet. The permission that pion has asked for was for an address; at one of this machine's it holds for what is relayed, too, and nothing else:
// services that listen there for the machine's own network are not for peers. What comes from those who have no permission is nothing that the peer uses.
func (a *allocations) admits(who *account, size int, other netip.AddrPort, comes bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ip := other.Addr()
	if !a.cfg.permits(ip.AsSlice()) || a.broadcasts(ip) || !a.cfg.Loopback && a.own[ip] && !a.ports[other.Port()] {
		return false
	}
	if _, partner := who.partners[ip]; comes && !partner {
		return false
	}
	now := time.Now()
	return who.bytes.take(size+packetCost, now) && a.bytes.take(size+packetCost, now)
}

// broadcasts says whether an address is the first or the last of an IPv4 network of this machine: Go lets programs send there.
func (a *allocations) broadcasts(ip netip.Addr) bool {
	return slices.ContainsFunc(a.nets, func(n netip.Prefix) bool {
		if !ip.Is4() || n.Bits() > 30 || !n.Contains(ip) {
			return false
		}
		ones, b := uint32(1)<<(32-n.Bits())-1, ip.As4()
		host := (uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])) & ones
		return host == 0 || host == ones
	})
}
