package pxp

import "strconv"

// Code says in [Res] how a request ended and in [Bye] why a session ends (PXP §11). The zero Code is [CodeOK].
//
// A code that this version does not know is kept as it is; it means failure, and in a Bye an end like any other.
type Code uint16

// The codes (PXP §11).
const (
	CodeOK           Code = 0  // the request was carried out
	CodeClosing      Code = 1  // the sender shuts down in an orderly way
	CodeProtocol     Code = 2  // the receiver of this broke the protocol: malformed, or not legal now
	CodeUnsupported  Code = 3  // message type, transport or version not known
	CodeLimit        Code = 4  // a limit or rate was hit; the reason names it
	CodeWrongNetwork Code = 5  // the proof of membership does not hold
	CodeRefused      Code = 6  // understood and allowed by the protocol, not wanted by the peer
	CodeDuplicate    Code = 7  // another session to the same peer stays
	CodeUnknownToken Code = 8  // token unknown, used, expired, or another's
	CodeUnreachable  Code = 9  // the candidate is gone or did not answer the relay
	CodeTimeout      Code = 10 // not done in time
	CodeSuperseded   Code = 11 // a better path took this session's place
	CodeInternal     Code = 12 // the sender's own failure
	CodeSelf         Code = 13 // the peer has our own identity
)

// String returns the code's name in lower case, as the specification's table has it, or "code N".
func (c Code) String() string {
	switch c {
	case CodeOK:
		return "ok"
	case CodeClosing:
		return "closing"
	case CodeProtocol:
		return "protocol"
	case CodeUnsupported:
		return "unsupported"
	case CodeLimit:
		return "limit"
	case CodeWrongNetwork:
		return "wrong network"
	case CodeRefused:
		return "refused"
	case CodeDuplicate:
		return "duplicate"
	case CodeUnknownToken:
		return "unknown token"
	case CodeUnreachable:
		return "unreachable"
	case CodeTimeout:
		return "timeout"
	case CodeSuperseded:
		return "superseded"
	case CodeInternal:
		return "internal"
	case CodeSelf:
		return "self"
	}
	return "code " + strconv.Itoa(int(c))
}
