package attack

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
)

// handshake is the dialer's side of Noise XX (25519, AESGCM, SHA256) written by hand, so that it can lie (PXP §4).
type handshake struct {
	socket net.Conn
	hash   [32]byte
	chain  [32]byte
	key    []byte // nil before the first secret
	nonce  uint64
	eph    *ecdh.PrivateKey
	static *ecdh.PrivateKey
	remote []byte // the other side's ephemeral key
	theirs []byte // the other side's static key
	proven []byte // what it said of who that belongs to
}

func newHandshake(socket net.Conn) (*handshake, error) {
	h := &handshake{socket: socket}
	var err error
	if h.eph, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if h.static, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	copy(h.hash[:], "Noise_XX_25519_AESGCM_SHA256")
	h.chain = h.hash
	h.mixHash([]byte(pxp.Magic2 + "PXP2 noise"))
	return h, nil
}

func (h *handshake) mixHash(data []byte) { h.hash = sha256.Sum256(append(h.hash[:], data...)) }

func (h *handshake) mixKey(secret []byte) error {
	prk, err := hkdf.Extract(sha256.New, secret, h.chain[:])
	if err != nil {
		return err
	}
	out, err := hkdf.Expand(sha256.New, prk, "", 64)
	if err != nil {
		return err
	}
	copy(h.chain[:], out)
	h.key, h.nonce = out[32:], 0
	return nil
}

func (h *handshake) aead() (cipher.AEAD, []byte) {
	block, err := aes.NewCipher(h.key)
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := binary.BigEndian.AppendUint64(make([]byte, 4, 12), h.nonce)
	h.nonce++
	return aead, nonce
}

func (h *handshake) seal(plain []byte) []byte {
	aead, nonce := h.aead()
	sealed := aead.Seal(nil, nonce, plain, h.hash[:])
	h.mixHash(sealed)
	return sealed
}

func (h *handshake) open(sealed []byte) ([]byte, error) {
	aead, nonce := h.aead()
	plain, err := aead.Open(nil, nonce, sealed, h.hash[:])
	h.mixHash(sealed)
	return plain, err
}

// message1 is the first message with its preamble; public is the ephemeral key that it has.
func message1(public []byte) []byte {
	return append([]byte(pxp.Magic2+"\x00\x20"), public...)
}

// begin sends message 1 and takes message 2.
func (h *handshake) begin() error {
	h.mixHash(h.eph.PublicKey().Bytes())
	h.mixHash(nil) // the payload
	if _, err := h.socket.Write(message1(h.eph.PublicKey().Bytes())); err != nil {
		return err
	}
	var m [len(pxp.Magic2) + 2 + 192]byte
	if _, err := io.ReadFull(h.socket, m[:]); err != nil {
		return err
	}
	body := m[len(pxp.Magic2)+2:]
	h.remote = bytes.Clone(body[:32])
	h.mixHash(h.remote)
	if err := h.exchange(h.eph, h.remote); err != nil {
		return err
	}
	static, err := h.open(body[32:80])
	if err != nil {
		return err
	}
	if err := h.exchange(h.eph, static); err != nil {
		return err
	}
	h.theirs = static
	h.proven, err = h.open(body[80:])
	return err
}

func (h *handshake) exchange(private *ecdh.PrivateKey, public []byte) error {
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return err
	}
	secret, err := private.ECDH(key)
	if err != nil {
		return err
	}
	return h.mixKey(secret)
}

// finish sends message 3: static is the key that it claims, proof what it says of who that belongs to.
func (h *handshake) finish(static, proof []byte) error {
	sealed := h.seal(static)
	if bytes.Equal(static, h.static.PublicKey().Bytes()) {
		if err := h.exchange(h.static, h.remote); err != nil {
			return err
		}
	} else if err := h.mixKey(make([]byte, 32)); err != nil { // what every key makes of a point of small order
		return err
	}
	sealed = append(sealed, h.seal(proof)...)
	out := binary.BigEndian.AppendUint16(nil, uint16(len(sealed)))
	_, err := h.socket.Write(append(out, sealed...))
	return err
}

// proof is what message 3 says: who this is, signed by key for the static key of these bytes.
func proof(id identity.ID, key *identity.Key, static []byte) []byte {
	return append(id[:], key.Sign(append([]byte("PXP2 noise static key\x00"), static...))...)
}

// smallOrder are points of X25519 with which every secret is zero, or is known (RFC 7748 §6.1).
var smallOrder = [][]byte{
	make([]byte, 32),
	append([]byte{1}, make([]byte, 31)...),
	mustPoint("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
	mustPoint("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
	mustPoint("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	mustPoint("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	mustPoint("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
}

func mustPoint(hex string) (point []byte) {
	if _, err := fmt.Sscanf(hex, "%x", &point); err != nil || len(point) != 32 {
		panic("attack: no point: " + hex)
	}
	return point
}
