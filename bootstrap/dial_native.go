//go:build !js

package bootstrap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// maxHandshakeBytes is how much the other end may send until the WebSocket is
// open, certificates included.
const maxHandshakeBytes = 256 << 10

var errLongHandshake = fmt.Errorf("the other end sent more than %d bytes and opened no WebSocket", maxHandshakeBytes)

// openSocket opens what u names: a *net.TCPConn or a *wsConn.
func openSocket(ctx context.Context, u URL) (net.Conn, error) {
	if u.Scheme == SchemeTCP {
		return dialTCP(ctx, u.address())
	}
	return dialWebSocket(ctx, u, nil)
}

// dialTCP returns a *net.TCPConn with the keep-alives and TCP_NODELAY that are
// Go's defaults.
func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// dialWebSocket opens a WebSocket. A nil config trusts the system's
// certificates.
func dialWebSocket(ctx context.Context, u URL, config *tls.Config) (net.Conn, error) {
	var limited *handshakeConn
	stop := func() bool { return true }
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			conn, err := dialTCP(ctx, address)
			if err != nil {
				return nil, err
			}
			limited = &handshakeConn{TCPConn: conn.(*net.TCPConn), left: maxHandshakeBytes}
			// The library looks at a context's deadline only.
			stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
			return limited, nil
		},
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: config,
		ReadBufferSize:  readBuffer,
		WriteBufferSize: sentMessage,
	}
	u.Peer, u.V1 = [32]byte{}, false
	ws, answer, err := dialer.DialContext(ctx, u.String(), nil)
	if errors.Is(err, websocket.ErrBadHandshake) && answer != nil {
		err = fmt.Errorf("no WebSocket there: the server answered %q (is the path %q right?)", answer.Status, u.Path)
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
		_ = ws.Close()
	}
	if err != nil {
		return nil, err
	}
	limited.open = true
	return newNativeConn(ws), nil
}

// handshakeConn bounds what is read until open is set: the HTTP client behind
// the library does not.
type handshakeConn struct {
	*net.TCPConn
	left int
	open bool // set before the conn is handed on
}

func (c *handshakeConn) Read(p []byte) (int, error) {
	if c.open {
		return c.TCPConn.Read(p)
	}
	if c.left == 0 {
		return 0, errLongHandshake
	}
	n, err := c.TCPConn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
