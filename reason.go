package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
)

// timeout returns an error that matches [ErrTimeout] and says what was waited
// for, and how long.
func timeout(what string, limit time.Duration) error {
	return &waitError{what: what, limit: limit}
}

type waitError struct {
	what  string
	limit time.Duration
}

func (e *waitError) Error() string {
	return fmt.Sprintf("exchange: %s: not done within %v", e.what, e.limit)
}
func (e *waitError) Unwrap() error   { return ErrTimeout }
func (e *waitError) Timeout() bool   { return true }
func (e *waitError) Temporary() bool { return true }

// lost says that a session ended because its carrier or multiplexer did.
func lost(err error) error { return fmt.Errorf("%w: %w", ErrLost, err) }

// codeOf is what the other end is told of err.
func codeOf(err error) pxp.Code {
	var protocol *ProtocolError
	var remote *RemoteError
	var limit *LimitError
	var signal *wrtc.SignalError
	switch {
	case err == nil:
		return pxp.CodeOK
	case errors.Is(err, errUnreachable) && !errors.Is(err, ErrConnected): // whatever the candidate said
		return pxp.CodeUnreachable
	case errors.As(err, &protocol):
		return protocol.Code
	case errors.As(err, &signal): // a description that makes no sense (PXP §8.5)
		return pxp.CodeProtocol
	case errors.As(err, &limit):
		return pxp.CodeLimit
	case errors.Is(err, ErrClosed), errors.Is(err, context.Canceled):
		return pxp.CodeClosing
	case errors.Is(err, ErrConnected):
		return pxp.CodeDuplicate
	case errors.Is(err, ErrWrongNetwork):
		return pxp.CodeWrongNetwork
	case errors.Is(err, ErrSelf):
		return pxp.CodeSelf
	case errors.Is(err, ErrSuperseded):
		return pxp.CodeSuperseded
	case errors.Is(err, errUnknownToken):
		return pxp.CodeUnknownToken
	case errors.Is(err, ErrRefused):
		return pxp.CodeRefused
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return pxp.CodeTimeout
	case errors.As(err, &remote):
		return pxp.CodeUnreachable
	}
	return pxp.CodeInternal
}

// reasonOf is the text that goes with codeOf. It must tell nothing that the
// other end should not know: only errors of our own making are quoted.
func reasonOf(err error) string {
	var protocol *ProtocolError
	var limit *LimitError
	switch {
	case errors.As(err, &protocol):
		return protocol.Reason
	case errors.As(err, &limit):
		return "limit " + limit.Limit
	}
	return ""
}

// clean makes text of a peer fit for logs and terminals: control and format
// characters are replaced.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
