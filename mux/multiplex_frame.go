package mux

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
)

// A frame of multiplex@6 is two varints (LEB128, as protobuf has them) and a payload:
//
//	varint(channel << 3 | type)  varint(length)  payload
//
// Each side numbers the channels that it opens. An even type is about a channel of the frame's sender, an odd one about a
// channel of its receiver.
const (
	typeOpen        = 0 // payload: the name; none means the number in decimal
	typeDataBack    = 1 // shared streams have no use for it
	typeData        = 2
	typeEndBack     = 3 // the answer to typeEnd
	typeEnd         = 4
	typeDestroyBack = 5 // payload: perhaps a text
	typeDestroy     = 6
	typeNone        = 7
)

const (
	maxChannels     = 1 << 28 // the original shifts 32 bits
	maxVarintBytes  = 10
	maxTextBytes    = 64 << 10 // payload of frames other than data
	maxPayloadBytes = 1 << 30  // of data: the original writes one frame a write, however large. Nothing is set aside for it
	maxHeaderBytes  = 5 + 3    // of a frame that we send
)

// appendHeader appends the header of a frame that we send.
func appendHeader(dst []byte, channel uint32, kind byte, length int) []byte {
	dst = binary.AppendUvarint(dst, uint64(channel)<<3|uint64(kind))
	return binary.AppendUvarint(dst, uint64(length))
}

// readHeader reads a frame's header. A channel is what the original makes of the first number: a signed 32-bit shift. The
// error is the carrier's or a *LimitError.
func readHeader(in *bufio.Reader) (channel int32, kind byte, length uint64, err error) {
	if _, err := in.Peek(1); err != nil {
		return 0, 0, 0, err
	}
	first, err := readVarint(in)
	if err != nil {
		return 0, 0, 0, err
	}
	length, err = readVarint(in)
	return int32(uint32(first)) >> 3, byte(first & 7), length, err
}

// readVarint reads a number. One beyond 64 bits becomes the largest.
func readVarint(in *bufio.Reader) (v uint64, err error) {
	for i := range maxVarintBytes {
		b, err := in.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		if i == maxVarintBytes-1 && b&0x7e != 0 {
			v = math.MaxUint64
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, &LimitError{LimitVarintBytes, maxVarintBytes + 1, maxVarintBytes}
}

// readText reads the payload of a frame that is not data.
func readText(in *bufio.Reader, length int) (string, error) {
	b := make([]byte, length)
	if _, err := io.ReadFull(in, b); err != nil {
		return "", unexpected(err)
	}
	return string(b), nil
}
