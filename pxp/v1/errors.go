package v1

import "strings"

// FormatError says what is wrong with a line: that it cannot be decoded ([Decode], [Splitter.Feed]) or, before it is
// sent, that it breaks a limit or would harm an original ([Append]). Received, it is the peer's fault. Its text holds no
// byte of the input.
//
// One case need not end a session: the original ignores whatever the args of an upgrade are on a session that is not on a
// circuit, and dies of them only on one that is. The error then has the Command "upgrade" and a Field other than "nonce".
type FormatError struct {
	// Command is the message's command as far as it was read and is known, else empty.
	Command string

	// Field names the part that is wrong: "line" and "message" for the whole, "command", "nonce", "args", or a field as
	// PXP §16.5 names it.
	Field string

	// Problem says what was found, with the limit where there is one.
	Problem string
}

// Error returns one line, such as `pxp v1: hello: networks: 257, limit 256`.
func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString("pxp v1: ")
	if e.Command != "" {
		b.WriteString(e.Command)
		b.WriteString(": ")
	}
	b.WriteString(e.Field)
	b.WriteString(": ")
	b.WriteString(e.Problem)
	return b.String()
}
