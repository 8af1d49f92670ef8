package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
)

// join makes a peer of a node that runs, and returns its data stream.
func join(t *testing.T, url string, config *exchange.Config) *exchange.Conn {
	t.Helper()
	ex, err := exchange.New("test", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ex.Close() })
	conn, err := bootstrap.Dial(t.Context(), ex, url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestEcho(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"tcp://127.0.0.1:0", "ws://127.0.0.1:0/pxp"} {
		r := start(t, "node", "--network", "test", "--listen", listen, "--echo", "--json")
		conn := join(t, r.event("listening").URL, nil)
		sent := bytes.Repeat([]byte("what I send comes back. "), 50_000) // more than any buffer on the way but the window
		go func() {                                                      // ended with conn
			conn.Write(sent)
			conn.CloseWrite()
		}()
		got, err := io.ReadAll(conn) // to the end: the node answers an end with an end
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d bytes came back of %d, %v", listen, len(got), len(sent), err)
		}
		conn.Close()
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	r := start(t, "node", "--network", "test", "--listen", "tcp://127.0.0.1:0", "--json")
	conn := join(t, r.event("listening").URL, nil)
	// More than the node would hold if it did not read.
	for range 40 {
		if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	conn.CloseWrite()
	if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

// A node that is told to end says goodbye to its peers, exits with 0, and has given
// back what it had got.
func TestDrain(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		r := start(t, "node", "--network", "test", "--listen", "tcp://127.0.0.1:0", "--echo", "--json")
		conn := join(t, r.event("listening").URL, nil)
		sent := bytes.Repeat([]byte{7}, 100<<10)
		if _, err := conn.Write(sent); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		r.signal(s)
		got, err := io.ReadAll(conn)
		if err != nil || len(got) != len(sent)-1 {
			t.Errorf("%v: %d bytes came back of %d, %v", s, len(got)+1, len(sent), err)
		}
		<-conn.Peer().Done()
		remote, ok := errors.AsType[*exchange.RemoteError](conn.Peer().Err())
		if !ok || reasonOfCode(remote.Code) != reasonClosed {
			t.Errorf("%v: the node left with %v", s, conn.Peer().Err())
		}
		if code, _, stderr := r.wait(); code != 0 {
			t.Errorf("%v: exit status %d, %s", s, code, stderr)
		}
	}
}

// A peer that does not read what it gets back cannot hold the node up.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	var stdout lockedBuffer
	o := nodeOptions{network: "test", listen: []string{"tcp://127.0.0.1:0"}, echo: true, drainTime: 100 * time.Millisecond}
	ended := make(chan error, 1)
	ready := make(chan struct{})
	stdout.until("ready", ready)
	go func() { ended <- o.runNode(ctx, &output{w: &stdout, json: true}, noLogs) }() // waited for below
	<-ready
	var first told
	if err := json.Unmarshal(stdout.line(0), &first); err != nil {
		t.Fatal(err)
	}
	conn := join(t, first.URL, nil)
	conn.SetWriteDeadline(time.Now().Add(time.Second)) // by then nothing moves any more
	if _, err := io.CopyN(conn, zeros{}, 1<<30); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	cancel(interrupted{syscall.SIGTERM})
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What a peer says about itself garbles neither form of the output.
func TestHostileAgent(t *testing.T) {
	t.Parallel()
	agent := "\x1b[2J\r\n{\"event\":\"peer\"}\u202e\u2028\u009b\x00 \"\\"
	for _, form := range [][]string{nil, {"--json"}} {
		r := start(t, append([]string{"node", "--network", "test", "--listen", "tcp://127.0.0.1:0"}, form...)...)
		url := firstURL(r.until("ready"))
		join(t, url, &exchange.Config{Agent: agent})
		r.until("incoming")
		r.signal(syscall.SIGTERM)
		_, stdout, stderr := r.wait()
		for _, text := range []string{stdout, stderr} {
			for _, c := range text {
				if c != '\n' && (unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)) {
					t.Errorf("%q got through in %q", c, text)
				}
			}
		}
		if form == nil {
			continue
		}
		for line := range strings.Lines(stdout) {
			if err := json.Unmarshal([]byte(line), new(map[string]any)); err != nil {
				t.Errorf("%v: %q", err, line)
			}
		}
	}
}

// firstURL returns the first URL in text.
func firstURL(text string) string {
	at := strings.Index(text, "tcp://")
	end := strings.IndexAny(text[at:], "\"\n ")
	return text[at : at+end]
}

