package pxp

import "strconv"

// Limits of [Upgrade], in bytes.
const (
	MaxTransport    = 16
	MaxSDP          = 12288 // text of an offer or answer
	MaxICECandidate = 1024  // text of an ICE candidate
	MaxMid          = 64
)

// TransportWebRTC is the only transport of this version.
const TransportWebRTC = "webrtc"

// UpgradeKind says what an [Upgrade] carries (PXP §8.5).
type UpgradeKind uint8

// The kinds of [Upgrade] (PXP §8.5).
const (
	UpgradeOffer     UpgradeKind = 1
	UpgradeAnswer    UpgradeKind = 2
	UpgradeCandidate UpgradeKind = 3
	UpgradeEnd       UpgradeKind = 4 // no more candidates
)

// String returns the kind's name.
func (k UpgradeKind) String() string {
	switch k {
	case UpgradeOffer:
		return "offer"
	case UpgradeAnswer:
		return "answer"
	case UpgradeCandidate:
		return "candidate"
	case UpgradeEnd:
		return "end"
	}
	return "kind " + strconv.Itoa(int(k))
}

// maxText returns the limit of the text.
func (k UpgradeKind) maxText() int {
	switch k {
	case UpgradeOffer, UpgradeAnswer:
		return MaxSDP
	case UpgradeCandidate:
		return MaxICECandidate
	}
	return 0
}

// Upgrade carries one piece of the negotiation of a direct path (PXP §8.5). All pieces of one attempt, in both
// directions, have the id that the offer has. Nobody answers it: an attempt that fails ends the circuit session, success
// shows by the new path.
//
//	[5, id uint, transport str, kind uint, text str, mid str, line uint]
//
//	element    kind  limit
//	type       uint  5
//	id         uint  1 to 4294967295, the attempt
//	transport  str   16 bytes
//	kind       uint  1 offer, 2 answer, 3 candidate, 4 end of candidates
//	text       str   12288 bytes of SDP for kinds 1 and 2; 1024 bytes for 3; empty for 4
//	mid        str   64 bytes
//	line       uint  0 to 65535
//
// At most 12385 bytes. Malformed: the receiver sends bye [CodeProtocol] and closes. An unknown transport:
// bye [CodeUnsupported]. SDP that makes no sense to the transport: bye [CodeProtocol].
type Upgrade struct {
	// ID names the attempt; not 0.
	ID uint32

	// Transport names the kind of path, [TransportWebRTC].
	Transport string

	// Kind says what Text is.
	Kind UpgradeKind

	// Text is the SDP of an offer or answer, or one ICE candidate line; empty with [UpgradeEnd].
	Text string

	// Mid and Line say which media section a candidate belongs to (RFC 8839 §5.1); unused otherwise.
	Mid  string
	Line uint16
}

// Type returns [TypeUpgrade].
func (Upgrade) Type() Type { return TypeUpgrade }

func (m Upgrade) encode(e *encoder) {
	e.head(m.ID, isRequest, 5)
	e.str("transport", m.Transport, MaxTransport)
	e.uint("kind", uint64(m.Kind), uint64(UpgradeOffer), uint64(UpgradeEnd))
	e.str("text", m.Text, m.Kind.maxText())
	e.str("mid", m.Mid, MaxMid)
	e.uint("line", uint64(m.Line), 0, 1<<16-1)
}

func decodeUpgrade(d *decoder, id uint32) (m Upgrade) {
	d.id(id, isRequest)
	d.need(5)
	m.ID = id
	m.Transport = d.str("transport", MaxTransport)
	m.Kind = UpgradeKind(d.uint("kind", uint64(UpgradeOffer), uint64(UpgradeEnd)))
	m.Text = d.str("text", m.Kind.maxText())
	m.Mid = d.str("mid", MaxMid)
	m.Line = uint16(d.uint("line", 0, 1<<16-1))
	return m
}
