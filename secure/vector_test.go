package secure

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"os"
	"testing"

	"github.com/peer-exchange/exchange/identity"
)

// The vectors were made by another implementation (Python, from the text of the
// Noise specification), not by this package.

// hexBytes is a byte string that is hex in JSON.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("../spec/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestMembershipVectors(t *testing.T) {
	var vectors []struct {
		Network       string
		Secret        hexBytes
		NetworkKey    hexBytes `json:"network_key"`
		Binding       hexBytes
		DialerProof   hexBytes `json:"dialer_proof"`
		AcceptorProof hexBytes `json:"acceptor_proof"`
	}
	readVectors(t, "membership.json", &vectors)
	if len(vectors) < 5 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, v := range vectors {
		key := NetworkKey(v.Network, v.Secret)
		if !bytes.Equal(key[:], v.NetworkKey) {
			t.Errorf("NetworkKey(%q, %x) = %x, want %x", v.Network, v.Secret, key, v.NetworkKey)
		}
		binding := [32]byte(v.Binding)
		for role, want := range map[Role]hexBytes{Dialer: v.DialerProof, Acceptor: v.AcceptorProof} {
			if got := Prove(key, role, binding); !bytes.Equal(got[:], want) {
				t.Errorf("Prove(%x, %v, %x) = %x, want %x", key, role, binding, got, want)
			}
			if !Verify(key, role, binding, want) {
				t.Errorf("Verify(%x, %v, %x, %x) = false", key, role, binding, want)
			}
		}
	}
}

type sideVector struct {
	Seed             hexBytes
	PeerID           identity.ID `json:"peer_id"`
	StaticPrivate    hexBytes    `json:"static_private"`
	StaticPublic     hexBytes    `json:"static_public"`
	EphemeralPrivate hexBytes    `json:"ephemeral_private"`
	EphemeralPublic  hexBytes    `json:"ephemeral_public"`
}

type noiseVectors struct {
	Protocol         string
	Preamble         hexBytes
	Prologue         hexBytes
	Dialer, Acceptor sideVector
	Messages         []struct {
		From                   string
		Payload, Message, Wire hexBytes
	}
	Binding           hexBytes
	KeyDialerAcceptor hexBytes `json:"key_dialer_to_acceptor"`
	KeyAcceptorDialer hexBytes `json:"key_acceptor_to_dialer"`
	Exports           []struct {
		Label  string
		Secret hexBytes
	}
	Records []struct {
		From            string
		Nonce           uint64
		Plaintext, Wire hexBytes
	}
}

// sent returns what role sends: its part of the handshake, behind the preamble
// that the caller of Server reads, and its records.
func (v *noiseVectors) sent(role Role) (handshake, records []byte) {
	for _, m := range v.Messages {
		if m.From == role.String() {
			handshake = append(handshake, m.Wire...)
		}
	}
	if role == Dialer {
		handshake = handshake[len(v.Preamble):]
	}
	for _, r := range v.Records {
		if r.From == role.String() {
			records = append(records, r.Wire...)
		}
	}
	return handshake, records
}

// handshake returns the given side of the handshake of the vectors.
func (v *noiseVectors) handshake(t testing.TB, role Role, carrier net.Conn) *handshake {
	t.Helper()
	own, other := v.Dialer, v.Acceptor
	if role == Acceptor {
		own, other = other, own
	}
	key, err := identity.KeyFromSeed(own.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return &handshake{
		carrier: carrier, role: role,
		cfg:    &Config{Key: key, Expect: other.PeerID, Preamble: v.Preamble},
		random: bytes.NewReader(append(bytes.Clone(own.StaticPrivate), own.EphemeralPrivate...)),
	}
}

func loadNoise(t testing.TB) *noiseVectors {
	t.Helper()
	v := new(noiseVectors)
	readVectors(t, "noise.json", v)
	return v
}

// Each side is given at once all that the other says in the vectors, handshake
// and records; it must say its own part byte by byte.
func TestNoiseVectors(t *testing.T) {
	v := loadNoise(t)
	if got := "Noise_XX_" + string(suite.Name()); got != v.Protocol {
		t.Errorf("protocol %q, want %q", got, v.Protocol)
	}
	for _, role := range []Role{Dialer, Acceptor} {
		t.Run(role.String(), func(t *testing.T) {
			peer := Dialer + Acceptor - role
			peerID := v.Acceptor.PeerID
			if role == Acceptor {
				peerID = v.Dialer.PeerID
			}
			hello, records := v.sent(peer)
			carrier := &script{in: bytes.NewReader(append(hello, records...))}
			c, err := start(t.Context(), v.handshake(t, role, carrier))
			if err != nil {
				t.Fatal(err)
			}
			want, wantRecords := v.sent(role)
			if role == Dialer {
				want = append(bytes.Clone(v.Preamble), want...)
			}
			if got := carrier.out.Bytes(); !bytes.Equal(got, want) {
				t.Errorf("sent\n%x, want\n%x", got, want)
			}
			if c.Peer() != peerID {
				t.Errorf("peer %v, want %v", c.Peer(), peerID)
			}
			if got := c.Binding(); !bytes.Equal(got[:], v.Binding) {
				t.Errorf("binding %x, want %x", got, v.Binding)
			}
			for _, e := range v.Exports {
				if got := c.Export(e.Label); !bytes.Equal(got[:], e.Secret) {
					t.Errorf("export %q: %x, want %x", e.Label, got, e.Secret)
				}
			}
			carrier.out.Reset()
			var plaintext []byte
			for _, r := range v.Records {
				switch {
				case r.From != role.String():
					plaintext = append(plaintext, r.Plaintext...)
				case len(r.Plaintext) == 0: // Write never sends one
					record, err := c.out.sealer.seal([]byte{0, tagSize}, nil)
					if err != nil {
						t.Fatal(err)
					}
					carrier.out.Write(record)
				default:
					if _, err := c.Write(r.Plaintext); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := carrier.out.Bytes(); !bytes.Equal(got, wantRecords) {
				t.Errorf("records\n%x, want\n%x", got, wantRecords)
			}
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("read %x, %v, want %x", got, err, plaintext)
			}
		})
	}
}