// A secret makes a network private.
func TestSecret(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := start(t, "node", "--network", "test", "--listen", "tcp://127.0.0.1:0", "--secret-file", secret, "--json")
	url := inside.event("listening").URL
	outside := start(t, "node", "--network", "test", "--bootstrap", url, "--json")
	// The goodbye that says why may be lost with the connection, but not each time.
	if told := outside.until("wrong network"); !strings.Contains(told, "--secret-file") || !strings.Contains(told, `"url":"`+url+`"`) {
		t.Errorf("without the secret: %s", told)
	}
	member := join(t, url, &exchange.Config{Secret: []byte("sesame")})
	if e := inside.event("peer"); e.Peer != member.LocalAddr().(exchange.Addr).Peer.String() {
		t.Errorf("with the secret: %+v", e)
	}
}

func TestLoadSecret(t *testing.T) {
	for content, want := range map[string]string{
		"s":                              "s",
		"s\n":                            "s",
		"s\r\n":                          "s",
		"s\n\n":                          "s\n",
		" s ":                            " s ",
		"\n\n":                           "\n",
		strings.Repeat("x", 4096):        strings.Repeat("x", 4096),
		strings.Repeat("x", 4096) + "\n": strings.Repeat("x", 4096),
	} {
		if got, err := loadSecret(secretFile(t, content)); err != nil || string(got) != want {
			t.Errorf("%.20q: %.20q, %v", content, got, err)
		}
	}
	for _, content := range []string{"", "\n", "\r\n", strings.Repeat("x", 4097), strings.Repeat("x", 1<<20)} {
		if got, err := loadSecret(secretFile(t, content)); err == nil {
			t.Errorf("%.20q: no error, %.20q", content, got)
		}
	}
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOffersLoopback(t *testing.T) {
	for _, c := range []struct {
		listen, bootstrap []string
		want              bool
	}{
		{[]string{"tcp://127.0.0.1:0"}, nil, true},
		{[]string{"tcp://127.0.0.1:0", "ws://[::1]:0/x"}, []string{"tcp://localhost:1"}, true},
		{nil, []string{"tcp://127.3.4.5:1"}, true},
		{[]string{"tcp://127.0.0.1:0"}, []string{"tcp://192.0.2.1:1"}, false},
		{[]string{"tcp://:0"}, nil, false},
		{[]string{"tcp://0.0.0.0:0"}, nil, false},
		{nil, []string{"tcp://localhost.example:1"}, false},
		{nil, nil, false},
	} {
		o := nodeOptions{listen: c.listen, bootstrap: c.bootstrap}
		if got := o.offersLoopback(); got != c.want {
			t.Errorf("%q %q: %v", c.listen, c.bootstrap, got)
		}
		o.loopbackSet, o.loopback = true, !c.want
		if got := o.offersLoopback(); got == c.want {
			t.Errorf("%q %q with --loopback=%v: %v", c.listen, c.bootstrap, !c.want, got)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	r := start(t, "node", "--network", "test", "--listen", "tcp://127.0.0.1:0", "--json")
	second := start(t, "node", "--network", "test", "--listen", r.event("listening").URL)
	code, _, stderr := second.wait()
	if code != 1 || !strings.Contains(stderr, "error: bootstrap: listening on tcp://127.0.0.1:") || !strings.Contains(stderr, "hint: something listens there already") {
		t.Errorf("exit status %d, %s", code, stderr)
	}
}

// Every listener that was opened is closed again when a later one fails.
func TestHalfListening(t *testing.T) {
	t.Parallel()
	r := start(t, "node", "--network", "test", "--listen", "tcp://127.0.0.1:0", "--listen", "wss://127.0.0.1:0/")
	code, stdout, _ := r.wait()
	if code != 1 {
		t.Fatalf("exit status %d", code)
	}
	again := start(t, "node", "--network", "test", "--listen", firstURL(stdout), "--json")
	again.event("ready")
}

func TestReasons(t *testing.T) {
	words := []string{reasonClosed, reasonDead, reasonLost, reasonSuperseded, reasonRefused, reasonProtocol, reasonOther}
	for _, c := range []struct {
		err   error
		again bool
		want  string
	}{
		{exchange.ErrClosed, false, "closed"},
		{exchange.ErrDead, false, "dead"},
		{errors.Join(exchange.ErrLost, io.EOF), false, "lost"},
		{errors.Join(exchange.ErrLost, io.EOF), true, "superseded"},
		{&exchange.RemoteError{Code: 0}, false, "closed"},
		{&exchange.RemoteError{Code: 1}, false, "closed"},
		{&exchange.RemoteError{Code: 2}, false, "protocol"},
		{&exchange.RemoteError{Code: 4}, false, "refused"},
		{&exchange.RemoteError{Code: 11}, false, "superseded"},
		{&exchange.RemoteError{Code: 100}, false, "other"},
		{&exchange.ProtocolError{}, false, "protocol"},
		{errors.New("x"), false, "other"},
	} {
		if got := reasonOf(c.err, c.again); got != c.want || !slices.Contains(words, got) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
