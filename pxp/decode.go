package pxp

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// decoder reads one body. The first error is kept in err; reads after it return zero values, so that messages need not
// look at errors in between.
//
// The library reads integers and the headers of strings, byte strings and arrays. Which kinds are acceptable is looked up
// before it is called, since it would take nil for anything, signed for unsigned, str for bin. Contents are taken from
// body by the decoder itself, after the declared length was compared with its limit and with what is there: the library
// would allocate first.
type decoder struct {
	pack     *msgpack.Decoder
	body     []byte
	pos      int
	typ      Type
	elements int // of the message's array
	fields   int // of this version, set by need
	err      error
}

func newDecoder(body []byte) *decoder {
	d := &decoder{body: body, pack: msgpack.GetDecoder()}
	d.pack.Reset(d)
	return d
}

// close gives the library's decoder back and returns the first error.
func (d *decoder) close() error {
	msgpack.PutDecoder(d.pack)
	return d.err
}

// Read, ReadByte and UnreadByte are where the library reads from; with a ByteScanner it adds no buffer of its own.
func (d *decoder) Read(p []byte) (int, error) {
	if d.pos == len(d.body) && len(p) > 0 {
		return 0, io.EOF
	}
	n := copy(p, d.body[d.pos:])
	d.pos += n
	return n, nil
}

func (d *decoder) ReadByte() (byte, error) {
	if d.pos == len(d.body) {
		return 0, io.EOF
	}
	d.pos++
	return d.body[d.pos-1], nil
}

func (d *decoder) UnreadByte() error {
	d.pos--
	return nil
}

func (d *decoder) remaining() int { return len(d.body) - d.pos }

func (d *decoder) failf(field, format string, args ...any) {
	if d.err == nil {
		d.err = formatErrorf(d.typ, field, format, args...)
	}
}

func formatErrorf(typ Type, field, format string, args ...any) error {
	return &FormatError{Message: typ, Field: field, Problem: fmt.Sprintf(format, args...)}
}

// truncated is the error for anything that ends early.
func (d *decoder) truncated(field string) { d.failf(field, "truncated") }

// need says how many fields this version knows after type and id, and fails when the array has fewer.
func (d *decoder) need(fields int) {
	d.fields = fields
	if d.err == nil && d.elements < fields+2 {
		d.failf("message", "%d elements, want at least %d", d.elements, fields+2)
	}
}

// id checks the request id against the message's rule.
func (d *decoder) id(id uint32, rule idRule) {
	if problem := rule.problem(id); problem != "" {
		d.failf("id", "%s", problem)
	}
}

// code returns the next value's first byte without taking it; false at the end or after an error.
func (d *decoder) code(field string) (byte, bool) {
	if d.err != nil {
		return 0, false
	}
	if d.remaining() == 0 {
		d.truncated(field)
		return 0, false
	}
	return d.body[d.pos], true
}

func (d *decoder) uint(field string, min, max uint64) uint64 {
	c, ok := d.code(field)
	if !ok {
		return 0
	}
	if c > msgpcode.PosFixedNumHigh && (c < msgpcode.Uint8 || c > msgpcode.Uint64) {
		d.failf(field, "kind 0x%02x, want an unsigned integer", c)
		return 0
	}
	v, err := d.pack.DecodeUint64()
	if err != nil {
		d.truncated(field)
		return 0
	}
	if v < min || v > max {
		d.failf(field, "%d, limit %d to %d", v, min, max)
		return 0
	}
	return v
}

func (d *decoder) bool(field string) bool {
	c, ok := d.code(field)
	if !ok {
		return false
	}
	if c != msgpcode.False && c != msgpcode.True {
		d.failf(field, "kind 0x%02x, want a boolean", c)
		return false
	}
	v, err := d.pack.DecodeBool()
	if err != nil {
		d.truncated(field)
	}
	return v
}

// arrayLen reads an array's header. Each element takes a byte or more, so a length beyond the bytes left is refused.
func (d *decoder) arrayLen(field string, max int) int {
	c, ok := d.code(field)
	if !ok {
		return 0
	}
	if !msgpcode.IsFixedArray(c) && c != msgpcode.Array16 && c != msgpcode.Array32 {
		d.failf(field, "kind 0x%02x, want an array", c)
		return 0
	}
	n, err := d.pack.DecodeArrayLen()
	if err != nil {
		d.truncated(field)
		return 0
	}
	if uint32(n) > uint32(max) { // negative where int has 32 bits
		d.failf(field, "%d elements, limit %d", uint32(n), max)
		return 0
	}
	if n > d.remaining() {
		d.truncated(field)
		return 0
	}
	return n
}

// str reads a string of at most max bytes.
func (d *decoder) str(field string, max int) string {
	c, ok := d.code(field)
	if !ok {
		return ""
	}
	if !msgpcode.IsFixedString(c) && (c < msgpcode.Str8 || c > msgpcode.Str32) {
		d.failf(field, "kind 0x%02x, want a string", c)
		return ""
	}
	p := d.content(field, max, false)
	if !utf8.Valid(p) {
		d.failf(field, "not valid UTF-8")
		return ""
	}
	return string(p)
}

// bin reads a byte string of exactly len(dst) bytes into dst.
func (d *decoder) bin(field string, dst []byte) {
	if d.isBin(field) {
		copy(dst, d.content(field, len(dst), true))
	}
}

// bytes reads a byte string of at most max bytes; nil when it is empty.
func (d *decoder) bytes(field string, max int) []byte {
	if !d.isBin(field) {
		return nil
	}
	return append([]byte(nil), d.content(field, max, false)...)
}

func (d *decoder) isBin(field string) bool {
	c, ok := d.code(field)
	if ok && (c < msgpcode.Bin8 || c > msgpcode.Bin32) {
		d.failf(field, "kind 0x%02x, want a byte string", c)
		return false
	}
	return ok
}

// content reads the header of a string or byte string and returns its contents, a part of body: at most max bytes, or
// exactly max.
func (d *decoder) content(field string, max int, exactly bool) []byte {
	n, err := d.pack.DecodeBytesLen()
	switch {
	case err != nil:
		d.truncated(field)
	case exactly && n != max:
		d.failf(field, "%d bytes, want %d", uint32(n), max)
	case uint32(n) > uint32(max): // negative where int has 32 bits
		d.failf(field, "%d bytes, limit %d", uint32(n), max)
	case n > d.remaining():
		d.truncated(field)
	default:
		d.pos += n
		return d.body[d.pos-n : d.pos]
	}
	return nil
}
