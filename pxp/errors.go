package pxp

import "strings"

// FormatError says what is wrong with a message: that it cannot be decoded ([Decode], [FrameLen]) or, before it is sent,
// that it breaks a limit ([Append]). Received, it is the peer's fault and ends the session with [CodeProtocol]. Its text
// holds no byte of the input.
type FormatError struct {
	// Message is the type of the message as far as it was read, 0 when it was not.
	Message Type

	// Field names the part that is wrong as the specification does, such as "agent" or "candidates.peer". Besides the
	// fields there are "frame" and "message" for the whole.
	Field string

	// Problem says what was found, with the limit where there is one.
	Problem string
}

// Error returns one line, such as `pxp: hello: agent: 129 bytes, limit 128`.
func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString("pxp: ")
	if e.Message != 0 {
		b.WriteString(e.Message.String())
		b.WriteString(": ")
	}
	b.WriteString(e.Field)
	b.WriteString(": ")
	b.WriteString(e.Problem)
	return b.String()
}
