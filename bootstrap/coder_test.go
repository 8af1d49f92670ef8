//go:build !js

package bootstrap

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// coderSocket is the [socket] over coder/websocket: what the native one was
// measured against, and another implementation of RFC 6455 to speak with.
type coderSocket struct {
	ws   *websocket.Conn
	ctx  context.Context // of reads; ended by interrupt
	stop context.CancelFunc
}

func newCoderConn(ws *websocket.Conn) *wsConn {
	ws.SetReadLimit(maxMessage)
	ctx, stop := context.WithCancel(context.Background())
	return newConn(coderSocket{ws, ctx, stop}, "local", "remote")
}

func (s coderSocket) next() (io.Reader, error) {
	kind, message, err := s.ws.Reader(s.ctx)
	switch {
	case websocket.CloseStatus(err) == websocket.StatusNormalClosure:
		return nil, io.EOF
	case err == nil && kind != websocket.MessageBinary:
		return nil, errText
	}
	return message, err
}

func (s coderSocket) write(p []byte) error {
	return s.ws.Write(context.Background(), websocket.MessageBinary, p)
}

// interrupt says goodbye itself: the library cannot end a read and keep the connection.
func (s coderSocket) interrupt() {
	time.AfterFunc(closeTime, s.stop)
	_ = s.ws.Close(websocket.StatusNormalClosure, "")
	s.stop()
}

func (s coderSocket) finish() {}
func (s coderSocket) kill()   { s.stop(); _ = s.ws.CloseNow() }

// dialCoder opens a WebSocket as a client of that library, one address per connection.
func dialCoder(ctx context.Context, url string) (net.Conn, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return nil, err
	}
	return newCoderConn(ws), nil
}

// coderHandler accepts WebSockets by that library.
func coderHandler(accepted chan<- net.Conn) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		conn := newCoderConn(ws)
		select {
		case accepted <- conn:
		case <-r.Context().Done():
			_ = conn.Close()
		}
	})
}
