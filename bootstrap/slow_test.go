//go:build !js

package bootstrap

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// A connection that sends its request slowly, or not at all, is closed in time.
func TestSlowRequest(t *testing.T) {
	for name, every := range map[string]time.Duration{"silent": time.Hour, "a byte a second": time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				socket := memnet.Listen("192.0.2.1:80", nil)
				l := listenWebSocket(socket, "/pxp")
				c, err := socket.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				gone := make(chan struct{})
				go func() { // ended by the server
					defer close(gone)
					_, _ = io.Copy(io.Discard, c)
				}()
				for i := 0; ; i++ {
					select {
					case <-gone:
					case <-time.After(every):
						_, _ = c.Write([]byte{upgradeRequest("/pxp")[i]})
						continue
					}
					break
				}
				if d := time.Since(began); d < headerTime || d > headerTime+time.Second {
					t.Errorf("closed after %v, want %v", d, headerTime)
				}
				_ = c.Close()
				_ = l.Close()
				l.wait()
			})
		})
	}
}

// A WebSocket over which no handshake comes is closed in time, in order.
func TestWebSocketSilent(t *testing.T) {
	for name, said := range map[string]string{
		"at once":                  "",
		"after magic":              frame(2, "#PXP2"),
		"after magic of version 1": frame(2, "#PXP#"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				ex := newNode(t, testNetwork)
				socket := memnet.Listen("192.0.2.1:80", nil)
				l := listenWebSocket(socket, "/pxp")
				served := make(chan error, 1)
				go func() { served <- ex.Serve(l) }() // ended by l.Close
				raw, err := socket.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				mustSay(t, raw, upgradeRequest("/pxp"))
				r := bufio.NewReader(raw)
				mustStatus(t, r, "101 Switching Protocols")
				mustSay(t, raw, said)
				began, limit := time.Now(), exchange.DefaultLimits().HandshakeTime
				rest, _ := io.ReadAll(r)
				if d := time.Since(began); d < limit || d > limit+closeTime {
					t.Errorf("closed after %v, want %v", d, limit)
				}
				mustClose(t, string(rest), []uint16{1000})
				_ = raw.Close()
				_ = l.Close()
				if err := <-served; !errors.Is(err, net.ErrClosed) {
					t.Errorf("Serve returned %v, want net.ErrClosed", err)
				}
				l.wait()
			})
		})
	}
}

// Accept of the listener tells a socket that broke from one that was closed.
func TestWebSocketListenerFails(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ex := newNode(t, testNetwork)
	l := listenWebSocket(socket, "/pxp")
	_ = socket.Close() // behind its back
	if err := ex.Serve(l); err == nil {
		t.Error("Serve returned no error")
	}
	l.wait()
}
