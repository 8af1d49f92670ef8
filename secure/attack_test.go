package secure

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flynn/noise"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// evilDH is X25519 without the refusal of low-order points, and with a key pair
// of the test's choice for the static key: what an attacker would use.
type evilDH struct{ noise.DHFunc }

func (evilDH) DH(private, public []byte) ([]byte, error) {
	key, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	point, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	secret, err := key.ECDH(point)
	if err != nil {
		return make([]byte, 32), nil // the low-order points: all zero
	}
	return secret, nil
}

// evil plays one side of the handshake by hand.
type evil struct {
	role Role
	// payload returns what to send as proof of identity, given the static public key.
	payload func(static []byte) []byte
	static  []byte // public static key to send in place of the own one
	e       []byte // ephemeral key to send in place of the own one
}

// run plays its side on the carrier until the other end fails or takes it; the
// error is for the test to ignore.
func (a evil) run(carrier io.ReadWriteCloser) error {
	defer carrier.Close()
	cs := noise.NewCipherSuite(evilDH{noise.DH25519}, noise.CipherAESGCM, noise.HashSHA256)
	static, err := cs.GenerateKeypair(nil)
	if err != nil {
		return err
	}
	if a.static != nil {
		static.Public = a.static
	}
	state, err := noise.NewHandshakeState(noise.Config{
		CipherSuite: cs, Pattern: noise.HandshakeXX, Initiator: a.role == Dialer,
		Prologue: []byte(string(preamble) + prologueSuffix), StaticKeypair: static,
	})
	if err != nil {
		return err
	}
	send := func(prefix, payload []byte) error {
		m, _, _, err := state.WriteMessage(nil, payload)
		if err != nil {
			return err
		}
		if a.e != nil && prefix != nil {
			copy(m, a.e)
		}
		_, err = carrier.Write(append(bytes.Clone(prefix), frame(m)...))
		return err
	}
	receive := func(skip int) error {
		b := make([]byte, skip+2)
		if _, err := io.ReadFull(carrier, b); err != nil {
			return err
		}
		m := make([]byte, binary.BigEndian.Uint16(b[skip:]))
		if _, err := io.ReadFull(carrier, m); err != nil {
			return err
		}
		_, _, _, err := state.ReadMessage(nil, m)
		return err
	}
	if a.role == Dialer {
		err = send(preamble, nil)
		if err == nil {
			err = receive(len(preamble))
		}
		if err == nil {
			err = send(nil, a.payload(static.Public))
		}
	} else {
		err = receive(len(preamble))
		if err == nil {
			err = send(preamble, a.payload(static.Public))
		}
		if err == nil {
			err = receive(0)
		}
	}
	if err == nil {
		_, err = io.Copy(io.Discard, carrier) // let the victim finish and close
	}
	return err
}

// attack runs the evil side against a real one that expects the evil side's
// identity, or anybody if that is zero, and returns what the real one got.
func attack(t *testing.T, a evil, expect identity.ID) (*Conn, error) {
	t.Helper()
	x, y := memnet.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); _ = a.run(y) }()
	var c *Conn
	var err error
	if a.role == Dialer {
		cfg := acceptorConfig(t)
		cfg.Expect = expect
		c, err = accept(t.Context(), x, cfg)
	} else {
		cfg := dialerConfig(t)
		cfg.Expect = expect
		c, err = Client(t.Context(), x, cfg)
	}
	if err == nil {
		_ = c.Close()
	} else if _, err := x.Write([]byte{0}); err == nil {
		t.Error("the carrier is open after a failure")
	}
	<-done
	return c, err
}

func eachRole(t *testing.T, f func(t *testing.T, role Role)) {
	for _, role := range []Role{Dialer, Acceptor} {
		t.Run("evil "+role.String(), func(t *testing.T) { f(t, role) })
	}
}

