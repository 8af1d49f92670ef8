//go:build !js

package bootstrap

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
)

// secrets are bytes that must not be in a log, by what they are.
type secrets struct {
	mu   sync.Mutex
	list map[string][]byte
}

func (s *secrets) add(what string, b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list[fmt.Sprintf("%s (%d)", what, len(s.list))] = bytes.Clone(b)
	return b
}

// fresh makes a secret of n bytes that nothing else contains.
func (s *secrets) fresh(what string, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return s.add(what, b)
}

// check looks for the secrets as they are and as programs print bytes; the first 8 of one are enough.
func (s *secrets) check(t *testing.T, log string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	lower := strings.ToLower(log)
	for what, b := range s.list {
		b = b[:min(len(b), 8)]
		list := strings.Trim(fmt.Sprint(b), "[]") // as %v has it
		goList := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}")
		quoted := strings.Trim(fmt.Sprintf("%q", b), `"`)
		whole := len(b) / 3 * 3 // what base64 has in the same form wherever it ends
		for form, text := range map[string]string{
			"raw": string(b), "quoted": quoted, "quoted twice": strings.Trim(fmt.Sprintf("%q", quoted), `"`), "list": list, "Go list": goList, "with spaces": fmt.Sprintf("% x", b),
			"base64": base64.StdEncoding.EncodeToString(b[:whole]), "base64 of URLs": base64.URLEncoding.EncodeToString(b[:whole]),
		} {
			if strings.Contains(log, text) {
				t.Errorf("the log has %s, %s", what, form)
			}
		}
		if strings.Contains(lower, hex.EncodeToString(b)) || strings.Contains(lower, strings.ToLower(base32.StdEncoding.EncodeToString(b[:5]))) {
			t.Errorf("the log has %s in hex or base32", what)
		}
	}
}

// buffer is a log that many write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// listening is a transport whose signals are noted: they have ICE's passwords.
type listening struct {
	wrtc.Transport
	note func(wrtc.Signal)
}

func (l listening) SimplePeer() wrtc.Transport {
	return listening{l.Transport.(*wrtc.WebRTC).SimplePeer(), l.note}
}

func (l listening) Negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (wrtc.Conn, error) {
	return l.Transport.Negotiate(ctx, role, noting{s, l.note})
}

type noting struct {
	wrtc.Signaler
	note func(wrtc.Signal)
}

func (n noting) Send(ctx context.Context, s wrtc.Signal) error {
	n.note(s)
	return n.Signaler.Send(ctx, s)
}

var icePassword = regexp.MustCompile(`a=ice-pwd:(\S+)`)

// A busy network, over real sockets and WebRTC, with members, strangers and who breaks the rules, logs much at the level of
// debugging, and nothing that is secret: not keys, the network's secret, tokens, ICE's passwords, and not what streams carry. Neither
// do events and errors say it.
func TestLogsHoldNoSecrets(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) {
			s := &secrets{list: make(map[string][]byte)}
			log := &buffer{}
			busy(t, s, log, version)
			text := log.String()
			for _, want := range []string{"peer joined", "peer left", "circuit ended", "pion=", "seed reached", "not admitted", "damaged", "event "} {
				if !strings.Contains(text, want) {
					t.Errorf("the log has no %q: it was not busy", want)
				}
			}
			if len(s.list) < 10 {
				t.Errorf("only %d secrets", len(s.list))
			}
			s.check(t, text)
			if t.Failed() && testing.Verbose() {
				t.Log(text)
			}
		})
	}
}

