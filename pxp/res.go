package pxp

// Res answers a request (PXP §8.9).
//
//	[9, id uint, code uint, reason str, candidates [[peer bin, token bin, protocol uint]...]]
//
//	element     kind   limit
//	type        uint   9
//	id          uint   1 to 4294967295, the request's
//	code        uint   0 to 65535
//	reason      str    256 bytes
//	candidates  array  8 arrays
//	  peer      bin    32 bytes exactly
//	  token     bin    16 bytes exactly
//	  protocol  uint   0 to 255; may be missing
//
// At most 710 bytes. A candidate's array has two elements or more; those after the third are skipped as a message's are.
// Malformed: the receiver sends bye [CodeProtocol] and closes. So does it when the id is above those of all its requests;
// an answer that comes too late or twice is ignored (PXP §7.3).
type Res struct {
	// ID is that of the request; not 0.
	ID uint32

	// Code is [CodeOK] or says why not. Unknown codes are kept and mean failure.
	Code Code

	// Reason is the same for people, mostly empty with CodeOK. Not to be trusted.
	Reason string

	// Candidates are the answer to [GetPeers], empty for all others. Decoded, an empty list is nil.
	Candidates []Candidate
}

// Candidate is a peer's peer that is offered to us, and the right to one circuit to it.
type Candidate struct {
	// Peer is its peer ID by the relay's word. The session through the circuit proves it or not, one of version 1 never:
	// there it is a handle that the relay made up. Zero: it speaks version 2 and the relay does not know who it is (PXP
	// §16.12).
	Peer [PeerSize]byte

	// Token is for [Relay], at the peer that sent the [Res].
	Token Token

	// Protocol is the version of the protocol that the candidate speaks. 0 means [Version] and is not written; a [Version]
	// that is written out means the same and is kept. Version 1 is offered only to peers whose hello names the feature "v1"
	// (PXP §9.1). A candidate of a version that is not known is to be left alone.
	Protocol uint8
}

// Type returns [TypeRes].
func (Res) Type() Type { return TypeRes }

func (m Res) encode(e *encoder) {
	e.head(m.ID, isRequest, 3)
	e.uint("code", uint64(m.Code), 0, 1<<16-1)
	e.str("reason", m.Reason, MaxReason)
	e.array("candidates", len(m.Candidates), MaxCandidates)
	for i := range m.Candidates {
		c := &m.Candidates[i]
		elements := 2
		if c.Protocol != 0 {
			elements = 3
		}
		e.array("candidates", elements, MaxElements)
		e.bin("candidates.peer", c.Peer[:])
		e.bin("candidates.token", c.Token[:])
		if c.Protocol != 0 {
			e.uint("candidates.protocol", uint64(c.Protocol), 0, 1<<8-1)
		}
	}
}

func decodeRes(d *decoder, id uint32) (m Res) {
	d.id(id, isRequest)
	d.need(3)
	m.ID = id
	m.Code = Code(d.uint("code", 0, 1<<16-1))
	m.Reason = d.str("reason", MaxReason)
	n := d.arrayLen("candidates", MaxCandidates)
	if n > 0 {
		m.Candidates = make([]Candidate, n)
	}
	for i := range m.Candidates {
		c := &m.Candidates[i]
		elements := d.arrayLen("candidates", MaxElements)
		if d.err == nil && elements < 2 {
			d.failf("candidates", "%d elements, want at least 2", elements)
		}
		d.bin("candidates.peer", c.Peer[:])
		d.bin("candidates.token", c.Token[:])
		if elements > 2 {
			c.Protocol = uint8(d.uint("candidates.protocol", 0, 1<<8-1))
		}
		d.skip("candidates", max(elements-3, 0))
	}
	return m
}
