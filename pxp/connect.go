package pxp

// Connect asks the acceptor of a direct session to make it the path to the sender (PXP §8.6). The answer is a [Res]; with
// [CodeOK] the sender opens the data stream.
//
//	[6, id uint]
//
//	element  kind  limit
//	type     uint  6
//	id       uint  1 to 4294967295
//
// At most 7 bytes as written here. Malformed: the receiver sends bye [CodeProtocol] and closes.
type Connect struct {
	// ID is the request id; not 0.
	ID uint32
}

// Type returns [TypeConnect].
func (Connect) Type() Type { return TypeConnect }

func (m Connect) encode(e *encoder) { e.head(m.ID, isRequest, 0) }

func decodeConnect(d *decoder, id uint32) Connect {
	d.id(id, isRequest)
	d.need(0)
	return Connect{ID: id}
}
