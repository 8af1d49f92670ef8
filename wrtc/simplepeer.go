package wrtc

import (
	"crypto/rand"
	"encoding/hex"
)

// dialect is all that differs between the channels of PXP version 2 and those of npm simple-peer, which version 1 uses.
type dialect struct {
	// negotiated: both ends make the channel, with id 0. Otherwise the offerer opens it with a message (DCEP, RFC 8832), and the answerer takes the first
	// that is opened.
	negotiated bool
	// marks: the end of the stream is an empty binary message, confirmed by an empty text message. Otherwise it is the end of the channel.
	marks bool
	// end: the end of candidates is a signal.
	end bool
	// repeats: the other end sends the candidates inside its description as signals, too. MaxCandidates holds for each of the two.
	repeats bool
	// quick: the set-up saves round trips where the other end lets it (see hasten).
	quick bool
	// maxMessage is the largest message that is accepted from the other end, in bytes.
	maxMessage int
}

var (
	version2 = dialect{negotiated: true, marks: true, end: true, quick: true, maxMessage: maxMessageSize}
	// What simple-peer@6 creates by default, and the message size that browsers and @roamhq/wrtc announce.
	simplePeer = dialect{repeats: true, maxMessage: 262144}
)

// maxRefused is how many channels of the other end are refused before the connection ends. An original opens none but the first.
const maxRefused = 8

// label is the label of a channel that we open.
func (d *dialect) label() string {
	if d.negotiated {
		return channelLabel
	}
	id := make([]byte, 20)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// SimplePeer is the same transport with channels and signals as npm simple-peer@6 makes them, for peers of PXP version 1
// (PXP, version 1). What differs from the connections of w:
//
//   - The channel is opened by the offerer with a message (DCEP), its label is 40 random hex digits, and Negotiate waits for the
//     answer to it. The answerer takes the first channel, whatever its label; one that is not ordered and reliable fails the
//     connection, further ones are refused.
//   - Messages of up to 262,144 bytes are accepted.
//   - Nothing on the channel says that a stream is complete. Close waits at most 5 s until everything written has left, natively
//     until the other end's SCTP has it, and then closes the channel; Read returns io.EOF when the other end has closed the channel or its PeerConnection,
//     whether complete or not. [ErrFailed] is left for a lost path, for broken rules and for a Write that finds the channel closed before Read does. Text messages,
//     also empty ones, break the rules; empty binary messages are nothing.
//   - No signal of kind [End] is sent. Candidates that are inside a description may come again as signals.
//
// The original closes its end without waiting for what it has not read and not sent: both may be lost.
func (w *WebRTC) SimplePeer() Transport {
	return &WebRTC{cfg: w.cfg, offered: w.offered, hook: w.hook, host: w.host, dialect: simplePeer}
}
