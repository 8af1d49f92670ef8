package identity

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// RFC 8032 §7.1, tests 1 and 2; the texts are by Python's base64.b32encode.
var vectors = []struct{ seed, public, text, msg, sig string }{
	{
		seed:   "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		public: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		text:   "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkena",
		sig: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
			"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
	},
	{
		seed:   "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		public: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
		text:   "hvabpq7iioevvevxbktu2g36xsojqlgpf3cjndgazvk7ckxumyga",
		msg:    "72",
		sig: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
			"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
	},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testKey(t testing.TB, n byte) *Key {
	t.Helper()
	key, err := KeyFromSeed(bytes.Repeat([]byte{n}, SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		key, err := KeyFromSeed(unhex(t, v.seed))
		if err != nil {
			t.Fatal(err)
		}
		id := key.ID()
		if got := hex.EncodeToString(id[:]); got != v.public {
			t.Errorf("public key %s, want %s", got, v.public)
		}
		if got := id.String(); got != v.text {
			t.Errorf("text %q, want %q", got, v.text)
		}
		if got := id.Short(); got != v.text[:8] {
			t.Errorf("short %q, want %q", got, v.text[:8])
		}
		if got, err := ParseID(v.text); err != nil || got != id {
			t.Errorf("ParseID(%q) = %v, %v", v.text, got, err)
		}
		if got := hex.EncodeToString(key.Sign(unhex(t, v.msg))); got != v.sig {
			t.Errorf("signature %s, want %s", got, v.sig)
		}
		if !id.Verify(unhex(t, v.msg), unhex(t, v.sig)) {
			t.Error("signature of the RFC refused")
		}
	}
}

func TestParseIDRefuses(t *testing.T) {
	good := vectors[0].text
	if _, err := ParseID(good); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"empty":              "",
		"one short":          good[:51],
		"one long":           good + "a",
		"padded":             good + "====",
		"upper case":         strings.ToUpper(good),
		"one upper case":     "A" + good[1:],
		"leading space":      " " + good[:51],
		"trailing newline":   good[:51] + "\n",
		"newline inside":     good[:20] + "\n" + good[21:],
		"newline added":      good[:20] + "\r\n" + good[20:],
		"digit 0":            "0" + good[1:],
		"digit 1":            "1" + good[1:],
		"digit 8":            "8" + good[1:],
		"padding inside":     good[:51] + "=",
		"zero byte":          good[:51] + "\x00",
		"not ASCII":          good[:50] + "ä",
		"left over bit 1":    good[:51] + "b",
		"left over bit 4":    good[:51] + "i",
		"left over all":      good[:51] + "p",
		"left over, other q": good[:51] + "r",
		"hex":                vectors[0].public,
		"zero ID":            ID{}.String(),
		"order 1":            lowOrder1.String(),
		"order 2":            lowOrder2.String(),
		"order 8":            lowOrder8a.String(),
		"not canonical":      ID(bytes.Repeat([]byte{0xff}, 32)).String(),
	} {
		id, err := ParseID(s)
		var idErr *IDError
		if !errors.As(err, &idErr) {
			t.Errorf("%s: ParseID(%q) = %v, %v, want an *IDError", name, s, id, err)
			continue
		}
		if idErr.Text != s[:min(len(s), 64)] || idErr.Problem == "" || !id.IsZero() {
			t.Errorf("%s: %#v with ID %v", name, idErr, id)
		}
		before := testKey(t, 1).ID()
		into := before
		if err := into.UnmarshalText([]byte(s)); s != "" && (err == nil || into != before) {
			t.Errorf("%s: UnmarshalText: %v, ID %v", name, err, into)
		}
	}
}

func TestIDErrorSaysWhere(t *testing.T) {
	good := vectors[0].text
	for s, want := range map[string]string{
		good[:51]:                        "51 characters, an ID has 52",
		good[:20] + "\n" + good[21:]:     "character 21 ",
		good[:51] + "1":                  "character 52 ",
		"A" + good[1:]:                   "character 1 ",
		good[:51] + "b":                  "left over",
		"pxp-key-1:" + good:              "private key",
		strings.Repeat("a", len(ID{})*2): "64 characters",
	} {
		if _, err := ParseID(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseID(%q): %v, want %q in it", s, err, want)
		}
	}
}

func TestIDErrorIsShortAndSilentAboutKeys(t *testing.T) {
	_, err := ParseID(strings.Repeat("x", 1<<20))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("error of %d bytes for a huge text", len(err.Error()))
	}
	seed := "pxp-key-1:" + strings.Repeat("b", 51) + "a"
	if _, err = ParseID(seed); err == nil || strings.Contains(err.Error(), "bbb") {
		t.Errorf("error shows a private key: %v", err)
	}
}

