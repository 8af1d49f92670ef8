package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/wrtc"
	"github.com/peer-exchange/exchange/wrtc/iceserver"
)

// Values of --stun and --turn besides an address.
const (
	stunAuto = "auto"
	stunOff  = "off"
	turnAuto = "auto"
)

// servingEvent: the node answers STUN, or TURN too.
type servingEvent struct {
	URL string `json:"url"`
}

func (*servingEvent) name() string   { return "serving" }
func (e *servingEvent) text() string { return "serving    " + e.URL }

// checkSTUN finds what is wrong with --stun and --turn.
func (o *nodeOptions) checkSTUN() error {
	if _, err := netip.ParseAddr(o.turn); err != nil && o.turn != "" && o.turn != turnAuto {
		return fmt.Errorf("--turn=%s: want the IP address that peers reach this machine at, or --turn alone", o.turn)
	}
	if o.turn != "" && o.stun == stunOff {
		return errors.New("--turn and --stun off exclude each other: a TURN server answers STUN")
	}
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
	config := iceserver.Config{Logger: log.transport}
	if address == stunAuto {
		address = autoSTUN(o.listen, func() bool { return publicAddress().IsValid() || o.turn != "" })
	}
	if o.turn != "" {
		var err error
		if config.TURN, err = o.turnConfig(address); err != nil {
			return nil, err
		}
	}
	if address == "" || address == stunOff {
		return nil, nil
	}
	server, err := iceserver.Listen(address, &config)
	if err != nil && o.stun == stunAuto && o.turn == "" {
		log.node.Warn("STUN is not answered: peers need another node for that", "address", address, "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, failed(err, listenHint(err))
	}
	scheme := "stun:"
	if config.TURN != nil {
		scheme = "turn:"
	}
	out.emit(&servingEvent{URL: scheme + server.Addr().String()})
	return server, nil
}

// turnConfig is how TURN is served at an address.
func (o *nodeOptions) turnConfig(address string) (*iceserver.TURN, error) {
	config := &iceserver.TURN{Loopback: o.offersLoopback()}
	if address == "" {
		return nil, failed(errors.New("--turn: no --listen URL is on a public address"), "say where to serve it, as in --stun :3478 --turn=IP with the IP address that peers reach this machine at")
	}
	if o.turn != turnAuto {
		config.Address, _ = netip.ParseAddr(o.turn) // checked before
		if a := config.Address.Unmap(); !wrtc.IsPublic(a) && !(config.Loopback && a.IsLoopback()) {
			return nil, failed(fmt.Errorf("--turn=%v is not a public address", a), "it is where peers reach this machine: its router's, if that forwards to it")
		}
		return config, nil
	}
	host, _, _ := net.SplitHostPort(address)
	if at, err := netip.ParseAddr(host); err == nil && !at.IsUnspecified() {
		config.Address = at
	} else {
		config.Address = publicAddress()
	}
	if a := config.Address; !wrtc.IsPublic(a) && !(config.Loopback && a.IsLoopback()) {
		return nil, failed(errors.New("--turn: this machine has no public address"), "if its router has one that is forwarded to it, say which: --turn=IP")
	}
	return config, nil
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

// publicAddress is a public address of this machine, an IPv4 one if it can be: pion gathers from no other TURN server. Invalid when there is none.
func publicAddress() (found netip.Addr) {
	addrs, _ := net.InterfaceAddrs() // what cannot be listed is not there
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(n.IP)
		if addr = addr.Unmap(); ok && wrtc.IsPublic(addr) && (!found.IsValid() || found.Is6() && addr.Is4()) {
			found = addr
		}
	}
	return found
}
