//go:build !js

package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// overWebSockets runs a test over what Dial and Listen use, in both
// directions, and against another library at either end.
func overWebSockets(t *testing.T, f func(t *testing.T, a, b net.Conn)) {
	for name, open := range map[string]func(testing.TB) (net.Conn, net.Conn){
		"client":          gorillaPair,
		"server":          func(tb testing.TB) (net.Conn, net.Conn) { c, s := gorillaPair(tb); return s, c },
		"client of other": otherServerPair,
		"server of other": func(tb testing.TB) (net.Conn, net.Conn) { c, s := otherClientPair(tb); return s, c },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // some wait for closeTime
			a, b := open(t)
			t.Cleanup(func() { closeAll(a, b) })
			f(t, a, b)
		})
	}
}

// closeAll closes all at once: a Close waits for the other end.
func closeAll(conns ...net.Conn) {
	var closing sync.WaitGroup
	for _, c := range conns {
		closing.Go(func() { _ = c.Close() }) // bounded by closeTime
	}
	closing.Wait()
}

func otherServerPair(tb testing.TB) (client, server net.Conn) {
	accepted := make(chan net.Conn)
	client, err := dialWebSocket(tb.Context(), mustURL(tb, serveHTTP(tb, coderHandler(accepted))), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return client, <-accepted
}

func otherClientPair(tb testing.TB) (client, server net.Conn) {
	accepted := make(chan net.Conn, 1)
	client, err := dialCoder(tb.Context(), serveHTTP(tb, upgradeHandler(accepted)))
	if err != nil {
		tb.Fatal(err)
	}
	return client, <-accepted
}

func TestCarrierBytes(t *testing.T) {
	data := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(data)
	overWebSockets(t, func(t *testing.T, a, b net.Conn) {
		var done sync.WaitGroup
		for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
			done.Go(func() { // ended by the data's end
				sizes := rand.New(rand.NewPCG(3, 4))
				for rest := data; len(rest) > 0; {
					n := min(len(rest), sizes.IntN(3*sentMessage))
					if m, err := way[0].Write(rest[:n]); m != n || err != nil {
						t.Errorf("Write(%d) = %d, %v", n, m, err)
						return
					}
					rest = rest[n:]
				}
			})
			done.Go(func() {
				got := make([]byte, len(data))
				if _, err := io.ReadFull(way[1], got); err != nil || !bytes.Equal(got, data) {
					t.Errorf("arrived: equal %v, %v", bytes.Equal(got, data), err)
				}
			})
		}
		done.Wait()
	})
}

// What was written before Close arrives although the other end sends without
// pause, of which nothing is read.
func TestCarrierCloseLosesNothing(t *testing.T) {
	overWebSockets(t, func(t *testing.T, a, b net.Conn) {
		stopped := make(chan struct{})
		go func() { // ended by the close of either end
			defer close(stopped)
			for {
				if _, err := b.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}()
		_, _ = io.ReadFull(a, make([]byte, 10_000)) // it sends
		const size = 200_000                        // what the system holds
		if _, err := a.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		closed := make(chan struct{})
		go func() { // bounded by closeTime
			defer close(closed)
			_ = a.Close()
		}()
		n, err := io.Copy(io.Discard, b)
		if n != size || err != nil {
			t.Errorf("%d bytes arrived, %v; want %d", n, err, size)
		}
		_ = b.Close()
		<-closed
		<-stopped
	})
}

func TestCarrierCloseUnblocks(t *testing.T) {
	overWebSockets(t, func(t *testing.T, a, b net.Conn) {
		var done sync.WaitGroup
		writing := make(chan struct{})
		done.Go(func() { // ended by a.Close
			if n, err := a.Read(make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
				t.Errorf("blocked Read: %d, %v", n, err)
			}
		})
		done.Go(func() { // ended by a.Close: nobody reads at b
			for first := true; ; first = false {
				_, err := a.Write(make([]byte, sentMessage))
				if first {
					close(writing)
				}
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("blocked Write: %v", err)
					}
					return
				}
			}
		})
		<-writing
		for range 3 { // also several at once
			done.Go(func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
	})
}

// An end in good order is io.EOF, one without a close frame is not.
func TestCarrierEnds(t *testing.T) {
	client, server := gorillaPair(t)
	go client.Close() // bounded by closeTime
	for range 2 {
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after Close: %v, want EOF", err)
		}
	}
	if _, err := server.Write([]byte("x")); err == nil {
		t.Error("Write after the other end has closed: no error")
	}
	_ = server.Close()

	client, server = gorillaPair(t)
	client.(*wsConn).socket.kill()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after a break: %v, want ErrUnexpectedEOF", err)
	}
	closeAll(client, server)
}