func TestWrongProofs(t *testing.T) {
	key, other := testKey(t, 5), testKey(t, 6)
	id := key.ID()
	proof := func(id identity.ID, sig []byte) []byte { return append(id[:], sig...) }
	// Holds for every message when the key is the neutral point: R neutral, S = 0.
	neutral := make([]byte, ed25519.SignatureSize)
	neutral[0] = 1
	otherStatic := pattern(32)
	bad := map[string]func(static []byte) []byte{
		"no payload":           func([]byte) []byte { return nil },
		"short by one":         func(s []byte) []byte { return proof(id, key.Sign(signed(s)))[:payloadSize-1] },
		"key only":             func([]byte) []byte { return id[:] },
		"zero signature":       func([]byte) []byte { return proof(id, make([]byte, 64)) },
		"flipped bit":          func(s []byte) []byte { b := proof(id, key.Sign(signed(s))); b[70] ^= 4; return b },
		"by somebody else":     func(s []byte) []byte { return proof(id, other.Sign(signed(s))) },
		"somebody else's name": func(s []byte) []byte { return proof(other.ID(), key.Sign(signed(s))) },
		"other static key":     func([]byte) []byte { return proof(id, key.Sign(signed(otherStatic))) },
		"no context":           func(s []byte) []byte { return proof(id, key.Sign(s)) },
		"no zero byte": func(s []byte) []byte {
			return proof(id, key.Sign(append([]byte(strings.TrimSuffix(signatureContext, "\x00")), s...)))
		},
		"all zero":             func([]byte) []byte { return make([]byte, payloadSize) },
		"neutral point":        func([]byte) []byte { return proof(identity.ID{0: 1}, neutral) },
		"neutral point, p+1":   func([]byte) []byte { return proof(identity.ID(notCanonicalOne()), neutral) },
		"neutral point, signs": func([]byte) []byte { return proof(identity.ID{0: 1, 31: 0x80}, neutral) },
	}
	if !ed25519.Verify(append([]byte{1}, make([]byte, 31)...), []byte("m"), neutral) {
		t.Error("the standard library refuses the neutral point: those rows show nothing")
	}
	eachRole(t, func(t *testing.T, role Role) {
		for name, payload := range bad {
			c, err := attack(t, evil{role: role, payload: payload}, identity.ID{})
			if !errors.Is(err, ErrIdentity) || !errors.Is(err, ErrHandshake) || c != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		good := func(s []byte) []byte { return proof(id, key.Sign(signed(s))) }
		c, err := attack(t, evil{role: role, payload: good}, id)
		if err != nil || c.Peer() != id {
			t.Errorf("honest: %v", err)
		}
		// Room for what later versions say.
		more := func(s []byte) []byte { return append(good(s), "more"...) }
		if c, err := attack(t, evil{role: role, payload: more}, id); err != nil || c.Peer() != id {
			t.Errorf("honest, with more behind: %v", err)
		}
		var idErr *IdentityError
		if _, err := attack(t, evil{role: role, payload: good}, other.ID()); !errors.As(err, &idErr) || idErr.Got != id {
			t.Errorf("not the expected one: %v", err)
		}
		// The proof must fit the key that the handshake used, also if the
		// attacker repeats a valid proof with the static key it belongs to.
		swapped := evil{role: role, static: otherStatic, payload: func([]byte) []byte {
			return proof(id, key.Sign(signed(otherStatic)))
		}}
		if _, err := attack(t, swapped, id); !errors.Is(err, ErrHandshake) {
			t.Errorf("somebody else's static key: %v", err)
		}
	})
}

func notCanonicalOne() []byte { // p+1, little-endian
	b := bytes.Repeat([]byte{0xff}, 32)
	b[0], b[31] = 0xee, 0x7f
	return b
}

// lowOrder are the u coordinates for which X25519 gives zero whatever the
// private key (https://cr.yp.to/ecdh.html#validate), and two not reduced.
var lowOrder = map[string]string{
	"zero":    "0000000000000000000000000000000000000000000000000000000000000000",
	"one":     "0100000000000000000000000000000000000000000000000000000000000000",
	"order 8": "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"other 8": "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"p-1":     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"p":       "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"p+1":     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"p, top":  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

func TestLowOrderPoints(t *testing.T) {
	key := testKey(t, 5)
	id := key.ID()
	payload := func(s []byte) []byte { return append(id[:], key.Sign(signed(s))...) }
	eachRole(t, func(t *testing.T, role Role) {
		for name, text := range lowOrder {
			point, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			// With the static key of low order all is consistent: the evil side
			// knows every secret, and signs that key.
			_, err = attack(t, evil{role: role, payload: payload, static: point}, id)
			if !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "low order") {
				t.Errorf("static key %s: %v", name, err)
			}
			_, err = attack(t, evil{role: role, payload: payload, e: point}, id)
			if !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "low order") {
				t.Errorf("ephemeral key %s: %v", name, err)
			}
		}
	})
}

// An acceptor must not answer a low-order ephemeral at all.
func TestLowOrderGetsNoAnswer(t *testing.T) {
	for name, text := range lowOrder {
		point, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		carrier := &script{in: bytes.NewReader(frame(point))}
		if _, err := Server(t.Context(), carrier, acceptorConfig(t)); !errors.Is(err, ErrHandshake) {
			t.Errorf("%s: %v", name, err)
		}
		if carrier.out.Len() > 0 || !carrier.closed {
			t.Errorf("%s: answered %d bytes, closed %v", name, carrier.out.Len(), carrier.closed)
		}
	}
}

