package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"fmt"
	"strings"
)

// ID is a peer's Ed25519 public key (RFC 8032), and by that its name in every
// network. IDs are comparable and usable as map keys. The zero ID belongs to no
// peer and stands for "none" or "anybody".
//
// An ID that was received is a claim: only [ID.Verify] over something fresh
// shows that a peer holds the key.
type ID [32]byte

const (
	// textLen is the length of an ID's text: 32 bytes at 5 bits a character.
	textLen = 52
	// shortLen is the length of [ID.Short]: 40 bits, enough to tell peers of one
	// network apart in a log, not enough to name one.
	shortLen = 8
)

// text is the encoding of IDs and of seeds: RFC 4648 §6 in lower case, unpadded.
var text = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// IDError tells why a text is no [ID].
type IDError struct {
	Text    string // the text, cut to 64 bytes; empty if it looks like a private key
	Problem string // what is wrong with it
}

// Error quotes the text and names the problem.
func (e *IDError) Error() string {
	return fmt.Sprintf("parse peer ID %q: %s", e.Text, e.Problem)
}

// ParseID is the inverse of [ID.String]. It is strict: exactly 52 characters of
// a-z and 2-7, no upper case, no padding, no space, the four bits left over in
// the last character zero. It also refuses IDs that no honest key has: the zero
// key, encodings that are not canonical and points of low order, for which
// anybody could make signatures. Errors are of type [*IDError].
//
// It does not tell whether the ID is a point on the curve at all: [ID.Verify]
// then always fails.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != textLen {
		return ID{}, idError(s, fmt.Sprintf("%d characters, an ID has %d", len(s), textLen))
	}
	if err := decodeText(id[:], s); err != "" {
		return ID{}, idError(s, err)
	}
	if id.weak() {
		return ID{}, idError(s, "not the ID of any key")
	}
	return id, nil
}

// decodeText decodes a text of textLen characters strictly into 32 bytes, or
// returns what is wrong with it, without quoting any of it: it may be secret.
func decodeText(dst []byte, s string) (problem string) {
	// The decoder of the standard library skips \r and \n and ignores what is
	// left over in the last character.
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return fmt.Sprintf("character %d is not of a-z2-7", i+1)
		}
	}
	if last := s[len(s)-1]; last != 'a' && last != 'q' {
		return "the bits left over in the last character are not zero"
	}
	if n, err := text.Decode(dst, []byte(s)); err != nil || n != len(dst) {
		return "not base32"
	}
	return ""
}

func idError(s, problem string) error {
	if strings.HasPrefix(s, "pxp-key-") {
		return &IDError{Problem: "this is a private key, not an ID"}
	}
	return &IDError{Text: s[:min(len(s), 64)], Problem: problem}
}

// String returns the ID's text: 52 characters, lower-case base32. The text of
// the zero ID is 52 times "a", which [ParseID] refuses.
func (id ID) String() string { return text.EncodeToString(id[:]) }

// Short returns the first 8 characters of the text, for logs. Whoever makes
// keys until one fits can have any eight: never compare short forms.
func (id ID) Short() string { return id.String()[:shortLen] }

// IsZero tells whether id is the zero ID. It also serves the option omitzero
// of encoding/json.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes as [bytes.Compare] does, the same way on
// every machine: protocols break ties with it.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText implements [encoding.TextMarshaler]: the text of [ID.String], and
// an empty text for the zero ID.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	return text.AppendEncode(nil, id[:]), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler] by the rules of
// [ParseID]; an empty text is the zero ID. On error id is unchanged.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Verify tells whether sig is the Ed25519 signature (64 bytes, RFC 8032 §5.1.7)
// of msg by the key of id. It is false for a signature of another length, for
// the zero ID, and for public keys that are not canonical or of low order,
// under which one signature would fit many messages.
func (id ID) Verify(msg, sig []byte) bool {
	if len(sig) != ed25519.SignatureSize || id.weak() {
		return false
	}
	return ed25519.Verify(id[:], msg, sig)
}

// weak tells whether id encodes a point that no private key leads to: its
// y coordinate is not reduced modulo p = 2^255-19 (RFC 8032 §5.1.3), or the
// point is one of the eight of low order.
func (id ID) weak() bool {
	y := id
	y[31] &= 0x7f // without the sign of x
	switch y {
	case lowOrder0, lowOrder1, lowOrder2, lowOrder8a, lowOrder8b:
		return true
	}
	// y >= p: 0xed..0xff, then thirty times 0xff, then 0x7f.
	if y[0] < 0xed || y[31] != 0x7f {
		return false
	}
	for _, b := range y[1:31] {
		if b != 0xff {
			return false
		}
	}
	return true
}

// The y coordinates of the points of order 1, 2, 4 and 8, little-endian. With
// both signs of x they make all eight points (and their encodings with x = 0
// and a sign, which RFC 8032 forbids).
var (
	lowOrder0 = ID{}        // order 4
	lowOrder1 = ID{0: 0x01} // order 1
	lowOrder2 = ID{         // p-1, order 2
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	}
	lowOrder8a = ID{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	}
	lowOrder8b = ID{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	}
)
