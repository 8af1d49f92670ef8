package mux

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A frame is a header of 12 bytes, all numbers big-endian, and in a data frame the data:
//
//	 0        1        2                 4                 8                 12
//	+--------+--------+--------+--------+--------+...+----+--------+...+----+
//	| version|  type  |      flags      |     stream id   |     length      |
//	+--------+--------+--------+--------+--------+...+----+--------+...+----+
const headerBytes = 12

const frameVersion = 0

// Types of frames, with what length means.
const (
	frameData   = 0 // bytes of data that follow
	frameWindow = 1 // bytes that the other side may send in addition
	framePing   = 2 // a number to be sent back
	frameGoAway = 3 // a code, see below
)

// Flags. SYN and ACK also tell the two directions of a ping.
const (
	flagSYN  = 1 // begins a stream
	flagACK  = 2 // first frame of the side that accepted
	flagFIN  = 4 // last frame of a side
	flagRST  = 8 // the stream is dead
	allFlags = flagSYN | flagACK | flagFIN | flagRST
)

// Codes of a frameGoAway.
const (
	goAwayNormal   = 0
	goAwayProtocol = 1
	goAwayInternal = 2
)

// maxWindow is the largest window: more could not be granted in one frame.
const maxWindow = 1 << 30

type header struct {
	version byte
	kind    byte
	flags   uint16
	id      uint32
	length  uint32
}

func (h header) append(dst []byte) []byte {
	dst = append(dst, h.version, h.kind)
	dst = binary.BigEndian.AppendUint16(dst, h.flags)
	dst = binary.BigEndian.AppendUint32(dst, h.id)
	return binary.BigEndian.AppendUint32(dst, h.length)
}

// parseHeader reads the first headerBytes of b. Any bytes are a header; what they mean is checked by the receiver.
func parseHeader(b []byte) header {
	return header{
		version: b[0],
		kind:    b[1],
		flags:   binary.BigEndian.Uint16(b[2:]),
		id:      binary.BigEndian.Uint32(b[4:]),
		length:  binary.BigEndian.Uint32(b[8:]),
	}
}

func (h header) has(flag uint16) bool { return h.flags&flag != 0 }

func (h header) String() string {
	kind := fmt.Sprintf("type %d", h.kind)
	if names := []string{"data", "window update", "ping", "go away"}; int(h.kind) < len(names) {
		kind = names[h.kind]
	}
	var flags []string
	for i, name := range []string{"SYN", "ACK", "FIN", "RST"} {
		if h.has(1 << i) {
			flags = append(flags, name)
		}
	}
	if rest := h.flags &^ allFlags; rest != 0 {
		flags = append(flags, fmt.Sprintf("%#x", rest))
	}
	return fmt.Sprintf("version %d, %s, flags %q, stream %d, length %d", h.version, kind, strings.Join(flags, "+"), h.id, h.length)
}

// violation returns the error for a header that breaks a rule.
func (h header) violation(problem string) error {
	return &ProtocolError{Frame: h.String(), Problem: problem}
}
