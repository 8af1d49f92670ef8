package v1

// Relay asks for a circuit to a candidate (PXP §16.5.3).
//
//	["relay",nonce,["id"]]
//
// The answer is a [Res] without List, once the candidate has agreed. For an id that is unknown or older than 15 s the
// original answers with an error and closes.
type Relay struct {
	// Nonce is that of the answer.
	Nonce Nonce

	// ID is a candidate's; the stream is named "relay:" and it. Not empty when sent.
	ID string
}

// Command returns "relay".
func (Relay) Command() string { return commandRelay }

func (m Relay) encode(e *encoder) { e.id(m.Nonce, m.ID) }

func decodeRelay(d *decoder, nonce Nonce, args value) Message {
	return Relay{Nonce: nonce, ID: d.id(args)}
}

// id appends a message whose args are an array of one id: the original passes an array, which is flattened to itself.
func (e *encoder) id(nonce Nonce, id string) {
	e.head(nonce)
	e.raw("[")
	e.name("id", id)
	e.raw("]]")
}

// id returns the first element of args as a string. What has none gives "undefined", an id that nobody has.
func (d *decoder) id(args value) string {
	elements, ok := args.destructure()
	if !ok {
		d.failf("args", "%v, want an array", args.kind)
		return ""
	}
	return d.text("id", elements.at(0))
}
