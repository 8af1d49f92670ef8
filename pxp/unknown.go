package pxp

// Unknown is a message of a type that this version does not know, 11 to 127 (PXP §7.4). Its fields are not kept.
//
//	[type uint, id uint, ...]
//
// With an id it is a request, answered with res [CodeUnsupported]; with id 0 it is ignored. Malformed (by the rules for
// elements that are skipped): the receiver sends bye [CodeProtocol] and closes.
type Unknown struct {
	// MessageType is the type that was read, not one of this version.
	MessageType Type

	// ID is the request id, or 0.
	ID uint32
}

// Type returns m.MessageType.
func (m Unknown) Type() Type { return m.MessageType }

// encode writes the message without fields, for tests of how a peer takes it.
func (m Unknown) encode(e *encoder) {
	if m.MessageType.known() {
		e.failf("type", "%d is known, and Unknown", m.MessageType)
		return
	}
	e.head(m.ID, isEither, 0)
}