// busyNode is a node of busy.
func busyNode(t *testing.T, s *secrets, log *buffer, secret []byte) *exchange.Exchange {
	t.Helper()
	seed := s.fresh("the seed of a key", 32)
	key, err := identity.KeyFromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug - 4}))
	transport, err := wrtc.New(&wrtc.Config{Loopback: true, Interface: func(name string) bool { return name == "lo" }, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	return newNode(t, testNetwork, withKey(key), func(c *exchange.Config) {
		c.Secret, c.Logger = secret, logger
		c.Transport = listening{transport, func(sig wrtc.Signal) {
			if m := icePassword.FindStringSubmatch(sig.Text); m != nil {
				s.add("an ICE password", []byte(m[1]))
			}
		}}
		c.OnEvent = func(e exchange.Event) {
			fmt.Fprintf(log, "event %T %v %+v\n", e, e, e)
			logger.Debug("event ", "event", e)
		}
	})
}

func busy(t *testing.T, s *secrets, log *buffer, version int) {
	var secret []byte
	if version == 2 { // a network with a secret has no peers of version 1
		secret = s.fresh("the network's secret", 24)
	}
	hub, b, c := busyNode(t, s, log, secret), busyNode(t, s, log, secret), busyNode(t, s, log, secret)
	tcp, ws := mustListen(t, hub, "tcp://127.0.0.1:0"), mustListen(t, hub, "ws://127.0.0.1:0/pxp")

	file := filepath.Join(t.TempDir(), "peers")
	if err := os.WriteFile(file, s.fresh("what a damaged cache has", 64), 0o600); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	urls := []string{tcp.URL(), ws.URL()}
	if version == 1 {
		urls[0] += "?v=1"
	}
	for i, ex := range []*exchange.Exchange{b, c} {
		cfg := &Config{Seeds: []string{urls[i]}, Logger: logger, OnError: func(url string, err error) { fmt.Fprintln(log, "event ", url, err) }}
		if i == 0 {
			cfg.Cache = file
		}
		k, err := Join(ex, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { k.Close() })
		speak(t, s, acceptConn(t, ex), acceptConn(t, hub))
	}
	conn, err := c.GetNewPeer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	speak(t, s, conn, acceptConn(t, b))

	for _, other := range [][]byte{nil, []byte("another secret")} { // strangers, unless the network has none
		ex := busyNode(t, s, log, other)
		if _, err := Dial(t.Context(), ex, tcp.URL()); (err == nil) != (string(other) == string(secret)) {
			t.Errorf("a stranger: %v", err)
		}
		ex.Close()
	}
	for range 3 {
		breakRules(t, s, tcp.URL(), secret)
	}
	c.Close()
	b.Close()
	hub.Close()
}

// speak has both ends say something of their own.
func speak(t *testing.T, s *secrets, x, y *exchange.Conn) {
	t.Helper()
	for _, dir := range []struct{ from, to io.ReadWriter }{{x, y}, {y, x}} {
		want := s.fresh("what a stream carries", 48)
		if _, err := dir.from.Write(want); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(dir.to, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%x, %v", got, err)
		}
	}
}

// breakRules is a member that asks for tokens and then sends them, and other things, where they make no sense.
func breakRules(t *testing.T, s *secrets, url string, secret []byte) {
	u := mustURL(t, url)
	socket, err := dialTCP(t.Context(), u.address())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := secure.Client(t.Context(), socket, &secure.Config{Key: newKey(t), Preamble: []byte(pxp.Magic2)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mux.Client(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	control, err := m.Open(t.Context(), pxp.ControlStream)
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string, b []byte) mux.Stream {
		stream, err := m.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = stream.Write(b) // it may be reset
		return stream
	}
	say := func(m pxp.Message) {
		b, err := pxp.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = control.Write(b)
	}
	say(pxp.Hello{Version: pxp.Version, Proof: secure.Prove(secure.NetworkKey(testNetwork, secret), secure.Dialer, conn.Binding()), Accepts: true, Features: []string{"relay", "webrtc", "v1"}})
	say(pxp.Connect{ID: 1})
	open(pxp.DataStream, s.fresh("what a stream carries", 100))
	say(pxp.GetPeers{ID: 2, Max: 8})
	_ = control.SetReadDeadline(time.Now().Add(time.Minute))
	answer := func(id uint32) pxp.Res {
		for {
			m, err := readMessage(control)
			if err != nil {
				t.Fatal(err)
			}
			if res, ok := m.(pxp.Res); ok && res.ID == id {
				return res
			}
		}
	}
	candidates := answer(2).Candidates
	if len(candidates) == 0 {
		t.Fatal("no token was given")
	}
	token := candidates[0].Token
	for _, c := range candidates {
		s.add("a token", c.Token[:])
	}
	say(pxp.Relay{ID: 3, Token: pxp.Token(s.fresh("a token", pxp.TokenSize)), First: s.fresh("what a circuit carries", pxp.MaxFirst)})
	open(pxp.RelayStream(token)+"x", s.fresh("what a stream carries", 100))
	say(pxp.Incoming{ID: 4, Token: token, From: identity.ID{1}, First: s.fresh("what a circuit carries", pxp.MaxFirst)})
	circuit := open(pxp.RelayStream(token), nil)
	say(pxp.Relay{ID: 5, Token: token, First: s.fresh("what a circuit carries", pxp.MaxFirst)})
	if res := answer(5); res.Code != pxp.CodeOK {
		t.Errorf("no circuit: %v %q", res.Code, res.Reason)
	}
	_, _ = circuit.Write(s.fresh("what a circuit carries", 1000))
	_, _ = io.Copy(io.Discard, circuit) // until the candidate has had enough
	// A relay request that is cut and so malformed.
	frame, err := pxp.Append(nil, pxp.Relay{ID: 6, Token: token, First: s.fresh("what a circuit carries", 32)})
	if err != nil {
		t.Fatal(err)
	}
	frame = frame[:len(frame)-9]
	binary.BigEndian.PutUint16(frame, uint16(len(frame)-2))
	_, _ = control.Write(frame)
	for err == nil {
		_, err = readMessage(control)
	}
}

func readMessage(r io.Reader) (pxp.Message, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return pxp.Decode(body)
}
