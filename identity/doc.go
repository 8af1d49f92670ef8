// Package identity is who a peer is: an Ed25519 key. The public half is the
// peer's [ID], known to everybody; the private half is a [Key], which never
// leaves the machine and never prints itself.
//
// An ID has one text form, 52 characters of lower-case base32 (RFC 4648 §6,
// alphabet a-z2-7, no padding). It goes into URLs (tcp://host:port#ID), logs
// and files, and one ID has exactly one text: [ParseID] refuses all others, so
// that texts may be compared in place of keys.
//
// A key lives in a small text file that only its owner may read, see
// [Key.Save] and [LoadKey].
//
// The package does no networking and knows no protocol: what is signed, and
// how a peer shows that it holds the key, is for package secure.
package identity
