package v1

// GetPeers asks for candidates of a network (PXP §16.5.2).
//
//	["getpeers",nonce,"network"]
//
// The answer is a [Res] with List: all peers of the receiver but the asker, in the original. For a network that it does not
// have it answers with an error and closes.
type GetPeers struct {
	// Nonce is that of the answer.
	Nonce Nonce

	// Network is the network's name.
	Network string
}

// Command returns "getpeers".
func (GetPeers) Command() string { return commandGetPeers }

func (m GetPeers) encode(e *encoder) {
	e.head(m.Nonce)
	e.str("network", m.Network)
	e.raw("]")
}

func decodeGetPeers(d *decoder, nonce Nonce, args value) Message {
	return GetPeers{Nonce: nonce, Network: d.text("network", args)}
}

// text returns String(v).
func (d *decoder) text(field string, v value) string {
	text, ok := v.text()
	if !ok {
		d.failf(field, "an object with a member toString")
	}
	return text
}
