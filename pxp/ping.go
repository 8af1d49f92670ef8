package pxp

// Ping asks whether the peer is there (PXP §8.7). The answer is a [Res] with [CodeOK], at once.
//
//	[7, id uint]
//
//	element  kind  limit
//	type     uint  7
//	id       uint  1 to 4294967295
//
// At most 7 bytes as written here. Malformed: the receiver sends bye [CodeProtocol] and closes.
type Ping struct {
	// ID is the request id; not 0.
	ID uint32
}

// Type returns [TypePing].
func (Ping) Type() Type { return TypePing }

func (m Ping) encode(e *encoder) { e.head(m.ID, isRequest, 0) }

func decodePing(d *decoder, id uint32) Ping {
	d.id(id, isRequest)
	d.need(0)
	return Ping{ID: id}
}