// recorded returns what both sides of one honest handshake sent, the dialer's
// without the preamble.
func recorded(t *testing.T) (dialer, acceptor []byte) {
	t.Helper()
	a, b := memnet.Pipe()
	x, y := &tap{Conn: a}, &tap{Conn: b}
	pairOver(t, x, y)
	return x.all()[len(preamble):], y.all()
}

func TestReplays(t *testing.T) {
	dialer, acceptor := recorded(t)
	const message1 = 2 + 32

	// The dialer's part again: the acceptor answers message 1, since it can not
	// know, with a fresh ephemeral key, under which message 3 means nothing.
	carrier := &script{in: bytes.NewReader(dialer)}
	c, err := Server(t.Context(), carrier, acceptorConfig(t))
	if !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "read message 3") || c != nil {
		t.Errorf("replayed dialer: %v", err)
	}
	if bytes.Equal(carrier.out.Bytes(), acceptor) {
		t.Error("the acceptor answered the same as before")
	}

	// Message 3 in place of message 1, and message 1 in place of message 3.
	carrier = &script{in: bytes.NewReader(dialer[message1:])}
	if _, err := Server(t.Context(), carrier, acceptorConfig(t)); !errors.Is(err, ErrHandshake) {
		t.Errorf("message 3 first: %v", err)
	}
	carrier = &script{in: bytes.NewReader(append(bytes.Clone(dialer[:message1]), dialer[:message1]...))}
	if _, err := Server(t.Context(), carrier, acceptorConfig(t)); !errors.Is(err, ErrHandshake) {
		t.Errorf("message 1 twice: %v", err)
	}

	// Message 2 of that session in answer to a new message 1.
	carrier = &script{in: bytes.NewReader(acceptor)}
	if _, err := Client(t.Context(), carrier, dialerConfig(t)); !errors.Is(err, ErrHandshake) {
		t.Errorf("message 2 of another session: %v", err)
	} else if got := carrier.out.Len(); got != len(preamble)+message1 {
		t.Errorf("the dialer sent %d bytes to an impostor, its identity must not be among them", got)
	}

	// A dialer that is sent its own message 1 back.
	x, y := memnet.Pipe()
	go func() { defer y.Close(); _, _ = io.Copy(y, y) }()
	if _, err := Client(t.Context(), x, &Config{Key: testKey(t, 1), Preamble: preamble}); !errors.Is(err, ErrHandshake) {
		t.Errorf("reflected: %v", err)
	}
}

// meddler is a carrier that changes one byte of what is written to it.
type meddler struct {
	*memnet.Conn
	offset int
	bit    byte
}

func (c *meddler) Write(p []byte) (int, error) {
	if c.offset >= 0 && c.offset < len(p) {
		p = bytes.Clone(p)
		p[c.offset] ^= c.bit
	}
	c.offset -= len(p)
	return c.Conn.Write(p)
}

// Every byte of a handshake matters: whichever is changed on the way, its
// receiver refuses. Where a changed length makes it wait for more, time ends it.
func TestEveryByteMatters(t *testing.T) {
	dialer, acceptor := recorded(t)
	step := 1
	if raceEnabled {
		step = 17
	}
	synctest.Test(t, func(t *testing.T) {
		for offset := 0; offset < len(dialer); offset += step {
			if meddled(t, Dialer, len(preamble)+offset) == nil {
				t.Errorf("the acceptor took a handshake with byte %d of the dialer's changed", offset)
			}
		}
		for offset := 0; offset < len(acceptor); offset += step {
			if meddled(t, Acceptor, offset) == nil {
				t.Errorf("the dialer took a handshake with byte %d of the acceptor's changed", offset)
			}
		}
	})
}

// meddled changes a byte of what role sends and returns the error of the other
// side.
func meddled(t *testing.T, role Role, offset int) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	a, b := memnet.Pipe()
	var x, y net.Conn = a, b
	if role == Dialer {
		x = &meddler{a, offset, 1 << (offset % 8)}
	} else {
		y = &meddler{b, offset, 1 << (offset % 8)}
	}
	client, server, clientErr, serverErr := handshakeOver(ctx, t, x, y, dialerConfig(t), acceptorConfig(t))
	if client != nil {
		_ = client.Close()
	}
	if server != nil {
		_ = server.Close()
	}
	if role == Dialer {
		return serverErr
	}
	return clientErr
}
