package wrtc

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/pion/webrtc/v4"
)

// What pion and its mirror in the browser have in common.

func pionConfig(cfg *Config, servers []ICEServer) webrtc.Configuration {
	var pc webrtc.Configuration
	if cfg.RelayOnly {
		pc.ICETransportPolicy = webrtc.ICETransportPolicyRelay
	}
	for _, s := range servers {
		out := webrtc.ICEServer{URLs: s.URLs, Username: s.Username}
		if s.Credential != "" {
			out.Credential = s.Credential
		}
		pc.ICEServers = append(pc.ICEServers, out)
	}
	return pc
}

// channelInit is how a channel of the dialect is created: ordered and reliable.
func (d *dialect) channelInit() *webrtc.DataChannelInit {
	ordered := true
	init := &webrtc.DataChannelInit{Ordered: &ordered}
	if d.negotiated {
		negotiated, id := true, uint16(0)
		init.Negotiated, init.ID = &negotiated, &id
	}
	return init
}

// checkChannel says what is wrong with a channel that the other end opened.
func checkChannel(dc *webrtc.DataChannel) error {
	limited := func(v *uint16) bool { return v != nil && *v != 65535 } // 65535: not set, in the way of early implementations
	if !dc.Ordered() || limited(dc.MaxRetransmits()) || limited(dc.MaxPacketLifeTime()) {
		return fmt.Errorf("channel %.40q is not ordered and reliable", dc.Label())
	}
	return nil
}

// errPeerConnectionClosed: natively also after the other end closed its own.
var errPeerConnectionClosed = errors.New("peer connection is closed")

// watch reports what the PeerConnection does: lost says that it is of no more use.
func watch(pc *webrtc.PeerConnection, p *progress, lost func(error)) {
	pc.OnICECandidate(func(i *webrtc.ICECandidate) {
		if i == nil {
			p.endOfCandidates()
			return
		}
		init := i.ToJSON()
		s := Signal{Kind: Candidate, Text: init.Candidate}
		if init.SDPMid != nil {
			s.Mid = *init.SDPMid
		}
		if init.SDPMLineIndex != nil {
			s.Line = *init.SDPMLineIndex
		}
		p.candidate(s)
	})
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		switch s {
		case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
			p.iceConnected()
		case webrtc.ICEConnectionStateFailed:
			lost(errors.New("no working pair of addresses (ICE failed)"))
		}
	})
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			p.dtlsConnected()
		case webrtc.PeerConnectionStateFailed:
			lost(errors.New("peer connection has failed"))
		case webrtc.PeerConnectionStateClosed:
			lost(errPeerConnectionClosed)
		}
	})
}

func offer(pc *webrtc.PeerConnection) error {
	o, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	return pc.SetLocalDescription(o)
}

func answer(pc *webrtc.PeerConnection, remote string) error {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: remote}); err != nil {
		return err
	}
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	return pc.SetLocalDescription(a)
}

func accept(pc *webrtc.PeerConnection, remote string) error {
	return pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: remote})
}

func localSDP(pc *webrtc.PeerConnection) string {
	if d := pc.LocalDescription(); d != nil {
		return d.SDP
	}
	return ""
}

func addCandidate(pc *webrtc.PeerConnection, s Signal) error {
	init := webrtc.ICECandidateInit{Candidate: s.Text, SDPMLineIndex: &s.Line}
	if s.Mid != "" {
		init.SDPMid = &s.Mid
	}
	return pc.AddICECandidate(init)
}

func selectedPair(pc *webrtc.PeerConnection) (local, remote Addr) {
	sctp := pc.SCTP()
	if sctp == nil {
		return
	}
	p, err := sctp.Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || p == nil {
		return
	}
	return address(p.Local), address(p.Remote)
}

func address(c *webrtc.ICECandidate) Addr {
	if c == nil {
		return Addr{}
	}
	a := Addr{Type: c.Typ.String()}
	if ip, err := netip.ParseAddr(c.Address); err == nil {
		a.AddrPort = netip.AddrPortFrom(ip.Unmap(), c.Port)
	}
	return a
}
