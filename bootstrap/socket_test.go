//go:build !js

package bootstrap

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/secure"
)

// listenURLs are what each test of a socket listens on.
var listenURLs = []string{"tcp://127.0.0.1:0", "ws://127.0.0.1:0/pxp"}

// overSockets runs a test for each kind of socket.
func overSockets(t *testing.T, f func(t *testing.T, listenURL, carrier string)) {
	for _, url := range listenURLs {
		carrier, _, _ := strings.Cut(url, ":")
		t.Run(carrier, func(t *testing.T) { f(t, url, carrier) })
	}
}

func mustListen(tb testing.TB, ex *exchange.Exchange, url string) *Listener {
	tb.Helper()
	l, err := Listen(ex, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

// mustMeet makes peers of two nodes and returns both ends of the data stream.
func mustMeet(tb testing.TB, from *exchange.Exchange, url string, to *exchange.Exchange) (ours, theirs *exchange.Conn) {
	tb.Helper()
	ours, err := Dial(tb.Context(), from, url)
	if err != nil {
		tb.Fatal(err)
	}
	return ours, acceptConn(tb, to)
}

func TestDialListen(t *testing.T) {
	overSockets(t, func(t *testing.T, url, carrier string) {
		a, b := newNode(t, testNetwork), newNode(t, testNetwork)
		l := mustListen(t, a, url)
		ours, theirs := mustMeet(t, b, l.URL(), a)
		for _, c := range []*exchange.Conn{ours, theirs} {
			if path := c.Peer().Path(); path.Carrier != carrier {
				t.Errorf("path %q, want %q", path, carrier)
			}
		}
		if ours.Peer().ID() != a.ID() || theirs.Peer().ID() != b.ID() {
			t.Error("the peers are others")
		}
		// Observed addresses go by the carriers' RemoteAddr.
		if seen := ours.Peer().Observed(); !strings.HasPrefix(seen, "127.0.0.1:") {
			t.Errorf("seen from %q, want an address and port of loopback", seen)
		}
		transfer(t, ours, theirs)
		transfer(t, theirs, ours)
	})
}

// transfer sends 8 MiB, closes for writing and compares hashes.
func transfer(t *testing.T, from, to *exchange.Conn) {
	t.Helper()
	sent := make(chan [sha256.Size]byte, 1)
	go func() { // ended by CloseWrite or an error
		data := make([]byte, 8<<20)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(200_000))
			if _, err := from.Write(rest[:n]); err != nil {
				t.Error(err)
				break
			}
			rest = rest[n:]
		}
		if err := from.CloseWrite(); err != nil {
			t.Error(err)
		}
		sent <- sha256.Sum256(data)
	}()
	hash := sha256.New()
	n, err := io.Copy(hash, to)
	if err != nil || n != 8<<20 {
		t.Errorf("%d bytes arrived, %v", n, err)
	}
	if want := <-sent; [sha256.Size]byte(hash.Sum(nil)) != want {
		t.Error("hashes differ")
	}
}

// What was written before Close arrives.
func TestCloseLosesNothing(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		a, b := newNode(t, testNetwork), newNode(t, testNetwork)
		ours, theirs := mustMeet(t, b, mustListen(t, a, url).URL(), a)
		const size = 200_000 // less than a stream takes before anybody reads
		if _, err := ours.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if err := ours.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, theirs); n != size || err != nil {
			t.Errorf("%d bytes arrived, %v; want %d", n, err, size)
		}
	})
}

