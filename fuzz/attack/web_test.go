package attack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/fuzz/attack"
)

// TestWebAttacks runs the attacks on the HTTP server over loopback: the server needs real sockets.
func TestWebAttacks(t *testing.T) {
	server := newExchange(t, nil)
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
