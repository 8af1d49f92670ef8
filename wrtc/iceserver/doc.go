// Package iceserver answers STUN (RFC 8489): it tells whoever asks over UDP at which address it is seen, so that peers behind NATs find out
// their outer addresses from a node and need no third party's server.
//
// It is open to everybody, as STUN servers are, and must not help to attack others: see [Server].
package iceserver
