package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/wrtc"
	"github.com/peer-exchange/exchange/wrtc/iceserver"
)

// Values of --stun besides an address.
const (
	stunAuto = "auto"
	stunOff  = "off"
)

// servingEvent: the node answers STUN.
type servingEvent struct {
	URL string `json:"url"`
}

func (*servingEvent) name() string   { return "serving" }
func (e *servingEvent) text() string { return "serving    " + e.URL }

// checkSTUN finds what is wrong with --stun.
func (o *nodeOptions) checkSTUN() error {
	switch o.stun {
	case "", stunAuto, stunOff:
		return nil
	}
	host, port, err := net.SplitHostPort(o.stun)
	if err == nil && host != "" {
		_, err = netip.ParseAddr(host)
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf(`--stun %q: want auto, off, :PORT or IP:PORT, as in --stun :3478`, o.stun)
	}
	return nil
}

// serveSTUN answers STUN where the command line says; nil when it shall not.
func (o *nodeOptions) serveSTUN(out *output, log logs) (*iceserver.Server, error) {
	address := o.stun
	if address == stunAuto {
		address = autoSTUN(o.listen, machineIsPublic)
	}
	if address == "" || address == stunOff {
		return nil, nil
	}
	server, err := iceserver.Listen(address, &iceserver.Config{Logger: log.transport})
	if err != nil && o.stun == stunAuto {
		log.node.Warn("STUN is not answered: peers need another node for that", "address", address, "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, failed(err, listenHint(err))
	}
	out.emit(&servingEvent{URL: "stun:" + server.Addr().String()})
	return server, nil
}

// autoSTUN is where STUN is answered when the user does not say: beside the first of the URLs that listens on a public address, at its port; empty when
// none does.
func autoSTUN(listen []string, public func() bool) string {
	for _, text := range listen {
		url, err := bootstrap.ParseURL(text)
		if err != nil {
			continue
		}
		addr, err := netip.ParseAddr(url.Host)
		if err == nil && addr.IsUnspecified() || url.Host == "" {
			if public() {
				return net.JoinHostPort(url.Host, strconv.Itoa(int(url.Port)))
			}
			continue
		}
		if err == nil && wrtc.IsPublic(addr) {
			return netip.AddrPortFrom(addr, url.Port).String()
		}
	}
	return ""
}

// machineIsPublic says whether an interface of this machine has a public address.
func machineIsPublic() bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if addr, ok := netip.AddrFromSlice(n.IP); ok && wrtc.IsPublic(addr) {
			return true
		}
	}
	return false
}
