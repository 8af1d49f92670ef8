package pxp

// idRule says what a message's request id may be (PXP §7.3).
type idRule byte

const (
	isNotice  idRule = 0 // nobody answers: the id is 0
	isRequest idRule = 1 // answered by a res of the same id, or an upgrade: the id is not 0
	isEither  idRule = 2
)

// problem returns what is wrong with id, or "".
func (r idRule) problem(id uint32) string {
	switch {
	case r == isRequest && id == 0:
		return "0, want a request id"
	case r == isNotice && id != 0:
		return "not 0, and the message is no request"
	}
	return ""
}
