package v1

import "strconv"

// Nonce is the second element of a message: it ties a [Res] to the request that it answers (PXP §16.4). A sender counts
// its requests in base 36 from "0", which is the hello's. A Nonce that was decoded may be any JSON value, mostly a string
// or a number; it is written again as the original writes it. The zero Nonce is none, and cannot be sent. Nonces may be
// compared with ==; whether a res belongs to a request is decided by [Nonce.Key].
type Nonce struct {
	text string // JSON, as JavaScript prints it
	key  string
}

// NewNonce returns the nonce of the request with that number.
//
// Seven words that have a meaning of their own as a nonce, such as "error", are numbers too, the first of them 24,810,219
// requests away. The original breaks there. NewNonce gives them a zero in front.
func NewNonce(number uint64) Nonce {
	key := strconv.FormatUint(number, 36)
	if reserved(key) {
		key = "0" + key
	}
	return Nonce{text: `"` + key + `"`, key: key}
}

// Key returns what the original looks a res's nonce up by: the nonce as a string. So 7 answers "7".
func (n Nonce) Key() string { return n.key }

// IsZero reports whether n is no nonce at all.
func (n Nonce) IsZero() bool { return n.text == "" }

// String returns the nonce in JSON, as it is written.
func (n Nonce) String() string { return n.text }

// reserved reports whether a res with this nonce does not go to a request in the original, but to the handler of a
// message or of errors.
func reserved(key string) bool {
	switch key {
	case "error", commandHello, commandGetPeers, commandRelay, commandIncoming, commandUpgrade, commandConnect:
		return true
	}
	return false
}

func (d *decoder) nonce(v value) Nonce {
	key, ok := v.text()
	if !ok {
		d.failf("nonce", "an object with a member toString")
		return Nonce{}
	}
	text := v.appendJSON(nil)
	if len(text) > MaxNonce {
		d.failf("nonce", "%d bytes, limit %d", len(text), MaxNonce)
		return Nonce{}
	}
	return Nonce{text: string(text), key: key}
}
