//go:build !js

package wrtc

import (
	"net/netip"

	"github.com/pion/webrtc/v4"
)

// checks returns what was sent between which addresses, until ICE has failed by itself.
func (l *pionLink) checks() (pairs []PairCheck) {
	report := l.pc.GetStats()
	end := func(id string) (a Addr) {
		s, ok := report[id].(webrtc.ICECandidateStats)
		if !ok {
			return a
		}
		a.Type = s.CandidateType.String()
		if ip, err := netip.ParseAddr(s.IP); err == nil {
			a.AddrPort = netip.AddrPortFrom(ip.Unmap(), uint16(s.Port))
		}
		return a
	}
	for _, entry := range report {
		if s, ok := entry.(webrtc.ICECandidatePairStats); ok {
			pairs = append(pairs, PairCheck{
				Local: end(s.LocalCandidateID), Remote: end(s.RemoteCandidateID),
				Sent: int(s.RequestsSent), Answered: int(s.ResponsesReceived), Received: int(s.RequestsReceived),
			})
		}
	}
	return pairs
}
