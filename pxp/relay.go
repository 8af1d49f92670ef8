package pxp

// MaxFirst is how much of what the asker's stream begins with may travel ahead of it, in [Relay] and [Incoming], in bytes.
const MaxFirst = 64

// Relay asks a relay to join the sender with the candidate that it gave token for (PXP §8.3). Without waiting for the
// answer the sender opens the stream [RelayStream](token) to the relay. The [Res] says whether the circuit stands.
//
//	[3, id uint, token bin, first bin]
//
//	element  kind  limit
//	type     uint  3
//	id       uint  1 to 4294967295
//	token    bin   16 bytes exactly
//	first    bin   64 bytes
//
// At most 91 bytes as written here. Malformed: the receiver sends bye [CodeProtocol] and closes. A token that is unknown,
// used, expired or another peer's: res [CodeUnknownToken].
type Relay struct {
	// ID is the request id; not 0.
	ID uint32

	// Token is the candidate's, from the [Res] to a [GetPeers] of the same session.
	Token Token

	// First is what the sender's half of the circuit begins with and its stream does not repeat: it reaches the candidate
	// with the [Incoming], a round trip sooner than the stream. May be empty.
	First []byte
}

// Type returns [TypeRelay].
func (Relay) Type() Type { return TypeRelay }

func (m Relay) encode(e *encoder) {
	e.head(m.ID, isRequest, 2)
	e.bin("token", m.Token[:])
	e.bytes("first", m.First, MaxFirst)
}

func decodeRelay(d *decoder, id uint32) Relay {
	d.id(id, isRequest)
	d.need(2)
	m := Relay{ID: id}
	d.bin("token", m.Token[:])
	m.First = d.bytes("first", MaxFirst)
	return m
}
