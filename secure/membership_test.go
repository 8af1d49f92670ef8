package secure

import (
	"bytes"
	"testing"
)

func TestVerifyRefuses(t *testing.T) {
	key := NetworkKey("net", []byte("secret"))
	binding := [32]byte{1}
	proof := Prove(key, Dialer, binding)
	if !Verify(key, Dialer, binding, proof[:]) {
		t.Fatal("own proof refused")
	}
	flipped := proof
	flipped[31] ^= 1
	other := Prove(key, Role(3), binding)
	for name, ok := range map[string]bool{
		"reflected to the other role": Verify(key, Acceptor, binding, proof[:]),
		"other connection":            Verify(key, Dialer, [32]byte{2}, proof[:]),
		"other secret":                Verify(NetworkKey("net", []byte("Secret")), Dialer, binding, proof[:]),
		"no secret":                   Verify(NetworkKey("net", nil), Dialer, binding, proof[:]),
		"other network":               Verify(NetworkKey("nets", []byte("ecret")), Dialer, binding, proof[:]),
		"flipped bit":                 Verify(key, Dialer, binding, flipped[:]),
		"short":                       Verify(key, Dialer, binding, proof[:31]),
		"long":                        Verify(key, Dialer, binding, append(bytes.Clone(proof[:]), 0)),
		"nil":                         Verify(key, Dialer, binding, nil),
		"unknown role":                Verify(key, Role(3), binding, other[:]),
		"zero role":                   Verify(key, 0, binding, proof[:]),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNetworkKeySeparates(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, v := range []struct{ network, secret string }{
		{"", ""}, {"a", ""}, {"", "a"}, {"ab", "c"}, {"a", "bc"}, {"a", "b"}, {"b", "a"}, {"a\x00", ""},
	} {
		key := NetworkKey(v.network, []byte(v.secret))
		if prior, ok := seen[key]; ok {
			t.Errorf("%q has the key of %s", v, prior)
		}
		seen[key] = v.network + "/" + v.secret
	}
}
