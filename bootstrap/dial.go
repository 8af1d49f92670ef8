package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/peer-exchange/exchange"
)

// socketTime bounds how long it may take to open a socket: name, TCP, TLS and
// WebSocket together. The handshake of the exchange has its own limit.
const socketTime = 10 * time.Second

// Dial opens the socket that url names and makes a peer of who is there
// ([exchange.Exchange.ConnectWith], whose errors it returns wrapped). If url
// has a peer ID anybody else is refused with a *secure.IdentityError.
//
// It blocks until the peer is there, for at most 10 s to open the socket and
// Limits.HandshakeTime after that, or until ctx is done or the exchange is
// closed; ctx has no effect on the connection afterwards. WebSockets are opened
// through the proxy that the environment names, if any (HTTPS_PROXY,
// NO_PROXY); wss trusts the system's certificates.
func Dial(ctx context.Context, ex *exchange.Exchange, url string) (*exchange.Conn, error) {
	u, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	if err := u.dialable(); err != nil {
		return nil, err
	}
	return dial(ctx, ex, u)
}

func dial(ctx context.Context, ex *exchange.Exchange, u URL) (*exchange.Conn, error) {
	if u.Peer == ex.ID() {
		return nil, fmt.Errorf("bootstrap: not dialing %s: %w", u, exchange.ErrSelf)
	}
	ctx, stop := untilClosed(ctx, ex)
	defer stop()
	socket, err := open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("bootstrap: dialing %s: %w", u, err)
	}
	how := &exchange.ConnectConfig{Peer: u.Peer}
	if u.V1 {
		how.Protocol = 1
	}
	conn, err := ex.ConnectWith(ctx, socket, how)
	if err != nil {
		return nil, fmt.Errorf("bootstrap: connecting to %s: %w", u, err)
	}
	return conn, nil
}

// open opens the socket within socketTime.
func open(ctx context.Context, u URL) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, socketTime, socketTimeout{})
	defer cancel()
	socket, err := openSocket(ctx, u)
	if err == nil {
		return socket, nil
	}
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		err = context.Cause(ctx)
	}
	return nil, err
}

// socketTimeout is an [exchange.ErrTimeout] and a [net.Error].
type socketTimeout struct{}

func (socketTimeout) Error() string   { return fmt.Sprintf("not open within %v", socketTime) }
func (socketTimeout) Unwrap() error   { return exchange.ErrTimeout }
func (socketTimeout) Timeout() bool   { return true }
func (socketTimeout) Temporary() bool { return true }

// untilClosed derives a context that also ends when ex is closed, with
// [exchange.ErrClosed] as its cause. stop must be called.
func untilClosed(ctx context.Context, ex *exchange.Exchange) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	// Owned by the caller: ended by stop, which waits.
	go func() {
		defer close(ended)
		select {
		case <-ex.Done():
			cancel(exchange.ErrClosed)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(context.Canceled)
		<-ended
	}
}
