package pxp

import "encoding/hex"

// ControlStream is the name of the stream that carries the control protocol. The dialer opens exactly one as the first
// stream of a session (PXP §6).
const ControlStream = "pxp"

// DataStream is the name of the stream that carries application data (PXP §6). It says nothing of the network, so that
// it may be opened to somebody who has not proved that it knows it.
const DataStream = "data"

// MaxNetwork is the largest network id in bytes: in version 1 it is a part of a stream's name.
const MaxNetwork = 250

const relayPrefix = "relay:"

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
