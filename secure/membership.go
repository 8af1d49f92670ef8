package secure

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// Role is a side of the handshake.
type Role byte

const (
	// Dialer sent the first message of the handshake, see [Client].
	Dialer Role = 1
	// Acceptor answered it, see [Server].
	Acceptor Role = 2
)

// String returns "dialer" or "acceptor", which is also what goes into a proof.
func (r Role) String() string {
	switch r {
	case Dialer:
		return "dialer"
	case Acceptor:
		return "acceptor"
	}
	return fmt.Sprintf("Role(%d)", byte(r))
}

// NetworkKey derives the key that the members of a network share from the
// network's name and its secret: HKDF-SHA256 (RFC 5869) with the secret as
// input, the salt "PXP2 network key" and the name as info. An empty secret
// makes an open network, where the name is all that a member must know: whoever
// guesses it is in.
//
// A secret must be hard to guess (16 random bytes or more): a member of another
// network to whom a proof was made can try guesses without asking anybody.
func NetworkKey(network string, secret []byte) [32]byte {
	return [32]byte(mustHKDF(hkdf.Key(sha256.New, secret, []byte("PXP2 network key"), network, 32)))
}

// Prove returns what shows the other end that this one, which has the given
// role, knows the network key: HMAC-SHA256 of "PXP2 dialer" or "PXP2 acceptor",
// a zero byte and the binding ([Conn.Binding]) under the key. It proves nothing
// on any other connection, nor for the other role. It must be sent on the
// connection itself, which hides it from all but the peer.
func Prove(key [32]byte, role Role, binding [32]byte) [32]byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte("PXP2 " + role.String() + "\x00"))
	mac.Write(binding[:])
	return [32]byte(mac.Sum(nil))
}

// Verify tells whether proof is what [Prove] gives for the peer's role. It
// takes the same time for every proof of 32 bytes; of another length it is
// false. A role other than [Dialer] and [Acceptor] proves nothing.
func Verify(key [32]byte, role Role, binding [32]byte, proof []byte) bool {
	if role != Dialer && role != Acceptor {
		return false
	}
	want := Prove(key, role, binding)
	return hmac.Equal(want[:], proof)
}

// mustHKDF panics on an error, which crypto/hkdf only has for outputs longer
// than 255 hashes, and in a process that runs with GODEBUG=fips140=only.
func mustHKDF(b []byte, err error) []byte {
	if err != nil {
		panic("secure: " + err.Error())
	}
	return b
}
