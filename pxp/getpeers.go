package pxp

// MaxCandidates is the largest number of candidates that one [Res] carries and that [GetPeers] can ask for.
const MaxCandidates = 8

// GetPeers asks a peer for some of its peers (PXP §8.2). The answer is a [Res] with candidates, perhaps none.
//
//	[2, id uint, max uint]
//
//	element  kind  limit
//	type     uint  2
//	id       uint  1 to 4294967295
//	max      uint  1 to 8; a larger one that fits 32 bits is read as 8
//
// At most 8 bytes as written here. Malformed: the receiver sends bye [CodeProtocol] and closes. Too often: res
// [CodeLimit].
type GetPeers struct {
	// ID is the request id; not 0.
	ID uint32

	// Max is how many candidates the asker wants at most, 1 to [MaxCandidates].
	Max int
}

// Type returns [TypeGetPeers].
func (GetPeers) Type() Type { return TypeGetPeers }

func (m GetPeers) encode(e *encoder) {
	e.head(m.ID, isRequest, 1)
	if m.Max < 1 || m.Max > MaxCandidates {
		e.failf("max", "%d, limit 1 to %d", m.Max, MaxCandidates)
		return
	}
	e.uint("max", uint64(m.Max), 1, MaxCandidates)
}

func decodeGetPeers(d *decoder, id uint32) GetPeers {
	d.id(id, isRequest)
	d.need(1)
	// A later version may give out more at once: asking for too many is no fault, it is answered with what there is.
	wanted := d.uint("max", 1, 1<<32-1)
	return GetPeers{ID: id, Max: int(min(wanted, MaxCandidates))}
}
