package pxp

import (
	"encoding/binary"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// skip passes over n elements of any kind: those that a later version put behind the fields of this one.
//
// The library's Skip is not used: it allocates by the declared length and recurses as deep as the input asks for.
func (d *decoder) skip(field string, n int) {
	for range n {
		d.skipValue(field, MaxNesting)
	}
}

// skipValue passes over one value that may hold arrays and maps nested depth deep.
func (d *decoder) skipValue(field string, depth int) {
	c, ok := d.code(field)
	if !ok {
		return
	}
	d.pos++

	switch {
	case msgpcode.IsFixedNum(c), c == msgpcode.Nil, c == msgpcode.False, c == msgpcode.True:
	case msgpcode.IsFixedString(c):
		d.skipBytes(field, uint64(c&msgpcode.FixedStrMask))
	case msgpcode.IsFixedArray(c):
		d.skipElements(field, uint64(c&msgpcode.FixedArrayMask), depth)
	case msgpcode.IsFixedMap(c):
		d.skipElements(field, 2*uint64(c&msgpcode.FixedMapMask), depth)
	default:
		d.skipSized(field, c, depth)
	}
}

// skipSized passes over the kinds whose first byte does not hold a length.
func (d *decoder) skipSized(field string, c byte, depth int) {
	switch c {
	case msgpcode.Uint8, msgpcode.Int8:
		d.skipBytes(field, 1)
	case msgpcode.Uint16, msgpcode.Int16:
		d.skipBytes(field, 2)
	case msgpcode.Uint32, msgpcode.Int32, msgpcode.Float:
		d.skipBytes(field, 4)
	case msgpcode.Uint64, msgpcode.Int64, msgpcode.Double:
		d.skipBytes(field, 8)
	case msgpcode.Str8, msgpcode.Bin8:
		d.skipBytes(field, d.length(field, 1))
	case msgpcode.Str16, msgpcode.Bin16:
		d.skipBytes(field, d.length(field, 2))
	case msgpcode.Str32, msgpcode.Bin32:
		d.skipBytes(field, d.length(field, 4))
	case msgpcode.Array16:
		d.skipElements(field, d.length(field, 2), depth)
	case msgpcode.Array32:
		d.skipElements(field, d.length(field, 4), depth)
	case msgpcode.Map16:
		d.skipElements(field, 2*d.length(field, 2), depth)
	case msgpcode.Map32:
		d.skipElements(field, 2*d.length(field, 4), depth)
	case msgpcode.FixExt1:
		d.skipBytes(field, 1+1)
	case msgpcode.FixExt2:
		d.skipBytes(field, 1+2)
	case msgpcode.FixExt4:
		d.skipBytes(field, 1+4)
	case msgpcode.FixExt8:
		d.skipBytes(field, 1+8)
	case msgpcode.FixExt16:
		d.skipBytes(field, 1+16)
	case msgpcode.Ext8:
		d.skipBytes(field, 1+d.length(field, 1))
	case msgpcode.Ext16:
		d.skipBytes(field, 1+d.length(field, 2))
	case msgpcode.Ext32:
		d.skipBytes(field, 1+d.length(field, 4))
	default: // 0xc1, which msgpack never uses
		d.failf(field, "kind 0x%02x is not msgpack", c)
	}
}

// length takes a big-endian length of 1, 2 or 4 bytes.
func (d *decoder) length(field string, size int) uint64 {
	if d.err != nil || d.remaining() < size {
		d.truncated(field)
		return 0
	}
	var v [8]byte
	copy(v[8-size:], d.body[d.pos:d.pos+size])
	d.pos += size
	return binary.BigEndian.Uint64(v[:])
}

func (d *decoder) skipBytes(field string, n uint64) {
	if d.err != nil || n > uint64(d.remaining()) {
		d.truncated(field)
		return
	}
	d.pos += int(n)
}

func (d *decoder) skipElements(field string, n uint64, depth int) {
	if depth == 0 {
		d.failf(field, "nested more than %d deep", MaxNesting)
	}
	if d.err != nil || n > uint64(d.remaining()) {
		d.truncated(field)
		return
	}
	for range n {
		if d.err != nil {
			return
		}
		d.skipValue(field, depth-1)
	}
}
