// Package v1 is the control protocol of the Peer Exchange Protocol, version 1, as the npm packages pxp 1.1 and
// peer-exchange 2.x speak it: its messages and their encoding. It does no I/O and starts no goroutine; what is done
// with a message is the business of package exchange.
//
// A control message is one line of JSON on the stream "pxp", an array of exactly three elements (PXP §16.4):
//
//	[command, nonce, args]\n
//
// [Append] writes a line byte for byte as the original prints it: the order of members, the escapes, base-36 nonces, and
// args that are flattened where there is exactly one. A reader hands what arrives to a [Splitter], however it was cut,
// and each line to [Decode].
//
// Decode takes what the original takes, with what JavaScript makes of it:
//
//   - a nonce may be any JSON value; [Nonce] prints it as JavaScript would, so that [Res] echoes what the original echoes;
//   - where a name or an id is due any value is taken as JavaScript's String(value) has it: ["net"] is "net", 7 is "7";
//   - an id in [Relay] and [Incoming] may stand bare, and then only its first character counts;
//   - whether something is set is decided by JavaScript's rules: 1 is true, "" and 0 are as good as null;
//   - members that are not known are ignored, of members that come twice the last one counts, members are told apart by
//     case;
//   - bytes that are not UTF-8, and halves of surrogate pairs, become U+FFFD; numbers are those of JavaScript.
//
// Two things are not as in the original. A line that ends the original's process, or leaves it deaf, is a [*FormatError]
// here, after which the control stream is of no use; so are lines beyond the limits below, of which the original has none.
// An unknown command is [Unknown], and no error. And Append refuses what would end the process of an original that reads
// it (PXP §16.10), whoever asks for it.
//
// Nothing here keeps a line that it was given, or memory of a size that a line only declares. All functions may be called
// concurrently; a Splitter is for one goroutine.
package v1

// Version is the version that [Hello] has to carry (PXP §16.4).
const Version = 1

// TransportWebRTC is the one transport of [Upgrade] that the original knows.
const TransportWebRTC = "webrtc"

// Limits of the encoding (PXP §16.11). The original has none of them. They hold for writing too, except that of values,
// which no message of ours comes near.
const (
	// MaxLine is the largest size of a line in bytes, what ends it ("\n" or "\r\n") not counted.
	MaxLine = 65536

	// MaxNesting is how deep arrays and objects may nest in a line, the message's own array counted.
	MaxNesting = 32

	// MaxValues is how many JSON values a line may hold, arrays and objects and what is in them.
	MaxValues = 8192

	// MaxNonce is the largest size of a nonce in bytes, as it is printed in JSON.
	MaxNonce = 1024

	// MaxNetworks is the largest number of networks in a hello.
	MaxNetworks = 256

	// MaxCandidates is the largest number of candidates in a res.
	MaxCandidates = 1024
)
