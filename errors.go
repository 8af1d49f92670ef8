package exchange

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
)

// Errors that callers branch on. Everything else that this package returns
// is one of the types below, or opaque. Compare with [errors.Is].
var (
	// ErrClosed is returned by calls on an exchange, peer, listener or
	// connection that was closed here. It wraps [net.ErrClosed].
	ErrClosed = fmt.Errorf("exchange: %w", net.ErrClosed)

	// ErrNoPeers means that there is nobody to ask: the exchange has no peer
	// that relays. Connect to one first (package bootstrap does).
	ErrNoPeers = errors.New("exchange: no peers to ask for a peer")

	// ErrNoCandidates means that every peer was asked and none named a peer
	// that this exchange does not have, or is meeting by another call, already.
	ErrNoCandidates = errors.New("exchange: no candidates: the peers asked know nobody new")

	// ErrAllFailed means that candidates were named and none could be met.
	// The error returned is a [*MeetError], which holds each cause.
	ErrAllFailed = errors.New("exchange: all candidates failed")

	// ErrConnected means that there is a session with that peer already, and
	// that the new one would not be a better path. Who it is says a
	// [*ConnectedError], or a [*RemoteError] when the peer refused.
	ErrConnected = errors.New("exchange: already connected to this peer")

	// ErrSelf means that the peer at the other end has our own identity.
	ErrSelf = errors.New("exchange: connected to itself: the other end has our own identity")

	// ErrWrongNetwork means that the other end could not prove that it
	// belongs to this network: another name, or another secret.
	ErrWrongNetwork = errors.New("exchange: not a member of this network (its name or its secret differs)")

	// ErrNotPXP means that the other end does not begin as this protocol does.
	ErrNotPXP = errors.New("exchange: the other end does not speak the Peer Exchange Protocol")

	// ErrVersion1 means that the other end speaks version 1 of the protocol
	// (npm peer-exchange), and it was dialed by version 2, or version 1 is
	// refused here (Config.V1).
	ErrVersion1 = errors.New("exchange: the other end speaks version 1 of the protocol (npm peer-exchange): dial it by that (tcp://host:port?v=1, ConnectConfig.Protocol), where Config.V1 allows it")

	// ErrDataOnly means that a named stream was asked for with a peer of version
	// 1 of the protocol (npm peer-exchange), which has the data stream and no
	// others. It wraps [errors.ErrUnsupported].
	ErrDataOnly = fmt.Errorf("exchange: peers of version 1 of the protocol (npm peer-exchange) have only the data stream: %w", errors.ErrUnsupported)

	// ErrTimeout means that the other end did not answer in time. Errors that
	// wrap it name what was waited for and how long.
	ErrTimeout error = timeoutError{}

	// ErrDead means that nothing was heard from the peer for
	// [Limits.DeadAfter].
	ErrDead = errors.New("exchange: peer is dead: nothing heard within the keepalive limit")

	// ErrLost means that the connection to the peer broke, or was closed
	// without a goodbye. It is wrapped together with what the carrier said.
	ErrLost = errors.New("exchange: connection to the peer lost")

	// ErrSuperseded means that the session ended because there is a newer one
	// with the same peer, by a better path or because the peer came back.
	ErrSuperseded = errors.New("exchange: superseded by another session with the same peer")

	// ErrRefused means that the other end declined: see [RemoteError] for why.
	ErrRefused = errors.New("exchange: refused by the other end")
)

type timeoutError struct{}

func (timeoutError) Error() string   { return "exchange: timed out" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// ConnectedError is [ErrConnected] as this side found it.
type ConnectedError struct {
	Peer identity.ID // with whom there is a session, or one is being opened
}

func (e *ConnectedError) Error() string {
	return fmt.Sprintf("%v: %s", ErrConnected, e.Peer.Short())
}

// Unwrap returns ErrConnected.
func (e *ConnectedError) Unwrap() error { return ErrConnected }

// RemoteError is what the other end said when it refused a request or ended
// the session (PXP §11, codes).
type RemoteError struct {
	Peer   identity.ID // who said it
	Code   pxp.Code
	Reason string // its words, at most 256 bytes, control characters removed
}

func (e *RemoteError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("exchange: peer %s: %v", e.Peer.Short(), e.Code)
	}
	return fmt.Sprintf("exchange: peer %s: %v: %q", e.Peer.Short(), e.Code, e.Reason)
}

// Is maps codes to this package's sentinels.
func (e *RemoteError) Is(target error) bool {
	switch e.Code {
	case pxp.CodeRefused, pxp.CodeLimit, pxp.CodeUnsupported:
		return target == ErrRefused
	case pxp.CodeWrongNetwork:
		return target == ErrWrongNetwork
	case pxp.CodeDuplicate:
		return target == ErrConnected
	case pxp.CodeSelf:
		return target == ErrSelf
	case pxp.CodeTimeout:
		return target == ErrTimeout
	case pxp.CodeSuperseded:
		return target == ErrSuperseded
	}
	return false
}

// ProtocolError is what the other end did against the protocol. The session
// ends with it, and the other end is told Code.
type ProtocolError struct {
	Peer   identity.ID
	Code   pxp.Code
	Reason string
	Err    error // what was found, if a decoder found it
}

func (e *ProtocolError) Error() string {
	s := fmt.Sprintf("exchange: peer %s broke the protocol: %s", e.Peer.Short(), e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ProtocolError) Unwrap() error { return e.Err }

// LimitError is a request that met one of our own [Limits].
type LimitError struct {
	Limit string // the field's name in Limits, or of a limit that is not configurable, in words
	Max   int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("exchange: limit %s (%d) reached", e.Limit, e.Max)
}

// AttemptError is why one candidate could not be met, or why one relay gave
// none.
type AttemptError struct {
	Via  identity.ID // the peer that was asked
	Peer identity.ID // the candidate; zero when the query itself failed
	Step string      // "query", "circuit", "upgrade" or "connect"
	Err  error
}

func (e *AttemptError) Error() string {
	if e.Peer.IsZero() {
		return fmt.Sprintf("%s via %s: %v", e.Step, e.Via.Short(), e.Err)
	}
	return fmt.Sprintf("%s with %s via %s: %v", e.Step, e.Peer.Short(), e.Via.Short(), e.Err)
}

func (e *AttemptError) Unwrap() error { return e.Err }

// MeetError is returned by [Exchange.GetNewPeer] when it tried and failed. It
// matches [ErrAllFailed] and the cause of every attempt.
type MeetError struct {
	Attempts []*AttemptError // in the order in which they ended
}

func (e *MeetError) Error() string {
	var b strings.Builder
	b.WriteString(ErrAllFailed.Error())
	for _, a := range e.Attempts {
		b.WriteString("; ")
		b.WriteString(a.Error())
	}
	return b.String()
}

// Unwrap returns ErrAllFailed and every attempt.
func (e *MeetError) Unwrap() []error {
	errs := []error{ErrAllFailed}
	for _, a := range e.Attempts {
		errs = append(errs, a)
	}
	return errs
}
