package pxp

import "encoding/hex"

// ControlStream is the name of the stream that carries the control protocol. The dialer opens exactly one as the first
// stream of a session (PXP §6).
const ControlStream = "pxp"

// MaxNetwork is the largest network id in bytes: the name of its data stream has to fit a stream name's 255 bytes.
const MaxNetwork = 255 - len(dataPrefix)

const (
	dataPrefix  = "data:"
	relayPrefix = "relay:"
)

// DataStream returns the name of the stream that carries a network's application data (PXP §6). It does not check the
// network id, which is 1 to [MaxNetwork] bytes.
func DataStream(network string) string { return dataPrefix + network }

// RelayStream returns the name of the stream that becomes one half of a circuit: "relay:" and the token as 32 lower-case
// hexadecimal digits (PXP §6).
func RelayStream(token Token) string {
	var name [len(relayPrefix) + 2*TokenSize]byte
	copy(name[:], relayPrefix)
	hex.Encode(name[len(relayPrefix):], token[:])
	return string(name[:])
}

// ParseRelayStream is the inverse of [RelayStream]. It reports false for any name that RelayStream does not return,
// upper-case digits among them, so that one token has one name.
func ParseRelayStream(name string) (Token, bool) {
	var token Token
	if len(name) != len(relayPrefix)+2*TokenSize || name[:len(relayPrefix)] != relayPrefix {
		return Token{}, false
	}
	if _, err := hex.Decode(token[:], []byte(name[len(relayPrefix):])); err != nil {
		return Token{}, false
	}
	if RelayStream(token) != name {
		return Token{}, false
	}
	return token, true
}
