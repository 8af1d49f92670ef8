package pxp

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// The tests write msgpack by hand, so that a mistake of the library or of its use cannot hide in both directions.

// kind is a msgpack kind that a field of a message can have.
type kind string

const (
	kindUint  kind = "uint"
	kindStr   kind = "str"
	kindBin   kind = "bin"
	kindBool  kind = "bool"
	kindArray kind = "array"
)

// samples has one value of each form of msgpack, by what it may pass as; "" is nothing that a message has.
var samples = []struct {
	kind  kind
	value string
}{
	{kindUint, "\x01"},
	{kindUint, "\xcc\x01"},
	{kindUint, "\xcd\x00\x01"},
	{kindUint, "\xce\x00\x00\x00\x01"},
	{kindUint, "\xcf\x00\x00\x00\x00\x00\x00\x00\x01"},
	{kindBool, "\xc2"},
	{kindBool, "\xc3"},
	{kindStr, "\xa0"},
	{kindStr, "\xa1a"},
	{kindStr, "\xd9\x01a"},
	{kindStr, "\xda\x00\x01a"},
	{kindStr, "\xdb\x00\x00\x00\x01a"},
	{kindBin, "\xc4\x01a"},
	{kindBin, "\xc5\x00\x01a"},
	{kindBin, "\xc6\x00\x00\x00\x01a"},
	{kindArray, "\x90"},
	{kindArray, "\x91\x01"},
	{kindArray, "\xdc\x00\x01\x01"},
	{kindArray, "\xdd\x00\x00\x00\x01\x01"},
	{"", "\xff"},                                 // -1
	{"", "\xe0"},                                 // -32
	{"", "\xd0\x01"},                             // int8
	{"", "\xd1\x00\x01"},                         // int16
	{"", "\xd2\x00\x00\x00\x01"},                 // int32
	{"", "\xd3\x00\x00\x00\x00\x00\x00\x00\x01"}, // int64
	{"", "\xc0"},                                 // nil
	{"", "\xca\x3f\x80\x00\x00"},                 // float32
	{"", "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"}, // float64
	{"", "\x80"},                                 // map
	{"", "\x81\x01\x02"},
	{"", "\xde\x00\x01\x01\x02"},
	{"", "\xdf\x00\x00\x00\x01\x01\x02"},
	{"", "\xd4\x05a"}, // ext
	{"", "\xd5\x05ab"},
	{"", "\xd6\x05abcd"},
	{"", "\xd7\x05abcdefgh"},
	{"", "\xd8\x05abcdefghabcdefgh"},
	{"", "\xc7\x01\x05a"},
	{"", "\xc8\x00\x01\x05a"},
	{"", "\xc9\x00\x00\x00\x01\x05a"},
}

// array returns an array of the elements in its shortest form.
func array(elements ...string) string {
	n := len(elements)
	head := string([]byte{0x90 | byte(n)})
	if n > 15 {
		head = "\xdc" + be(uint64(n), 2)
	}
	return head + strings.Join(elements, "")
}

// be returns n in size big-endian bytes.
func be(n uint64, size int) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return string(b[8-size:])
}

// str and bin return a string and a byte string in the 16-bit form.
func str(s string) string { return "\xda" + be(uint64(len(s)), 2) + s }
func bin(s string) string { return "\xc5" + be(uint64(len(s)), 2) + s }

// num returns an unsigned integer in the 64-bit form.
func num(n uint64) string { return "\xcf" + be(n, 8) }

// nested returns depth arrays within each other, or maps.
func nested(depth int, maps bool) string {
	if maps {
		return strings.Repeat("\x81\x01", depth-1) + "\x80"
	}
	return strings.Repeat("\x91", depth-1) + "\x90"
}

// widen returns all other ways to write the value of one element, which is in its shortest form.
func widen(k kind, value string) []string {
	c := value[0]
	switch k {
	case kindUint:
		n, sizes := uint64(c), 0
		switch {
		case c == 0xcc:
			n, sizes = uint64(value[1]), 1
		case c == 0xcd:
			n, sizes = uint64(binary.BigEndian.Uint16([]byte(value[1:]))), 2
		case c == 0xce:
			n, sizes = uint64(binary.BigEndian.Uint32([]byte(value[1:]))), 4
		}
		var all []string
		for i, size := range []int{1, 2, 4, 8} {
			if size > sizes {
				all = append(all, string([]byte{0xcc + byte(i)})+be(n, size))
			}
		}
		return all
	case kindStr:
		if c >= 0xa0 && c <= 0xbf {
			s := value[1:]
			return []string{"\xd9" + be(uint64(len(s)), 1) + s, str(s), "\xdb" + be(uint64(len(s)), 4) + s}
		}
	case kindBin:
		s := value[2:]
		return []string{bin(s), "\xc6" + be(uint64(len(s)), 4) + s}
	case kindArray:
		n := uint64(c & 0x0f)
		return []string{"\xdc" + be(n, 2) + value[1:], "\xdd" + be(n, 4) + value[1:]}
	}
	return nil
}

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatalf("test data: %v", err)
	}
	return string(b)
}
