package v1

// Connect asks for the data stream of a network (PXP §16.5.6).
//
//	["connect",nonce,"network"]
//
// The answer is a [Res] without List. The original grants it for networks that it does not have, and answers a second one
// for the same network with an error and closes.
type Connect struct {
	// Nonce is that of the answer.
	Nonce Nonce

	// Network is the network's name; the stream is its [DataStream].
	Network string
}

// DataStream is the name of the stream that carries a network's application data.
func DataStream(network string) string { return "data:" + network }

// Command returns "connect".
func (Connect) Command() string { return commandConnect }

func (m Connect) encode(e *encoder) {
	e.head(m.Nonce)
	e.str("network", m.Network)
	e.raw("]")
}

func decodeConnect(d *decoder, nonce Nonce, args value) Message {
	return Connect{Nonce: nonce, Network: d.text("network", args)}
}
