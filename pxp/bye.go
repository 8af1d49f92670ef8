package pxp

import (
	"strings"
	"unicode/utf8"
)

// MaxReason is the largest reason of a [Bye] or [Res] in bytes. [FitReason] makes any text fit.
const MaxReason = 256

// Bye ends the session and says why (PXP §8.8). It is the last message of its sender, who reads no further than the
// draining needs; nobody answers it.
//
//	[8, 0, code uint, reason str]
//
//	element  kind  limit
//	type     uint  8
//	id       uint  0
//	code     uint  0 to 65535
//	reason   str   256 bytes
//
// At most 265 bytes. Malformed: the receiver closes the session; it may send bye [CodeProtocol] before.
type Bye struct {
	// Code is the reason for programs. Unknown codes are kept.
	Code Code

	// Reason is the reason for people. May be empty. Not to be trusted.
	Reason string
}

// Type returns [TypeBye].
func (Bye) Type() Type { return TypeBye }

func (m Bye) encode(e *encoder) {
	e.head(0, isNotice, 2)
	e.uint("code", uint64(m.Code), 0, 1<<16-1)
	e.str("reason", m.Reason, MaxReason)
}

func decodeBye(d *decoder, id uint32) (m Bye) {
	d.id(id, isNotice)
	d.need(2)
	m.Code = Code(d.uint("code", 0, 1<<16-1))
	m.Reason = d.str("reason", MaxReason)
	return m
}

// FitReason returns text as a reason can carry it: invalid UTF-8 replaced by U+FFFD, cut to [MaxReason] bytes between two
// characters.
func FitReason(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= MaxReason {
		return text
	}
	end := MaxReason
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
