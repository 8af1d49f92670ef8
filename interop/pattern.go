package interop

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// Pattern is an endless [io.Reader] of bytes that follow from a seed: the words of xorshift32, little endian. The command
// send makes the same. The zero value has the seed 1.
type Pattern struct {
	state uint32
	word  uint32
	left  int // bytes of word that are still to come
}

// NewPattern returns the pattern with that seed; the seed 0 is 1.
func NewPattern(seed uint32) *Pattern { return &Pattern{state: seed} }

// Read fills p. It never fails.
func (r *Pattern) Read(p []byte) (int, error) {
	for i := range p {
		if r.left == 0 {
			if r.state == 0 {
				r.state = 1
			}
			r.state ^= r.state << 13
			r.state ^= r.state >> 17
			r.state ^= r.state << 5
			r.word, r.left = r.state, 4
		}
		p[i] = byte(r.word)
		r.word >>= 8
		r.left--
	}
	return len(p), nil
}

// PatternSum returns the SHA-256 of the first bytes of the pattern with that seed, in hexadecimal.
func PatternSum(seed uint32, bytes int) string {
	hash := sha256.New()
	if _, err := io.CopyN(hash, NewPattern(seed), int64(bytes)); err != nil {
		panic(err) // neither side ever fails
	}
	return hex.EncodeToString(hash.Sum(nil))
}
