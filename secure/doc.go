// Package secure makes an authenticated, encrypted [net.Conn] of any carrier:
// both ends prove who they are ([identity.ID]) and everything after is
// confidential, in order and whole, whatever the carrier does.
//
// # Handshake
//
// The protocol is Noise_XX_25519_AESGCM_SHA256 (Noise revision 34) with the
// preamble and "PXP2 noise" as prologue:
//
//	dialer    preamble, length, message 1: e
//	acceptor  preamble, length, message 2: e, ee, s, es, payload
//	dialer              length, message 3: s, se, payload
//
// Each length is two bytes, big-endian. Both static keys are made for this one
// handshake. The payload of messages 2 and 3 is an Ed25519 public key (32 bytes)
// and its signature (64 bytes) of "PXP2 noise static key", a zero byte and the
// sender's Noise static key; what follows those 96 bytes is ignored. A message
// has at most 2048 bytes here, so that a stranger can claim little memory.
//
// The acceptor shows its identity to whoever asks; the dialer only to an
// acceptor that proved its own, and, if [Config.Expect] names one, only to that
// one. A dialer learns from its first Read whether the acceptor took its
// message 3: [Client] returns when it is sent.
//
// # Records
//
// After the handshake each direction is a sequence of records: a length of two
// bytes, big-endian, then that many bytes of AES-256-GCM ciphertext with its
// tag of 16 bytes, the nonce counting from 0. A record carries at most 65519
// bytes. One that is changed, repeated, left out or moved ends the connection
// with [ErrAuthentication].
//
// The end of the carrier between two records is [io.EOF], and anybody who can
// cut the carrier can make it: that nothing is missing at the end must be seen
// by the layer above, from its own closing message. The end inside a record is
// [io.ErrUnexpectedEOF].
//
// # Membership
//
// Who a peer is and which network it is in are two questions. [NetworkKey],
// [Prove] and [Verify] answer the second, bound by [Conn.Binding] to this
// connection; sending the proofs is up to the caller.
//
// # Deadlines
//
// A record cut in half by a deadline can not be resumed, so a [Conn] has none:
// SetDeadline, SetReadDeadline and SetWriteDeadline return [os.ErrNoDeadline],
// and none is ever set on the carrier. The handshake ends with its context.
// Deadlines belong to the streams above; for the same reason
// golang.org/x/net/nettest.TestConn, half of which is about deadlines, does not
// apply to Conn.
package secure
