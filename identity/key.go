package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
)

// SeedSize is the length in bytes of the seed of a [Key].
const SeedSize = ed25519.SeedSize

// Key is a peer's Ed25519 private key. It is immutable and safe for concurrent
// use. Make one with [NewKey], [KeyFromSeed] or [LoadKey]; the zero Key has no
// private key: its method Sign panics.
//
// A Key prints as its ID only, whatever the verb, by fmt and by log/slog, also
// as a field of another struct.
type Key struct {
	id ID
	// Behind a function, since fmt walks through unexported fields and pointers
	// without asking any method, but of a function it prints the address.
	private func() ed25519.PrivateKey
}

// NewKey makes a key from the system's source of randomness.
func NewKey() (*Key, error) {
	seed := make([]byte, SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return KeyFromSeed(seed)
}

// KeyFromSeed returns the key of a seed of [SeedSize] bytes (RFC 8032 §5.1.5).
// The same seed gives the same key. The seed is copied; it must be secret, and
// random.
func KeyFromSeed(seed []byte) (*Key, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("key from seed: %d bytes, a seed has %d", len(seed), SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	key := &Key{private: func() ed25519.PrivateKey { return private }}
	copy(key.id[:], private[SeedSize:])
	return key, nil
}

// ID returns the public half.
func (k *Key) ID() ID { return k.id }

// Sign returns the signature of msg, 64 bytes, which [ID.Verify] of the key's
// ID accepts. It is deterministic. msg should begin with the purpose of the
// signature, so that one made for one use never fits another.
func (k *Key) Sign(msg []byte) []byte { return ed25519.Sign(k.private(), msg) }

// String returns "identity.Key(" and the ID. It does not show the private key.
func (k Key) String() string {
	if k.private == nil {
		return "identity.Key(none)"
	}
	return "identity.Key(" + k.id.String() + ")"
}

// GoString returns what [Key.String] does.
func (k Key) GoString() string { return k.String() }

// Format implements [fmt.Formatter]: the text of [Key.String] for every verb.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// LogValue implements [slog.LogValuer]: the text of [Key.String].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
