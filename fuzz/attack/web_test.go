package attack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/fuzz/attack"
)

// TestWebAttacks runs the attacks on the HTTP server over loopback: the server needs real sockets.
func TestWebAttacks(t *testing.T) {
	var mu sync.Mutex
	var errs []error
	gone := make(chan struct{}, 1)
	server := newExchange(t, &exchange.Config{OnEvent: func(e exchange.Event) {
		if left, ok := e.(exchange.PeerLeft); ok {
			mu.Lock()
			errs = append(errs, left.Err)
			mu.Unlock()
			select {
			case gone <- struct{}{}:
			default:
			}
		}
	}})
	defer server.Close()
	l, err := bootstrap.Listen(server, "ws://127.0.0.1:0/pxp")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	honest := newExchange(t, nil)
	defer honest.Close()
	conn, err := bootstrap.Dial(t.Context(), honest, l.URL())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := server.Listener().Accept()
	if err != nil {
		t.Fatal(err)
	}
	url, err := bootstrap.ParseURL(l.URL())
	if err != nil {
		t.Fatal(err)
	}
	target := attack.Target{Network: "test", ID: server.ID(), Victim: honest.ID(), Path: url.Path}
	target.DialWeb = func(ctx context.Context, _ int) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", url.Port))
	}
	for _, a := range attack.All() {
		if !a.Web() {
			continue
		}
		t.Run(a.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			tally, err := a.Run(ctx, target, 100)
			if err != nil || tally.Sockets == 0 {
				t.Errorf("%+v, %v", tally, err)
			}
			if ends, peers := webPeers[a.Name]; peers && (tally.Peers == 0 || ends != (tally.Ended > 0)) {
				t.Errorf("%d of %d peers were sent away; some should be: %v", tally.Ended, tally.Peers, ends)
			}
			for all := time.After(30 * time.Second); server.NumPeers() > 1; {
				select {
				case <-gone:
				case <-all:
					t.Fatalf("%d peers 30 s after the attack, want the honest one", server.NumPeers())
				}
			}
			mu.Lock()
			for _, err := range errs {
				if !errors.Is(err, exchange.ErrLost) {
					t.Errorf("a peer left because of %v", err)
				}
			}
			errs = nil
			mu.Unlock()
			if _, err := conn.Write([]byte("still there")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(theirs, make([]byte, 11)); err != nil {
				t.Fatal(err)
			}
			freed(t, fmt.Sprintf("http://127.0.0.1:%d/nothing", url.Port))
		})
	}
	if n := server.NumPeers(); n != 1 {
		t.Errorf("%d peers, want the honest one", n)
	}
}

// webPeers are the attacks of peers, and whether these are sent away for it.
var webPeers = map[string]bool{
	"web/text": true, "web/oversize": true, "web/endless": true, "web/opcode": true, "web/closes": true,
	"web/pieces": false, "web/empty": false, "web/pings": false,
}

// freed waits until the server has a place again for this address, as it has when the attacker's sockets are closed.
func freed(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			response.Body.Close()
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("no place 5 s after the attack: %v", err)
		}
	}
}

func TestNoWeb(t *testing.T) {
	a, err := attack.Find("web/silence")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Run(t.Context(), attack.Target{}, 1); !errors.Is(err, attack.ErrNoWeb) {
		t.Errorf("without a server: %v", err)
	}
	if _, err := attack.Find("nothing/such"); err == nil {
		t.Error("an attack was found that is not there")
	}
}

// TestManyAddresses runs attacks that want many addresses over real sockets, from 127.1/16: Linux has all of these.
func TestManyAddresses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no more than 127.0.0.1")
	}
	for _, name := range []string{"hello/silences", "hello/handshakes", "hello/connect"} {
		t.Run(name, func(t *testing.T) {
			v := newLive(t, true)
			a, err := attack.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			want := is(exchange.ErrTimeout)
			if name != "hello/silences" {
				want = func(err error) bool {
					return errors.Is(err, exchange.ErrWrongNetwork) || errors.Is(err, exchange.ErrLost)
				}
			}
			if tally := v.attacked(a, want, 10); tally.Sockets < 5 { // each is an event, and perhaps a line of the log
				t.Errorf("%+v", tally)
			}
		})
	}
}
