package pxp

// Relay asks a relay to join the sender with the candidate that it gave token for (PXP §8.3). Without waiting for the
// answer the sender opens the stream [RelayStream](token) to the relay. The [Res] says whether the circuit stands.
//
//	[3, id uint, token bin]
//
//	element  kind  limit
//	type     uint  3
//	id       uint  1 to 4294967295
//	token    bin   16 bytes exactly
//
// At most 25 bytes as written here. Malformed: the receiver sends bye [CodeProtocol] and closes. A token that is unknown,
// used, expired or another peer's: res [CodeUnknownToken].
type Relay struct {
	// ID is the request id; not 0.
	ID uint32

	// Token is the candidate's, from the [Res] to a [GetPeers] of the same session.
	Token Token
}

// Type returns [TypeRelay].
func (Relay) Type() Type { return TypeRelay }

func (m Relay) encode(e *encoder) {
	e.head(m.ID, isRequest, 1)
	e.bin("token", m.Token[:])
}

func decodeRelay(d *decoder, id uint32) Relay {
	d.id(id, isRequest)
	d.need(1)
	m := Relay{ID: id}
	d.bin("token", m.Token[:])
	return m
}
