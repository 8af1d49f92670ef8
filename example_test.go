//go:build !js

package exchange_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/wrtc"
)

// The library in ten lines: one node listens, another joins and says hello on
// the data stream that every peer comes with.
func Example() {
	a, _ := exchange.New("my-network", nil)
	defer a.Close()
	listener, _ := bootstrap.Listen(a, "tcp://127.0.0.1:0")

	b, _ := exchange.New("my-network", nil)
	defer b.Close()
	conn, _ := bootstrap.Dial(context.Background(), b, listener.URL())
	fmt.Fprint(conn, "hello")
	conn.CloseWrite()

	peer, _ := a.Listener().Accept()
	io.Copy(os.Stdout, peer)
	// Output: hello
}

// Two nodes that know only a third meet through it, over WebRTC, and
// then speak HTTP: http.Serve on a listener of named streams at one end, a
// client whose transport dials through the peer at the other.
func Example_http() {
	ctx := context.Background()
	node := func() *exchange.Exchange {
		transport, err := wrtc.New(&wrtc.Config{Loopback: true}) // all on one machine
		if err != nil {
			panic(err)
		}
		ex, err := exchange.New("my-network", &exchange.Config{Transport: transport})
		if err != nil {
			panic(err)
		}
		return ex
	}
	meetingPoint, server, browser := node(), node(), node()
	defer meetingPoint.Close()
	defer server.Close()
	defer browser.Close()

	door, err := bootstrap.Listen(meetingPoint, "tcp://127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	for _, ex := range []*exchange.Exchange{server, browser} {
		if _, err := bootstrap.Dial(ctx, ex, door.URL()); err != nil {
			panic(err)
		}
	}

	streams, err := server.Listen("http/1")
	if err != nil {
		panic(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s", r.URL.Path)
	})}
	go web.Serve(streams)
	defer web.Close()

	conn, err := browser.GetNewPeer(ctx)
	if err != nil {
		panic(err)
	}
	peer := conn.Peer()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return peer.OpenStream(ctx, "http/1") },
	}}
	defer client.CloseIdleConnections()
	res, err := client.Get("http://peer/index.html")
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s, over %s\n", body, peer.Path().Carrier)
	// Output: you asked for /index.html, over webrtc
}
