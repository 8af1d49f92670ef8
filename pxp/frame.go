package pxp

import "encoding/binary"

// headerSize is the length of the big-endian body length before each body.
const headerSize = 2

// FrameLen returns the length of the body that follows the two bytes of a frame's header: 1 to [MaxMessage]. Any other
// length is a [*FormatError]; it can be refused before a byte of the body is read.
func FrameLen(header [2]byte) (int, error) {
	n := int(binary.BigEndian.Uint16(header[:]))
	if n < 1 || n > MaxMessage {
		return 0, formatErrorf(0, "frame", "length %d, limit 1 to %d", n, MaxMessage)
	}
	return n, nil
}

// Append appends the frame of m, length and body, to dst and returns the extended slice, as append does: it may be
// dst's memory. When a field breaks its limit it returns dst as it was and a [*FormatError] naming the field.
//
// The encoding is canonical: the shortest form of each integer and length, no more elements than the fields. Append keeps
// neither dst nor m.
func Append(dst []byte, m Message) ([]byte, error) {
	e := newEncoder(dst, m.Type())
	m.encode(e)
	return e.close()
}
