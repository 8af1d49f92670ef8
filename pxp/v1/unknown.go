package v1

// Unknown is a message whose command is none of this version's. An original that gets one ends, so it cannot be sent. It
// needs no answer.
type Unknown struct {
	// Name is the command that was read, not to be trusted.
	Name string

	// Nonce is what came with it.
	Nonce Nonce
}

// Command returns m.Name.
func (m Unknown) Command() string { return m.Name }

func (m Unknown) encode(e *encoder) {
	e.command = ""
	e.failf("command", "not known")
}
