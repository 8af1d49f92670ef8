package secure

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/flynn/noise"

	"github.com/peer-exchange/exchange/identity"
)

const (
	// maxHandshakeMessage bounds what a peer that is not yet known may send; the
	// messages of this version have 32, 192 and 160 bytes.
	maxHandshakeMessage = 2048
	// maxPreamble bounds [Config.Preamble].
	maxPreamble = 64

	prologueSuffix   = "PXP2 noise"
	signatureContext = "PXP2 noise static key\x00"
	signatureSize    = 64
	payloadSize      = len(identity.ID{}) + signatureSize
)

// Config is what a handshake needs. It is not changed, and not kept.
type Config struct {
	// Key is who this end is. Required.
	Key *identity.Key
	// Expect is whom the other end must be; zero for anybody.
	Expect identity.ID
	// Preamble is what both ends send first, so that one port can serve several
	// protocols, at most 64 bytes. Both must have the same. Nil for none.
	Preamble []byte
}

func (cfg *Config) check() error {
	switch {
	case cfg == nil:
		return errors.New("config is nil")
	case cfg.Key == nil:
		return errors.New("config: Key is nil")
	case len(cfg.Preamble) > maxPreamble:
		return fmt.Errorf("config: Preamble has %d bytes, limit %d", len(cfg.Preamble), maxPreamble)
	}
	return nil
}

// Client does the dialer's side of the handshake on the carrier and returns
// when the acceptor has proved its identity and the last message is sent. The
// acceptor may still refuse this end's identity: then the first Read ends.
//
// It blocks until the handshake is done or ctx is. In every case of an error,
// which wraps [ErrHandshake], the carrier is closed; else it belongs to the
// Conn. The time that a handshake may take is ctx's to say: without a deadline
// a silent peer blocks it for ever.
func Client(ctx context.Context, carrier net.Conn, cfg *Config) (*Conn, error) {
	return start(ctx, &handshake{carrier: carrier, cfg: cfg, role: Dialer})
}

// Server does the acceptor's side of the handshake, as [Client] does the
// dialer's. The caller has read the dialer's preamble from the carrier, and
// nothing more.
func Server(ctx context.Context, carrier net.Conn, cfg *Config) (*Conn, error) {
	return start(ctx, &handshake{carrier: carrier, cfg: cfg, role: Acceptor})
}

// start runs a handshake until it or ctx is done.
func start(ctx context.Context, h *handshake) (*Conn, error) {
	if err := h.cfg.check(); err != nil {
		_ = h.carrier.Close()
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	// Closing ends whatever blocks below. The goroutine of AfterFunc ends with
	// Close, and is waited for.
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = h.carrier.Close()
	})
	conn, err := h.run()
	if !stop() {
		<-closed
		return nil, fmt.Errorf("%w: %s: %w", ErrHandshake, h.step, context.Cause(ctx))
	}
	if err != nil {
		_ = h.carrier.Close()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrHandshake, h.step, err)
	}
	return conn, nil
}

// handshake is one run of Noise XX.
type handshake struct {
	carrier net.Conn
	cfg     *Config
	role    Role
	random  io.Reader // nil: crypto/rand; fixed in tests of exact bytes

	step   string // what is being done, for errors
	static noise.DHKey
	noise  *noise.HandshakeState
	in     reader
}

var suite = noise.NewCipherSuite(noise.DH25519, noise.CipherAESGCM, noise.HashSHA256)

func (h *handshake) run() (*Conn, error) {
	h.step = "make keys"
	h.in.carrier = h.carrier
	var err error
	if h.static, err = suite.GenerateKeypair(h.random); err != nil {
		return nil, err
	}
	h.noise, err = noise.NewHandshakeState(noise.Config{
		CipherSuite:   suite,
		Random:        h.random,
		Pattern:       noise.HandshakeXX,
		Initiator:     h.role == Dialer,
		Prologue:      append(bytes.Clone(h.cfg.Preamble), prologueSuffix...),
		StaticKeypair: h.static,
	})
	if err != nil {
		return nil, err
	}
	if h.role == Dialer {
		return h.dial()
	}
	return h.accept()
}

