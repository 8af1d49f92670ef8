//go:build !js

package wrtc

import (
	"net"
	"net/netip"
)

// machineAddresses returns the addresses of this machine with their networks, and those of the interfaces that are gathered from. What cannot be listed
// is missing: then less is allowed.
func machineAddresses(use func(name string) bool) (all []netip.Prefix, usable []netip.Addr) {
	usable = []netip.Addr{} // known to be none
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			addr, ok := netip.AddrFromSlice(n.IP)
			if !ok {
				continue
			}
			addr = addr.Unmap()
			ones, bits := n.Mask.Size()
			if bits == addr.BitLen() {
				all = append(all, netip.PrefixFrom(addr, ones))
			}
			if use == nil || use(i.Name) {
				usable = append(usable, addr)
			}
		}
	}
	return all, usable
}

// addresses is machineAddresses, or what a test says.
func (w *WebRTC) addresses() ([]netip.Prefix, []netip.Addr) {
	if w.host != nil {
		return w.host()
	}
	return machineAddresses(w.cfg.Interface)
}

// filter is the policy in pion's form.
func (p *policy) filter(ip net.IP) (keep bool) {
	a, ok := netip.AddrFromSlice(ip)
	return ok && p.refuse(a) == ""
}
