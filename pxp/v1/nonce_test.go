package v1

import (
	"fmt"
	"testing"
)

func TestNewNonce(t *testing.T) {
	for number, want := range map[uint64]string{
		0: `"0"`, 9: `"9"`, 10: `"a"`, 35: `"z"`, 36: `"10"`, 1<<64 - 1: `"3w5e11264sgsf"`,
		35524: `"res"`,
		// Words that an original does not take for nonces.
		24810219: `"0error"`, 29234652: `"0hello"`, 46030426: `"0relay"`, 27612299117: `"0connect"`,
		66843271490: `"0upgrade"`, 1286097760072: `"0getpeers"`, 1461387902956: `"0incoming"`,
	} {
		n := NewNonce(number)
		if n.String() != want || n.Key() != want[1:len(want)-1] || n.IsZero() {
			t.Errorf("NewNonce(%d) = %s, key %q, want %s", number, n, n.Key(), want)
		}
		line, err := Append(nil, Res{Nonce: n, OK: true})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := Decode(line); err != nil || m.(Res).Nonce != n {
			t.Errorf("%s: comes back as %+v, %v", n, m, err)
		}
	}
	if !(Nonce{}).IsZero() {
		t.Error("the zero Nonce is not zero")
	}
}

// A res answers a request when JavaScript finds it by that name, and echoes it as JavaScript prints it.
func TestNonceKey(t *testing.T) {
	want := NewNonce(7)
	for _, nonce := range []string{`"7"`, `7`, `7.0`, `0.7e1`, `["7"]`, `[7]`, `[[7]]`} {
		m, err := Decode([]byte(`["res",` + nonce + `,null]`))
		if err != nil || m.(Res).Nonce.Key() != want.Key() {
			t.Errorf("%s: %+v, %v, want the key %q", nonce, m, err, want.Key())
		}
	}
}

// An answer with one of these would end the original, so what would have to be answered with one is malformed.
func TestReservedRequests(t *testing.T) {
	for _, word := range []string{"error", "hello", "getpeers", "relay", "incoming", "upgrade", "connect"} {
		for _, request := range []string{`["getpeers",%q,"n"]`, `["relay",%q,["a"]]`, `["incoming",%q,["a"]]`, `["connect",%q,"n"]`} {
			line := fmt.Sprintf(request, word)
			if m, err := Decode([]byte(line)); err == nil {
				t.Errorf("%s is %#v", line, m)
			}
		}
	}
	if _, err := Decode([]byte(`["upgrade","error",{"transport":"webrtc","signal":{"type":"offer","sdp":"v=0"}}]`)); err != nil {
		t.Errorf("upgrade, which is never answered: %v", err)
	}
}