func TestTextMarshaling(t *testing.T) {
	id := testKey(t, 1).ID()
	type event struct {
		Peer ID         `json:"peer"`
		Via  ID         `json:"via"`
		None ID         `json:"none,omitzero"`
		Map  map[ID]int `json:"map"`
	}
	in := event{Peer: id, Map: map[ID]int{id: 1}}
	b, err := json.Marshal(in)
	want := `{"peer":"` + id.String() + `","via":"","map":{"` + id.String() + `":1}}`
	if err != nil || string(b) != want {
		t.Fatalf("%s, %v, want %s", b, err, want)
	}
	out := event{Via: id}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if out.Peer != id || !out.Via.IsZero() || out.Map[id] != 1 {
		t.Errorf("%+v", out)
	}
}

func TestCompare(t *testing.T) {
	ids := []ID{{31: 1}, {0: 1}, {}, {0: 0xff}, {0: 1, 31: 1}}
	slices.SortFunc(ids, ID.Compare)
	want := []ID{{}, {31: 1}, {0: 1}, {0: 1, 31: 1}, {0: 0xff}}
	if !slices.Equal(ids, want) {
		t.Errorf("order %v, want %v", ids, want)
	}
	for i, a := range want {
		for j, b := range want {
			if got := a.Compare(b); got != cmp.Compare(i, j) {
				t.Errorf("Compare(%x, %x) = %d", a, b, got)
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	key, other := testKey(t, 1), testKey(t, 2)
	msg := []byte("a message")
	sig := key.Sign(msg)
	if !key.ID().Verify(msg, sig) {
		t.Fatal("own signature refused")
	}
	flipped := bytes.Clone(sig)
	flipped[40] ^= 1
	for name, ok := range map[string]bool{
		"other message":  key.ID().Verify([]byte("a massage"), sig),
		"other key":      other.ID().Verify(msg, sig),
		"flipped bit":    key.ID().Verify(msg, flipped),
		"short":          key.ID().Verify(msg, sig[:63]),
		"long":           key.ID().Verify(msg, append(bytes.Clone(sig), 0)),
		"nil":            key.ID().Verify(msg, nil),
		"not on a curve": ID{0: 2}.Verify(msg, sig),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

// universalSignature returns R = the neutral point, S = 0: for a key of low
// order it satisfies S·B = R + h·A whenever the order divides h.
func universalSignature() []byte {
	sig := make([]byte, ed25519.SignatureSize)
	sig[0] = 1
	return sig
}

// Each key here has a message for which the standard library accepts a
// signature that anybody can write down; Verify must refuse it all the same.
func TestVerifyRefusesLowOrder(t *testing.T) {
	sign := func(id ID) ID { id[31] |= 0x80; return id }
	p := ID(bytes.Repeat([]byte{0xff}, 32)) // 2^255-1 = p+18, with the sign bit
	p[31] = 0x7f
	pPlus := func(n byte) ID { id := p; id[0] = 0xed + n; return id }
	keys := []ID{
		lowOrder0, lowOrder1, lowOrder2, lowOrder8a, lowOrder8b, sign(lowOrder0), sign(lowOrder1), sign(lowOrder2),
		sign(lowOrder8a), sign(lowOrder8b), pPlus(0), pPlus(1), sign(pPlus(0)), sign(pPlus(1)),
	}
	accepted := 0
	for _, id := range keys {
		for n := range 64 {
			msg := sha512.Sum512([]byte{byte(n)})
			sig := universalSignature()
			if ed25519.Verify(id[:], msg[:], sig) {
				accepted++
			}
			if id.Verify(msg[:], sig) {
				t.Fatalf("key %x: universal signature accepted", id)
			}
		}
		if _, err := ParseID(id.String()); err == nil {
			t.Errorf("key %x: text accepted", id)
		}
	}
	if accepted < len(keys) {
		t.Errorf("the standard library accepted only %d: this test shows nothing", accepted)
	}
	for n := range byte(19) {
		if !pPlus(n).weak() || !sign(pPlus(n)).weak() {
			t.Errorf("p+%d is not canonical and passes", n)
		}
	}
	below := p
	below[0] = 0xeb // p-2 is canonical
	if below.weak() || testKey(t, 1).ID().weak() {
		t.Error("a canonical key counts as weak")
	}
}

func FuzzParseID(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.text)
		f.Add(strings.ToUpper(v.text))
		f.Add(v.text[:51] + "b")
	}
	f.Add("")
	f.Add(ID{}.String())
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if !id.IsZero() {
				t.Fatalf("error and ID %v", id)
			}
			return
		}
		if id.String() != s {
			t.Fatalf("%q and %q are texts of one ID", s, id)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key := testKey(b, 1)
	msg := make([]byte, 64)
	sig := key.Sign(msg)
	b.ReportAllocs()
	for b.Loop() {
		if !key.ID().Verify(msg, sig) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkSign(b *testing.B) {
	key := testKey(b, 1)
	msg := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		key.Sign(msg)
	}
}

func BenchmarkParseID(b *testing.B) {
	s := testKey(b, 1).ID().String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseID(s); err != nil {
			b.Fatal(err)
		}
	}
}
