package v1

// Incoming tells a candidate that somebody wants to meet it (PXP §16.5.4).
//
//	["incoming",nonce,["id"]]
//
// The answer is a [Res] without List, to be sent before the stream is opened. An original that takes no incoming peers
// does not answer.
type Incoming struct {
	// Nonce is that of the answer.
	Nonce Nonce

	// ID is of this circuit, and not the one that the asker has; the stream is named "relay:" and it. Not empty when
	// sent.
	ID string
}

// Command returns "incoming".
func (Incoming) Command() string { return commandIncoming }

func (m Incoming) encode(e *encoder) { e.id(m.Nonce, m.ID) }

func decodeIncoming(d *decoder, nonce Nonce, args value) Message {
	return Incoming{Nonce: nonce, ID: d.id(args)}
}
