package v1

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// encoder appends JSON to buf and keeps the first error. All methods may go on being called after an error.
type encoder struct {
	buf     []byte
	command string
	err     error
}

func (e *encoder) failf(field, format string, args ...any) {
	if e.err == nil {
		e.err = &FormatError{Command: e.command, Field: field, Problem: fmt.Sprintf(format, args...)}
	}
}

// raw appends JSON that needs no check.
func (e *encoder) raw(text string) { e.buf = append(e.buf, text...) }

// head appends the message's array up to its args.
func (e *encoder) head(nonce Nonce) {
	if nonce.IsZero() {
		e.failf("nonce", "none given")
	}
	e.raw(`["`)
	e.raw(e.command)
	e.raw(`",`)
	e.raw(nonce.text)
	e.raw(`,`)
}

// str appends a JSON string as JSON.stringify has it.
func (e *encoder) str(field, s string) {
	if !utf8.ValidString(s) {
		e.failf(field, "not UTF-8")
	}
	e.buf = appendString(e.buf, s)
}

// name is str for what may not be empty, since an original takes the empty string for nothing.
func (e *encoder) name(field, s string) {
	if s == "" {
		e.failf(field, "empty")
	}
	e.str(field, s)
}

func (e *encoder) bool(b bool) { e.buf = strconv.AppendBool(e.buf, b) }
func (e *encoder) int(n int)   { e.buf = strconv.AppendInt(e.buf, int64(n), 10) }