func TestPinnedID(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		a, b := newNode(t, testNetwork), newNode(t, testNetwork)
		l := mustListen(t, a, url+"#"+a.ID().String())
		wrong := mustURL(t, l.URL())
		wrong.Peer = anID
		_, err := Dial(t.Context(), b, wrong.String())
		var refused *secure.IdentityError
		if !errors.As(err, &refused) || refused.Want != anID || refused.Got != a.ID() {
			t.Errorf("wrong pin: %v", err)
		}
		if b.NumPeers() != 0 {
			t.Error("wrong pin made a peer")
		}
		if want := l.URL() + "#" + a.ID().String(); l.PinnedURL() != want {
			t.Errorf("PinnedURL = %q, want %q", l.PinnedURL(), want)
		}
		mustMeet(t, b, l.PinnedURL(), a)
		if _, err := Dial(t.Context(), b, l.URL()); !errors.Is(err, exchange.ErrConnected) {
			t.Errorf("second time: %v, want ErrConnected", err)
		}
	})
}

func TestWrongNetwork(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		a, b := newNode(t, testNetwork), newNode(t, "another network")
		l := mustListen(t, a, url)
		if _, err := Dial(t.Context(), b, l.URL()); !errors.Is(err, exchange.ErrWrongNetwork) {
			t.Errorf("%v, want ErrWrongNetwork", err)
		}
		mustMeet(t, newNode(t, testNetwork), l.URL(), a)
	})
}

func TestDialSelf(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		a := newNode(t, testNetwork)
		l := mustListen(t, a, url)
		for _, url := range []string{l.URL(), l.PinnedURL()} {
			if _, err := Dial(t.Context(), a, url); !errors.Is(err, exchange.ErrSelf) {
				t.Errorf("%q: %v, want ErrSelf", url, err)
			}
		}
	})
}

// A node comes back on the same port, and its peers find it there.
func TestRestartOnSamePort(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		key := newKey(t)
		b := newNode(t, testNetwork)
		first := newNode(t, testNetwork, withKey(key))
		l := mustListen(t, first, url)
		url = l.URL()
		ours, _ := mustMeet(t, b, url, first)
		first.Close()
		<-ours.Peer().Done()
		<-l.Done()
		if err := l.Err(); err != nil {
			t.Errorf("listener ended with %v", err)
		}
		if _, err := Dial(t.Context(), b, url); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("while it is away: %v, want connection refused", err)
		}
		second := newNode(t, testNetwork, withKey(key))
		again := mustListen(t, second, url)
		if again.URL() != url {
			t.Errorf("URL %q, want %q", again.URL(), url)
		}
		mustMeet(t, b, again.PinnedURL(), second)
	})
}

// Closing a listener leaves its peers alone.
func TestListenerClose(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		a, b := newNode(t, testNetwork), newNode(t, testNetwork)
		l := mustListen(t, a, url)
		ours, theirs := mustMeet(t, b, l.URL(), a)
		for range 2 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Dial(t.Context(), newNode(t, testNetwork), l.URL()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialing it: %v, want connection refused", err)
		}
		transfer(t, ours, theirs)
	})
}

