//go:build !js

package wrtc

import (
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// hasten saves round trips of the set-up, and a few per cent of the transfer. Nothing of it needs the other end to do the same: a browser, or a pion without
// these settings, sees what the standards allow and is only less fast.
func hasten(role Role, se *webrtc.SettingEngine) {
	// SCTP's INIT travels in the description (a=sctp-init, draft-hancke-tsvwg-snap): two round trips less when both descriptions have it.
	se.EnableSctpSnap(true)
	// DTLS proves more than SCTP's checksum does (RFC 9653). Used when both ends name it in INIT.
	se.EnableSCTPZeroChecksum(true)
	// The DTLS server's cookie makes a client show that it receives at its address before the server computes and sends much. ICE has shown that already:
	// a server of ours answers only on a pair of addresses whose own check the other end answered, with the password of its description. One round trip less.
	se.SetDTLSInsecureSkipHelloVerify(true)
	se.SetICEBindingRequestHandler(earlyPair(role))
}

// earlyPair decides which pair of addresses is used before pion would, one round trip sooner.
//
// The offerer (ICE's controlling end) takes the pair that it has just nominated: its own check was answered and the other end's has come, so the pair is
// valid, and RFC 8445 section 12.1 lets it send before the nomination is confirmed.
//
// The answerer takes the pair on which the offerer's first check comes, and goes over to the one that the offerer nominates, if that is another.
// All that it sends before its own check is answered is the DTLS client's first flight, a packet or its repetition, to an address from which somebody with
// the password of its answer sends: less than the checks that any candidate of the other end's makes it send.
func earlyPair(role Role) func(*stun.Message, ice.Candidate, ice.Candidate, *ice.CandidatePair) bool {
	var taken atomic.Bool
	return func(_ *stun.Message, _, _ ice.Candidate, pair *ice.CandidatePair) bool {
		if role == Offerer {
			// pion checks no pair again that has answered, but to nominate it.
			answered := pair.FirstResponseReceivedAt()
			if answered.IsZero() || pair.LastRequestSentAt().Before(answered) {
				return false
			}
		}
		return taken.CompareAndSwap(false, true)
	}
}