func (h *handshake) dial() (*Conn, error) {
	h.step = "send message 1"
	if _, _, err := h.send(h.cfg.Preamble, nil); err != nil {
		return nil, err
	}
	h.step = "read the preamble"
	if err := h.preamble(); err != nil {
		return nil, err
	}
	h.step = "read message 2"
	payload, _, _, err := h.receive()
	if err != nil {
		return nil, err
	}
	peer, err := h.identify(payload)
	if err != nil {
		return nil, err
	}
	h.step = "send message 3"
	first, second, err := h.send(nil, h.payload())
	if err != nil {
		return nil, err
	}
	return h.conn(peer, first, second)
}

func (h *handshake) accept() (*Conn, error) {
	h.step = "read message 1"
	if _, _, _, err := h.receive(); err != nil {
		return nil, err
	}
	h.step = "send message 2"
	if _, _, err := h.send(h.cfg.Preamble, h.payload()); err != nil {
		return nil, err
	}
	h.step = "read message 3"
	payload, first, second, err := h.receive()
	if err != nil {
		return nil, err
	}
	peer, err := h.identify(payload)
	if err != nil {
		return nil, err
	}
	return h.conn(peer, first, second)
}

// send writes prefix and the next message in one write. After the last message
// it returns the dialer's and the acceptor's cipher.
func (h *handshake) send(prefix, payload []byte) (first, second *noise.CipherState, err error) {
	message, first, second, err := h.noise.WriteMessage(nil, payload)
	if err != nil {
		return nil, nil, err
	}
	out := make([]byte, 0, len(prefix)+lengthSize+len(message))
	out = append(out, prefix...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(message)))
	out = append(out, message...)
	_, err = h.carrier.Write(out)
	return first, second, err
}

// receive reads the next message and returns its payload.
func (h *handshake) receive() (payload []byte, first, second *noise.CipherState, err error) {
	message, err := h.in.record(maxHandshakeMessage)
	if err != nil {
		return nil, nil, nil, err
	}
	return h.noise.ReadMessage(nil, message)
}

// preamble reads the acceptor's preamble.
func (h *handshake) preamble() error {
	want := h.cfg.Preamble
	err := h.in.need(len(want))
	got := h.in.buf[h.in.start:min(h.in.end, h.in.start+len(want))]
	if !bytes.HasPrefix(want, got) {
		// Another protocol, also if it said less than a preamble and went away.
		return &PreambleError{Want: bytes.Clone(want), Got: bytes.Clone(got)}
	}
	h.in.start += len(got)
	return err
}

// payload returns the proof of this end's identity.
func (h *handshake) payload() []byte {
	id := h.cfg.Key.ID()
	return append(id[:], h.cfg.Key.Sign(signed(h.static.Public))...)
}

// identify returns whose proof payload is, if it is one, and an expected one.
func (h *handshake) identify(payload []byte) (identity.ID, error) {
	if len(payload) < payloadSize {
		return identity.ID{}, fmt.Errorf("%w: proof of %d bytes, want %d", ErrIdentity, len(payload), payloadSize)
	}
	id := identity.ID(payload[:len(identity.ID{})])
	if !id.Verify(signed(h.noise.PeerStatic()), payload[len(id):payloadSize]) {
		return identity.ID{}, fmt.Errorf("%w: it claims to be %v with a wrong signature", ErrIdentity, id)
	}
	if !h.cfg.Expect.IsZero() && h.cfg.Expect != id {
		return identity.ID{}, &IdentityError{Want: h.cfg.Expect, Got: id}
	}
	return id, nil
}

// signed returns what an identity signs for a Noise static key.
func signed(static []byte) []byte { return append([]byte(signatureContext), static...) }

// conn makes the Conn of a finished handshake from the dialer's and the
// acceptor's cipher. What was read beyond the handshake goes with it.
func (h *handshake) conn(peer identity.ID, first, second *noise.CipherState) (*Conn, error) {
	dialer, acceptor := first.UnsafeKey(), second.UnsafeKey()
	c := &Conn{
		carrier: h.carrier, peer: peer, binding: [32]byte(h.noise.ChannelBinding()),
		in: h.in, reading: make(turn, 1), writing: make(turn, 1),
	}
	c.exporter = mustHKDF(hkdf.Extract(sha256.New, append(dialer[:], acceptor[:]...), c.binding[:]))
	sealKey, openKey := dialer, acceptor
	if h.role == Acceptor {
		sealKey, openKey = acceptor, dialer
	}
	var err error
	if c.opener, err = newCipherState(openKey); err != nil {
		return nil, err
	}
	if c.out.sealer, err = newCipherState(sealKey); err != nil {
		return nil, err
	}
	c.out.carrier = h.carrier
	c.in.growable = true
	return c, nil
}
