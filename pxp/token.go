package pxp

import "encoding/hex"

// TokenSize is the length of a [Token] in bytes.
const TokenSize = 16

// Token is the right to open one circuit: 128 random bits that a relay gives out in [Res] or [Incoming], bound to the
// peer it was given to, good once and for 30 s (PXP §9). Who holds it may use it, so it stays out of logs: see
// [Token.String].
type Token [TokenSize]byte

// String returns the first two bytes in hexadecimal, enough to tell two tokens of a log apart and not enough to use one.
func (t Token) String() string { return hex.EncodeToString(t[:2]) + "…" }

// GoString returns the same as [Token.String], for %#v.
func (t Token) GoString() string { return "pxp.Token(" + t.String() + ")" }
