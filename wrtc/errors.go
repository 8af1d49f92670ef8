package wrtc

import (
	"errors"
	"fmt"
	"net"
)

var (
	// ErrTimeout is in the chain of a [NegotiateError] when [Config.OpenTimeout] passed before the channel was open.
	ErrTimeout = errors.New("channel did not open in time")
	// ErrClosed is what the methods of a [Conn] return after its Close. It wraps [net.ErrClosed].
	ErrClosed = fmt.Errorf("wrtc: %w", net.ErrClosed)
	// ErrPeerClosed is what Write returns after the other end closed the connection in order; Read returns io.EOF then.
	ErrPeerClosed = errors.New("wrtc: closed by the peer")
	// ErrNoAddress is in the chain of a [NegotiateError] when this host has no address that the other end could be
	// told, so that nothing could come of it: it has loopback addresses only and [Config.Loopback] is off, or
	// [Config.Interface] leaves none. Not in a browser.
	ErrNoAddress = errors.New("this host has no address to connect from: no network interface is up but loopback, or wrtc.Config.Interface takes none; " +
		"set wrtc.Config.Loopback if the peers are on this machine")
	// ErrNoRelay is in the chain of a [NegotiateError] when [Config.RelayOnly] is set and there is no TURN server.
	ErrNoRelay = errors.New("wrtc.Config.RelayOnly is set and there is no TURN server: put one into wrtc.Config.ICEServers, or have a peer that is one (pxp node --turn)")
	// ErrFailed is in the chain when the connection was lost without an orderly end: ICE or DTLS failed, the other end
	// aborted, or it broke the rules of the channel.
	ErrFailed = errors.New("connection failed")
)

// Phase is the step that a negotiation was in.
type Phase string

// The phases, in order.
const (
	PhaseOffer  Phase = "offer"  // making the offer, or waiting for it
	PhaseAnswer Phase = "answer" // making the answer, or waiting for it
	PhaseICE    Phase = "ice"    // looking for a pair of addresses that works
	PhaseDTLS   Phase = "dtls"   // handshake over that pair
	PhaseOpen   Phase = "open"   // waiting for the data channel
)

// NegotiateError is every error of [WebRTC.Negotiate]. Err is [ErrTimeout], [ErrNoAddress], [ErrNoRelay], [ErrFailed], a [*SignalError], the
// Signaler's error, or the cause of the context's end, wrapped or not.
type NegotiateError struct {
	Role  Role
	Phase Phase // where it stood
	Err   error
	// Checks says what was tried in PhaseICE; nil in the other phases.
	Checks *Checks
}

// Error names the role, the phase and the cause, and what was tried.
func (e *NegotiateError) Error() string {
	s := fmt.Sprintf("wrtc: negotiating as %v, phase %s: %v", e.Role, e.Phase, e.Err)
	if e.Checks != nil {
		s += "; " + e.Checks.String()
	}
	return s
}

// Unwrap returns Err.
func (e *NegotiateError) Unwrap() error { return e.Err }

// SignalError is a signal of the other end that is against the rules. It ends the negotiation.
type SignalError struct {
	Kind    SignalKind // of the offending signal
	Problem string     // what is wrong, with the limit where there is one
}

// Error says what is wrong.
func (e *SignalError) Error() string { return fmt.Sprintf("bad %v: %s", e.Kind, e.Problem) }

func badSignal(k SignalKind, format string, args ...any) error {
	return &SignalError{Kind: k, Problem: fmt.Sprintf(format, args...)}
}
