// Package pxp is the control protocol of the Peer Exchange Protocol, version 2: its messages, their encoding, its
// error codes and the names of its streams. It does no I/O and starts no goroutine; the session state machine that says
// which message is legal when lives in package exchange.
//
// A control message travels in one frame on the stream named [ControlStream] (PXP §7):
//
//	+--------+--------+------------------------------------+
//	| length, uint16  | body: one msgpack array            |
//	| big-endian      | [type, id, fields...]              |
//	+--------+--------+------------------------------------+
//
// The length counts the body only and is 1 to [MaxMessage]. [Append] writes a frame; a reader takes two bytes, asks
// [FrameLen], takes that many bytes and hands them to [Decode].
//
// What decoding refuses and what it lets pass is the same for all messages (PXP §7.2):
//
//   - integers are unsigned msgpack integers of any width, so a wider encoding than needed is accepted;
//   - strings are msgpack str and valid UTF-8, byte strings are msgpack bin, and neither stands in for the other;
//   - elements after the known fields are skipped, so that a later version can add some; within them arrays and maps
//     nest at most [MaxNesting] deep;
//   - fewer elements than the known fields, a wrong type, a value over its limit, more than [MaxElements] elements and
//     bytes after the array are malformed: a [*FormatError].
//
// The receiver of a malformed message sends [Bye] with [CodeProtocol] and ends the session; there is no way to resume.
//
// Nothing here allocates by a length that the input declares: a length is compared with its limit and with the bytes
// that are there first. All functions may be called concurrently.
package pxp

// The first bytes on a carrier, which choose the version (PXP §3.1). The dialer writes them, the acceptor answers in kind.
const (
	// Magic1 begins version 1, the wire of npm peer-exchange 2.x.
	Magic1 = "#PXP#"

	// Magic2 begins version 2.
	Magic2 = "#PXP2"
)

// Version is the protocol version that this package speaks, sent in [Hello].
const Version = 2

// Limits of the encoding (PXP §7.2). They hold when a message is written as well as when it is read.
const (
	// MaxMessage is the largest body of a frame in bytes.
	MaxMessage = 16384

	// MaxElements is the largest number of elements of a message's array, type and id among them, and of the arrays that
	// are elements of a field.
	MaxElements = 32

	// MaxNesting is how deep arrays and maps may nest within an element that is skipped.
	MaxNesting = 16

	// MaxID is the largest request id, small enough for any language's integers.
	MaxID = 1<<32 - 1
)
