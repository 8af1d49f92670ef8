// Package exchange connects peers without a server: every node tells its
// peers about its other peers, and relays the signaling between two of them
// until they are connected directly over WebRTC. It implements the Peer
// Exchange Protocol (spec/PXP.md).
//
// An [Exchange] is one node's membership in one network. Give it a socket to
// any node of the network with [Exchange.Connect] (package bootstrap dials
// TCP and WebSocket), then find more peers with [Exchange.GetNewPeer] or
// [Exchange.Maintain]. Every peer comes with a data stream, which is a
// [net.Conn], and carries as many named streams as the application opens
// ([Peer.OpenStream], [Exchange.Listen]).
//
// Every peer is authenticated, except those of version 1 (below): its ID is its
// Ed25519 public key, and it has proved membership in the network. Sockets and circuits are encrypted by
// Noise, WebRTC by DTLS with fingerprints exchanged inside a Noise session: a
// relay sees ciphertext. What is promised against whom stands in SECURITY.md
// and in the specification's security considerations.
//
// Networks of npm peer-exchange, version 1 of the protocol, are spoken to as
// well, unless Config.V1 or a secret forbids it. Their peers are anonymous and
// not encrypted beyond their carrier, have no streams but the data stream, and
// their wire has neither a keepalive nor a goodbye nor a reset: what the
// documentation says of those is true of version 2.
package exchange
