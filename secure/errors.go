package secure

import (
	"errors"
	"fmt"
	"net"

	"github.com/peer-exchange/exchange/identity"
)

var (
	// ErrHandshake is wrapped by each error of [Client] and [Server]; the cause
	// is wrapped beside it: [*PreambleError], [ErrIdentity], what
	// [context.Cause] gives, [io.ErrUnexpectedEOF], an error of the carrier or
	// of the Noise protocol.
	ErrHandshake = errors.New("secure: handshake failed")

	// ErrIdentity means that the other end did not prove to be who it claims to
	// be, or is not whom [Config.Expect] names ([*IdentityError]).
	ErrIdentity = errors.New("peer identity refused")

	// ErrAuthentication means that a record was not what the peer sent next:
	// changed, repeated, left out or moved. The connection is over.
	ErrAuthentication = errors.New("secure: record is not authentic")

	// ErrExhausted means that all nonces of one direction are used: 2^64-1
	// records. The connection can not go on.
	ErrExhausted = errors.New("secure: no nonces left")
)

var (
	errClosed       = fmt.Errorf("secure: %w", net.ErrClosed)
	errEmptyRecords = fmt.Errorf("secure: more than %d empty records in a row", maxEmptyRecords)
)

// IdentityError means that the other end is a proven peer, but not the
// expected one. It is an [ErrIdentity].
type IdentityError struct {
	Want identity.ID // [Config.Expect]
	Got  identity.ID // who it is
}

// Error names both peers in full: one of them was typed by somebody.
func (e *IdentityError) Error() string {
	return fmt.Sprintf("%v: it is %v, want %v", ErrIdentity, e.Got, e.Want)
}

// Is makes an IdentityError an [ErrIdentity].
func (e *IdentityError) Is(target error) bool { return target == ErrIdentity }

// PreambleError means that the other end does not speak this protocol: it
// answered something else than the preamble.
type PreambleError struct {
	Want []byte // [Config.Preamble]
	Got  []byte // what came, at most as long as Want
}

// Error quotes both.
func (e *PreambleError) Error() string {
	return fmt.Sprintf("peer answered %q, want %q", e.Got, e.Want)
}