func TestCarrierAddressesAndDeadlines(t *testing.T) {
	client, server := gorillaPair(t)
	defer closeAll(client, server)
	for _, c := range []net.Conn{client, server} {
		for _, addr := range []net.Addr{c.LocalAddr(), c.RemoteAddr()} {
			ip, err := netip.ParseAddrPort(addr.String())
			if addr.Network() != "ws" || err != nil || !ip.Addr().IsLoopback() {
				t.Errorf("address %q %q, %v", addr.Network(), addr, err)
			}
		}
		for _, set := range []func(time.Time) error{c.SetDeadline, c.SetReadDeadline, c.SetWriteDeadline} {
			if err := set(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
				t.Errorf("deadline: %v", err)
			}
		}
	}
	if client.LocalAddr().String() != server.RemoteAddr().String() || client.RemoteAddr().String() != server.LocalAddr().String() {
		t.Errorf("%v to %v, and %v to %v", client.LocalAddr(), client.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
	}
	if n, err := client.Read(nil); n != 0 || err != nil {
		t.Errorf("Read(nil) = %d, %v", n, err)
	}
	if n, err := client.Write(nil); n != 0 || err != nil {
		t.Errorf("Write(nil) = %d, %v", n, err)
	}
}

// Pings are answered while somebody reads.
func TestCarrierAnswersPing(t *testing.T) {
	accepted := make(chan net.Conn, 1)
	ws, _, err := websocket.Dial(t.Context(), serveHTTP(t, upgradeHandler(accepted)), nil)
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	read := make(chan error, 1)
	go func() { // ended by ws.Close
		_, err := server.Read(make([]byte, 1))
		read <- err
	}()
	ctx := ws.CloseRead(context.Background())
	if err := ws.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	_ = ws.Close(websocket.StatusNormalClosure, "")
	if err := <-read; err != io.EOF {
		t.Errorf("Read: %v, want EOF", err)
	}
	_ = server.Close()
}

// A message as long as allowed arrives, and one in pieces.
func TestCarrierLongMessage(t *testing.T) {
	accepted := make(chan net.Conn, 1)
	ws, _, err := websocket.Dial(t.Context(), serveHTTP(t, upgradeHandler(accepted)), nil)
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	defer server.Close()
	defer ws.CloseNow()
	sent := make(chan error, 2)
	go func() { // ended by the messages' end or ws.CloseNow
		sent <- ws.Write(context.Background(), websocket.MessageBinary, make([]byte, maxMessage))
		w, err := ws.Writer(context.Background(), websocket.MessageBinary)
		if err == nil {
			_, err = io.Copy(w, io.LimitReader(strings.NewReader(strings.Repeat("x", maxMessage)), maxMessage))
		}
		if err == nil {
			err = w.Close()
		}
		sent <- err
	}()
	if n, err := io.ReadFull(server, make([]byte, 2*maxMessage)); err != nil {
		t.Errorf("%d bytes read, %v", n, err)
	}
	if err := errors.Join(<-sent, <-sent); err != nil {
		t.Error(err)
	}
}