func TestListenRefuses(t *testing.T) {
	ex := newNode(t, testNetwork)
	for url, want := range map[string]string{
		"wss://127.0.0.1:0/":                              "Handler",
		"tcp://127.0.0.1:0#" + anID.String():              "own ID is " + ex.ID().String(),
		"tcp://192.0.2.1:0":                               "listening on",
		"http://127.0.0.1:0/":                             "scheme",
		mustListen(t, ex, listenURLs[0]).URL():            "address already in use",
		"ws" + mustListen(t, ex, listenURLs[0]).URL()[3:]: "address already in use",
	} {
		if _, err := Listen(ex, url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
	}
	ex.Close()
	for _, url := range listenURLs {
		if _, err := Listen(ex, url); !errors.Is(err, exchange.ErrClosed) {
			t.Errorf("%q on a closed exchange: %v", url, err)
		}
	}
}

func TestDialRefuses(t *testing.T) {
	ex := newNode(t, testNetwork)
	for url, want := range map[string]string{
		"tcp://:1":  "no host",
		"ws://h:0/": "no port",
		"h:1":       "write tcp://",
	} {
		if _, err := Dial(t.Context(), ex, url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
	}
}

// silent accepts TCP and says nothing, until the test ends.
func silent(t *testing.T) (address string, accepted <-chan net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 1)
	go func() { // ended by l.Close
		if c, err := l.Accept(); err == nil {
			conns <- c
			t.Cleanup(func() { c.Close() })
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), conns
}

// A dial ends with its context and with the exchange, in every phase.
func TestDialEnds(t *testing.T) {
	cause := errors.New("enough")
	for name, end := range map[string]struct {
		by   func(ex *exchange.Exchange, cancel context.CancelCauseFunc)
		want error
	}{
		"context":  {func(_ *exchange.Exchange, cancel context.CancelCauseFunc) { cancel(cause) }, cause},
		"exchange": {func(ex *exchange.Exchange, _ context.CancelCauseFunc) { ex.Close() }, exchange.ErrClosed},
	} {
		for _, scheme := range []string{"tcp", "ws", "wss"} {
			t.Run(name+"/"+scheme, func(t *testing.T) {
				ex := newNode(t, testNetwork)
				address, accepted := silent(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				failed := make(chan error, 1)
				go func() { // ended by end.by
					_, err := Dial(ctx, ex, scheme+"://"+address)
					failed <- err
				}()
				<-accepted
				end.by(ex, cancel)
				if err := <-failed; !errors.Is(err, end.want) {
					t.Errorf("%v, want %v", err, end.want)
				}
			})
		}
	}
}

// The exchange ends while connections stand in every phase at its listener.
func TestCloseWhileAccepting(t *testing.T) {
	for name, say := range map[string]string{
		"silence":    "",
		"preamble":   "#PXP2",
		"no upgrade": "GET /pxp HTTP/1.1\r\nHost: h\r\n",
		"upgraded":   upgradeRequest("/pxp"),
	} {
		overSockets(t, func(t *testing.T, url, _ string) {
			t.Run(name, func(t *testing.T) {
				ex := newNode(t, testNetwork)
				l := mustListen(t, ex, url)
				c, err := dialTCP(t.Context(), mustURL(t, l.URL()).address())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, say); err != nil {
					t.Fatal(err)
				}
				if name == "upgraded" && strings.HasPrefix(url, "ws") {
					buf := make([]byte, 12)
					if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "HTTP/1.1 101" {
						t.Fatalf("answer %q, %v", buf, err)
					}
				}
				ex.Close()
				<-l.Done()
			})
		})
	}
}

// The Handler of an HTTPS server, reached by wss.
func TestHandlerOverTLS(t *testing.T) {
	a, b := newNode(t, testNetwork), newNode(t, testNetwork)
	mux := http.NewServeMux()
	mux.Handle("/nodes/pxp", Handler(a))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	u := mustURL(t, "wss"+strings.TrimPrefix(server.URL, "https")+"/nodes/pxp")

	var unknown x509.UnknownAuthorityError
	if _, err := Dial(t.Context(), b, u.String()); !errors.As(err, &unknown) {
		t.Errorf("certificate of nobody: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	socket, err := dialWebSocket(t.Context(), u, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := b.ConnectWith(t.Context(), socket, &exchange.ConnectConfig{Peer: a.ID()})
	if err != nil {
		t.Fatal(err)
	}
	theirs := acceptConn(t, a)
	if path := theirs.Peer().Path(); path.Carrier != exchange.CarrierWS {
		t.Errorf("path %q", path)
	}
	transfer(t, ours, theirs)
	transfer(t, theirs, ours)
}

// The data stream is a net.Conn in full over each socket.
func TestConn(t *testing.T) {
	overSockets(t, func(t *testing.T, url, _ string) {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			a, b := newNode(t, testNetwork), newNode(t, testNetwork)
			ours, theirs := mustMeet(t, b, mustListen(t, a, url).URL(), a)
			return ours, theirs, func() {
				_ = a.Close()
				_ = b.Close()
			}, nil
		})
	})
}
