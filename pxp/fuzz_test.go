package pxp

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// FuzzDecode: Decode never panics, its errors are FormatErrors; what it reads can be written, never longer than it was,
// and reads the same again.
func FuzzDecode(f *testing.F) {
	for _, v := range loadVectors(f) {
		if frame := unhex(f, v.Hex); len(frame) > headerSize {
			f.Add([]byte(frame[headerSize:]))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Decode(body)
		if err != nil {
			var fe *FormatError
			if !errors.As(err, &fe) || m != nil || fe.Field == "" || fe.Problem == "" {
				t.Fatalf("Decode = %+v, %#v, want only a complete FormatError", m, err)
			}
			return
		}
		frame, err := Append(nil, m)
		if err != nil {
			t.Fatalf("Append of what was decoded, %+v: %v", m, err)
		}
		if n, err := FrameLen([2]byte(frame)); err != nil || n != len(frame)-headerSize {
			t.Fatalf("FrameLen = %d, %v, for %d bytes", n, err, len(frame)-headerSize)
		}
		if len(frame)-headerSize > len(body) {
			t.Fatalf("canonical form %x is longer than %x", frame[headerSize:], body)
		}
		again, err := Decode(frame[headerSize:])
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("decoded again: %+v, %v, want %+v", again, err, m)
		}
		twice, err := Append(nil, again)
		if err != nil || !bytes.Equal(twice, frame) {
			t.Fatalf("encoded again: %x, %v, want %x", twice, err, frame)
		}
	})
}

// FuzzFrameLen: a length is accepted exactly when it is 1 to MaxMessage, and then is what the bytes say.
func FuzzFrameLen(f *testing.F) {
	f.Add(byte(0), byte(0))
	f.Add(byte(0), byte(1))
	f.Add(byte(0x40), byte(0))
	f.Add(byte(0x40), byte(1))
	f.Add(byte(0xff), byte(0xff))
	f.Fuzz(func(t *testing.T, high, low byte) {
		want := int(high)*256 + int(low)
		n, err := FrameLen([2]byte{high, low})
		switch {
		case err == nil && (n != want || n < 1 || n > MaxMessage):
			t.Fatalf("FrameLen(%d) = %d", want, n)
		case err != nil && (n != 0 || want >= 1 && want <= MaxMessage):
			t.Fatalf("FrameLen(%d) = %d, %v", want, n, err)
		}
	})
}

// FuzzParseRelayStream: exactly the names that RelayStream returns are accepted.
func FuzzParseRelayStream(f *testing.F) {
	f.Add(RelayStream(Token{}))
	f.Add(RelayStream(Token{0xab, 0xcd, 15: 0xff}))
	f.Add("relay:00000000000000000000000000000000A")
	f.Add("relay:0000000000000000000000000000000A")
	f.Add(ControlStream)
	f.Add(DataStream)
	f.Fuzz(func(t *testing.T, name string) {
		token, ok := ParseRelayStream(name)
		if ok != (RelayStream(token) == name) {
			t.Fatalf("ParseRelayStream(%q) = %x, %v", name, token[:], ok)
		}
		if !ok && token != (Token{}) {
			t.Fatalf("ParseRelayStream(%q) = %x beside false", name, token[:])
		}
	})
}
