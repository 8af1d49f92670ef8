package secure

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
)

// maxNonce is the last nonce that may be used (Noise §5.1: 2^64-1 is reserved).
const maxNonce = math.MaxUint64 - 1

// cipherState is Noise's CipherState of one direction after the handshake
// (Noise §5.1), with AES-256-GCM. That of the noise library allocates a nonce
// for every record.
type cipherState struct {
	aead  cipher.AEAD
	n     uint64
	nonce [12]byte // four zero bytes, then n, big-endian (Noise §12.4)
}

func newCipherState(key [32]byte) (cipherState, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return cipherState{}, err
	}
	aead, err := cipher.NewGCM(block)
	return cipherState{aead: aead}, err
}

// seal appends the ciphertext of plaintext to dst, with the next nonce.
func (c *cipherState) seal(dst, plaintext []byte) ([]byte, error) {
	if c.n > maxNonce {
		return nil, ErrExhausted
	}
	binary.BigEndian.PutUint64(c.nonce[4:], c.n)
	c.n++
	return c.aead.Seal(dst, c.nonce[:], plaintext, nil), nil
}

// open appends the plaintext of ciphertext to dst, with the next nonce. dst may
// be ciphertext[:0].
func (c *cipherState) open(dst, ciphertext []byte) ([]byte, error) {
	if c.n > maxNonce {
		return nil, ErrExhausted
	}
	binary.BigEndian.PutUint64(c.nonce[4:], c.n)
	plaintext, err := c.aead.Open(dst, c.nonce[:], ciphertext, nil)
	if err != nil {
		return nil, ErrAuthentication
	}
	c.n++
	return plaintext, nil
}
