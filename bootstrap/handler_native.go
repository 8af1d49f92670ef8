//go:build !js

package bootstrap

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/peer-exchange/exchange"
)

const (
	// readBuffer holds the beginning of what has arrived: headers of messages.
	// Long messages are read past it.
	readBuffer = 4 << 10
	// upgradeTime bounds sending the answer that opens a WebSocket.
	upgradeTime = 10 * time.Second
)

var errNoUpgrade = errors.New("request is not for a WebSocket")

// upgrader accepts every Origin: the header keeps a page of one site from using
// what a browser holds for another, cookies above all, and here is nothing
// of that kind. Who connects proves its identity and membership by its own
// keys.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: upgradeTime,
	ReadBufferSize:   readBuffer,
	WriteBufferSize:  readBuffer, // long messages are sent past it
	CheckOrigin:      func(*http.Request) bool { return true },
}

// Handler returns a WebSocket endpoint for an existing HTTP server: what
// connects to it becomes a peer of ex, and the data stream goes to
// [exchange.Exchange.Listener]. It takes any path and any Origin. The
// server's own limits hold until the WebSocket is open: set ReadHeaderTimeout
// and MaxHeaderBytes. Behind a reverse proxy all peers seem to come from the
// proxy's address: raise Limits.UnauthenticatedPerAddress.
//
// A request returns when its peer is there or refused; the connection then
// belongs to ex, and the server's Shutdown and Close leave it alone.
func Handler(ex *exchange.Exchange) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrade(w, r)
		if err != nil {
			return // it was answered
		}
		conn, err := ex.Accept(r.Context(), socket)
		if err != nil {
			return // Accept has closed it, and told Config.OnEvent
		}
		ex.Deliver(conn)
	})
}

// upgrade opens the WebSocket, or answers what was wrong.
func upgrade(w http.ResponseWriter, r *http.Request) (net.Conn, error) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		http.Error(w, "This is a WebSocket endpoint of the Peer Exchange Protocol.", http.StatusUpgradeRequired)
		return nil, errNoUpgrade
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	return newNativeConn(ws), nil
}
