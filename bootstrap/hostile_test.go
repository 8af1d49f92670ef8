//go:build !js

package bootstrap

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func upgradeRequest(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Origin: https://anywhere.example\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

// frame is a masked WebSocket frame (RFC 6455 §5.2), its mask zero.
func frame(opcode byte, payload string) string {
	head := []byte{0x80 | opcode, 0x80 | 126, 0, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(len(payload)))
	return string(head) + "\x00\x00\x00\x00" + payload
}

// What is no request for a WebSocket, and what is no PXP inside one, ends with
// an answer or the end of the connection, and harms nobody else.
func TestWebSocketGarbage(t *testing.T) {
	const giant = "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00" // a message of 2^63-1 bytes
	upgraded := upgradeRequest("/pxp")
	for name, test := range map[string]struct {
		say    string
		status string   // of the HTTP answer
		closes []uint16 // codes of the close frame, one of which must come; nil: any end
	}{
		"no HTTP":              {"#PXP2 is not spoken here\r\n\r\n", "400 Bad Request", nil},
		"other path":           {upgradeRequest("/other"), "404 Not Found", nil},
		"no upgrade":           {"GET /pxp HTTP/1.1\r\nHost: h\r\n\r\n", "426 Upgrade Required", nil},
		"post":                 {"POST /pxp HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nx", "426 Upgrade Required", nil},
		"giant header":         {"GET /pxp HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10), "431 Request Header Fields Too Large", nil},
		"no key":               {strings.Replace(upgraded, "Key", "Kye", 1), "400 Bad Request", nil},
		"old version":          {strings.Replace(upgraded, "13", "8", 1), "400 Bad Request", nil},
		"text message":         {upgraded + frame(1, "#PXP2"), "", []uint16{1003}},
		"giant message":        {upgraded + giant, "", []uint16{1009}},
		"message over 1 MiB":   {upgraded + "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01\x00\x00\x00\x00", "", []uint16{1009}},
		"unknown opcode":       {upgraded + frame(3, "x"), "", []uint16{1002}},
		"not masked":           {upgraded + "\x82\x01x", "", []uint16{1002}},
		"compressed":           {upgraded + "\xc2\x81\x00\x00\x00\x00x", "", []uint16{1002}},
		"close at once":        {upgraded + "\x88\x82\x00\x00\x00\x00\x03\xe8", "", []uint16{1000}},
		"wrong magic":          {upgraded + frame(2, "HELLO"), "", []uint16{1000}},
		"rubbish by version 1": {upgraded + frame(2, "#PXP#"+strings.Repeat("\xff", 64)), "", nil},
		"rubbish handshake":    {upgraded + frame(2, "#PXP2\x00\x04abcd"), "", nil},
		"frame cut":            {upgraded + frame(2, "#PXP2")[:6], "cut", nil},
		"pieces, empty frames": {upgraded + "\x02\x81\x00\x00\x00\x00#" + "\x00\x80\x00\x00\x00\x00" + "\x80\x84\x00\x00\x00\x00PXP_", "", []uint16{1000}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newNode(t, testNetwork), newNode(t, testNetwork)
			l := mustListen(t, a, "ws://127.0.0.1:0/pxp")
			say := test.say
			early := strings.HasPrefix(say, upgraded) && say != upgraded
			raw, err := dialTCP(t.Context(), mustURL(t, l.URL()).address())
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			r := bufio.NewReader(raw)
			if early {
				mustSay(t, raw, upgraded)
				mustStatus(t, r, "101 Switching Protocols")
				mustSay(t, raw, say[len(upgraded):])
			} else {
				go io.WriteString(raw, say) // ended by raw.Close at the latest: not all may be read
				mustStatus(t, r, test.status)
			}
			if test.status == "cut" {
				_ = raw.(*net.TCPConn).CloseWrite()
			}
			rest, _ := io.ReadAll(r) // until the other end closes, whatever way
			if early && test.closes != nil {
				mustClose(t, string(rest), test.closes)
			}
			mustMeet(t, b, l.URL(), a)
		})
	}
}

func mustSay(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

func mustStatus(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		defer answer.Body.Close()
	}
	if answer.Status != want {
		t.Fatalf("answer %q, want %q", answer.Status, want)
	}
}

// mustClose finds a close frame of the server at the end of what it sent.
func mustClose(t *testing.T, sent string, codes []uint16) {
	t.Helper()
	for _, code := range codes {
		for n := range 126 {
			head := fmt.Sprintf("\x88%c", rune(n))
			if i := strings.Index(sent, head+string(binary.BigEndian.AppendUint16(nil, code))); i >= 0 && len(sent) == i+2+n {
				return
			}
		}
	}
	t.Errorf("sent %q, want a close frame with one of %d", sent, codes)
}

// What answers a dial to a WebSocket and is none.
func TestDialGarbage(t *testing.T) {
	ex := newNode(t, testNetwork)
	for name, test := range map[string]struct{ say, want string }{
		"other path":    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", `answered "404 Not Found" (is the path "/pxp" right?)`},
		"no WebSocket":  {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", `answered "200 OK"`},
		"redirect":      {"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", `answered "302 Found"`},
		"no HTTP":       {"#PXP2 what do you want\r\n\r\n", "malformed HTTP"},
		"wrong key":     {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "no WebSocket there"},
		"endless":       {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), "more than 262144 bytes"},
		"hangs up":      {"", "EOF"},
		"cut in header": {"HTTP/1.1 101 Switch", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			answered := make(chan struct{})
			go func() { // ended by the dialer
				defer close(answered)
				c, err := l.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, test.say)
			}()
			_, err = Dial(t.Context(), ex, "ws://"+l.Addr().String()+"/pxp")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			<-answered
		})
	}
}

// One address has so many connections without a request at once and no more;
// the others are served.
func TestWebSocketRequestLimit(t *testing.T) {
	a := newNode(t, testNetwork)
	l := mustListen(t, a, "ws://127.0.0.1:0/pxp")
	address := mustURL(t, l.URL()).address()
	var held []net.Conn
	for range maxPerAddress + 1 {
		c, err := dialTCP(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	// Accepted in order: the last is one too many.
	if _, err := held[maxPerAddress].Read(make([]byte, 1)); err == nil {
		t.Error("one connection too many was answered")
	}
	if _, err := Dial(t.Context(), newNode(t, testNetwork), l.URL()); err == nil {
		t.Error("one request too many was served")
	}
	for _, c := range held {
		mustSay(t, c, "GET /pxp HTTP/1.1\r\n\r\n") // no host: 400 and closed
	}
	for _, c := range held[:maxPerAddress] {
		_, _ = io.Copy(io.Discard, c)
	}
	mustMeet(t, newNode(t, testNetwork), l.URL(), a)
}
