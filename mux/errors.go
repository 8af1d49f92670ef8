package mux

import (
	"errors"
	"fmt"
	"net"
)

var (
	// ErrReset is what a stream's methods return after the peer reset it: because it called Reset, closed the stream
	// while we were still sending, or has no room for another stream.
	ErrReset = errors.New("mux: stream reset by the peer")

	// ErrRemoteClosed is why a session ended when the peer closed it, and what Open returns once the peer has said that
	// it is about to.
	ErrRemoteClosed = errors.New("mux: session closed by the peer")

	errSessionClosed = fmt.Errorf("mux: session closed: %w", net.ErrClosed)
	errWriteClosed   = fmt.Errorf("mux: write after CloseWrite: %w", net.ErrClosed)
)

// Names of limits, as [LimitError] has them.
const (
	LimitStreamWindow   = "bytes of a stream beyond its window"
	LimitResetBytes     = "bytes for streams that were reset"
	LimitFrameBytes     = "bytes of a data frame"
	LimitStreamRate     = "streams opened in a burst"
	LimitPings          = "pings in a burst"
	LimitControlBytes   = "bytes of control frames that the peer does not take"
	LimitProbationBytes = "bytes unread before the peer is admitted"
	LimitBudgetBytes    = "bytes that this session has of what is for all" // Max is what it may have of them now
)

// LimitError says that a limit was met: by the peer when it is why a session ended, by us when Open returns it.
type LimitError struct {
	Limit string // one of the Limit constants
	Value int64  // what was reached
	Max   int64  // what is allowed
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("mux: %s: %d, limit is %d", e.Limit, e.Value, e.Max)
}

// ProtocolError says that the peer sent a frame that no peer should send. It ends the session.
type ProtocolError struct {
	Frame   string // the frame's header, in words
	Problem string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("mux: peer broke the protocol: %s (%s)", e.Problem, e.Frame)
}

// RemoteError says that the peer ended the session and blames us, or itself.
type RemoteError struct {
	Code uint32 // yamux's: 1 is a protocol error, 2 an internal error
}

func (e *RemoteError) Error() string {
	if e.Code == goAwayProtocol {
		return "mux: peer ended the session: protocol error"
	}
	return "mux: peer ended the session: internal error"
}

// NameError says that a name cannot be a stream's.
type NameError struct {
	Name    string
	Problem string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("mux: stream name %.64q: %s", e.Name, e.Problem)
}

// carrierError is what reading or writing the carrier came to.
type carrierError struct {
	op  string
	err error
}

func (e *carrierError) Error() string { return "mux: carrier: " + e.op + ": " + e.err.Error() }

func (e *carrierError) Unwrap() error { return e.err }
