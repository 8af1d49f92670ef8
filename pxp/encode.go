package pxp

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
)

// encoder writes one frame. The first field over its limit is kept in err and ends the writing: what follows is no-op,
// so that messages need not look at errors in between.
type encoder struct {
	pack  *msgpack.Encoder
	buf   []byte // the caller's slice and behind it the frame
	start int    // where the frame begins in buf
	typ   Type
	err   error
}

func newEncoder(dst []byte, typ Type) *encoder {
	e := &encoder{buf: dst, start: len(dst), typ: typ, pack: msgpack.GetEncoder()}
	e.pack.Reset(e)
	e.buf = append(e.buf, 0, 0)
	return e
}

// close fills in the length and gives the library's encoder back.
func (e *encoder) close() ([]byte, error) {
	msgpack.PutEncoder(e.pack)
	n := len(e.buf) - e.start - headerSize
	// The limits of the fields keep every message below MaxMessage (TestLargestMessages); this guards later fields.
	if e.err == nil && n > MaxMessage {
		e.failf("message", "%d bytes, limit %d", n, MaxMessage)
	}
	if e.err != nil {
		return e.buf[:e.start], e.err
	}
	binary.BigEndian.PutUint16(e.buf[e.start:], uint16(n))
	return e.buf, nil
}

// Write and WriteByte are where the library writes to. They cannot fail.
func (e *encoder) Write(p []byte) (int, error) {
	e.buf = append(e.buf, p...)
	return len(p), nil
}

func (e *encoder) WriteByte(c byte) error {
	e.buf = append(e.buf, c)
	return nil
}

func (e *encoder) failf(field, format string, args ...any) {
	if e.err == nil {
		e.err = formatErrorf(e.typ, field, format, args...)
	}
}

// check keeps an error of the library, which has none to give as long as Write has none.
func (e *encoder) check(field string, err error) {
	if err != nil {
		e.failf(field, "%v", err)
	}
}

// head begins the array: type, id and as many elements as the message has fields.
func (e *encoder) head(id uint32, rule idRule, fields int) {
	if problem := rule.problem(id); problem != "" {
		e.failf("id", "%s", problem)
		return
	}
	e.array("message", fields+2, MaxElements)
	e.uint("type", uint64(e.typ), 1, uint64(MaxType))
	e.uint("id", uint64(id), 0, MaxID)
}

func (e *encoder) array(field string, n, max int) {
	if n > max {
		e.failf(field, "%d elements, limit %d", n, max)
	}
	if e.err == nil {
		e.check(field, e.pack.EncodeArrayLen(n))
	}
}

func (e *encoder) uint(field string, v, min, max uint64) {
	if v < min || v > max {
		e.failf(field, "%d, limit %d to %d", v, min, max)
	}
	if e.err == nil {
		e.check(field, e.pack.EncodeUint(v))
	}
}

func (e *encoder) bool(field string, v bool) {
	if e.err == nil {
		e.check(field, e.pack.EncodeBool(v))
	}
}

func (e *encoder) str(field, s string, max int) {
	switch {
	case len(s) > max:
		e.failf(field, "%d bytes, limit %d", len(s), max)
	case !utf8.ValidString(s):
		e.failf(field, "not valid UTF-8")
	}
	if e.err == nil {
		e.check(field, e.pack.EncodeString(s))
	}
}

// bin writes a byte string whose length is right: the types of the messages guarantee it, or bytes has looked. The header and the bytes go
// separately since the library would let p escape to the heap.
func (e *encoder) bin(field string, p []byte) {
	if e.err == nil {
		e.check(field, e.pack.EncodeBytesLen(len(p)))
		e.buf = append(e.buf, p...)
	}
}

// bytes writes a byte string of at most max bytes.
func (e *encoder) bytes(field string, p []byte, max int) {
	if len(p) > max {
		e.failf(field, "%d bytes, limit %d", len(p), max)
	}
	e.bin(field, p)
}
