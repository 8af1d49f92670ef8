//go:build !js

package bootstrap

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

// gorillaSocket is the native [socket]; docs/adr/0002-websocket-library.md says
// why it is this library.
type gorillaSocket struct {
	ws *websocket.Conn
}

// newNativeConn makes a carrier of a WebSocket that has just been opened.
func newNativeConn(ws *websocket.Conn) *wsConn {
	ws.SetReadLimit(maxMessage)
	return newConn(gorillaSocket{ws}, ws.LocalAddr().String(), ws.RemoteAddr().String())
}

func (s gorillaSocket) next() (io.Reader, error) {
	kind, message, err := s.ws.NextReader()
	if err != nil {
		return nil, readError(err)
	}
	if kind != websocket.BinaryMessage {
		s.sayClose(websocket.CloseUnsupportedData)
		return nil, errText
	}
	return gorillaMessage{message}, nil
}

type gorillaMessage struct{ io.Reader }

func (m gorillaMessage) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = readError(err)
	}
	return n, err
}

// readError tells an orderly end from a broken one.
func readError(err error) error {
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	switch closed.Code {
	case websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived:
		return io.EOF
	case websocket.CloseAbnormalClosure:
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s gorillaSocket) write(p []byte) error {
	return s.ws.WriteMessage(websocket.BinaryMessage, p)
}

func (s gorillaSocket) sayClose(code int) {
	// If the other end has said it first the library has answered already.
	_ = s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(closeTime))
}

func (s gorillaSocket) interrupt() { _ = s.ws.NetConn().SetReadDeadline(time.Unix(1, 0)) }

// finish closes in order: the close frame, the end of what we send, then
// everything up to the end of what the other end sends. Without the last step
// the system would answer what is unread with a reset, which can destroy what
// we wrote before it has arrived.
func (s gorillaSocket) finish() {
	s.sayClose(websocket.CloseNormalClosure)
	conn := s.ws.NetConn()
	if half, ok := conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if conn.SetReadDeadline(time.Now().Add(closeTime)) == nil {
		_, _ = io.Copy(io.Discard, onlyReader{conn})
	}
}

// onlyReader hides a WriteTo that could not be ended.
type onlyReader struct{ net.Conn }

func (r onlyReader) Read(p []byte) (int, error) { return r.Conn.Read(p) }

func (s gorillaSocket) kill() { _ = s.ws.NetConn().Close() }
