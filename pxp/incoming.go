package pxp

// PeerSize is the length of a peer ID in bytes: an Ed25519 public key.
const PeerSize = 32

// Incoming is what a relay asks a candidate when another of its peers wants to meet it (PXP §8.4). The candidate answers
// with a [Res] and, when that is [CodeOK], opens the stream [RelayStream](token) to the relay.
//
//	[4, id uint, token bin, from bin, first bin]
//
//	element  kind  limit
//	type     uint  4
//	id       uint  1 to 4294967295
//	token    bin   16 bytes exactly
//	from     bin   32 bytes exactly
//	first    bin   64 bytes
//
// At most 125 bytes as written here. Malformed: the receiver sends bye [CodeProtocol] and closes. Not wanted: res
// [CodeRefused].
type Incoming struct {
	// ID is the request id; not 0.
	ID uint32

	// Token is fresh, and not the one that the asker has.
	Token Token

	// From is the asker's peer ID by the relay's word. The session through the circuit proves it or not, one of version 1
	// never: there it is a handle that the relay made up. Zero: the asker speaks version 2 and the relay does not know who
	// it is (PXP §16.12).
	From [PeerSize]byte

	// First is what comes before the first byte that the circuit brings; see [Relay]. May be empty.
	First []byte
}

// Type returns [TypeIncoming].
func (Incoming) Type() Type { return TypeIncoming }

func (m Incoming) encode(e *encoder) {
	e.head(m.ID, isRequest, 3)
	e.bin("token", m.Token[:])
	e.bin("from", m.From[:])
	e.bytes("first", m.First, MaxFirst)
}

func decodeIncoming(d *decoder, id uint32) Incoming {
	d.id(id, isRequest)
	d.need(3)
	m := Incoming{ID: id}
	d.bin("token", m.Token[:])
	d.bin("from", m.From[:])
	m.First = d.bytes("first", MaxFirst)
	return m
}
