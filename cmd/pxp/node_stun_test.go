package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/wrtc"
)

func TestAutoSTUN(t *testing.T) {
	for _, tt := range []struct {
		listen []string
		public bool
		want   string
	}{
		{nil, true, ""},
		{[]string{"tcp://:8000"}, true, ":8000"},
		{[]string{"tcp://:8000"}, false, ""},
		{[]string{"tcp://0.0.0.0:8000"}, true, "0.0.0.0:8000"},
		{[]string{"tcp://[::]:8000"}, true, "[::]:8000"},
		{[]string{"tcp://:0"}, true, ":0"},
		{[]string{"tcp://127.0.0.1:8000", "ws://203.0.113.7:8080/pxp"}, false, "203.0.113.7:8080"},
		{[]string{"tcp://127.0.0.1:8000", "tcp://192.168.1.2:1", "tcp://[fe80::1]:1", "tcp://localhost:1", "tcp://example.org:1"}, true, ""},
		{[]string{"tcp://[2001:db8::7]:8000"}, false, "[2001:db8::7]:8000"},
	} {
		if got := autoSTUN(tt.listen, func() bool { return tt.public }); got != tt.want {
			t.Errorf("%q, public %v: %q, want %q", tt.listen, tt.public, got, tt.want)
		}
	}
}

// A node answers STUN where it is told to, says so, and tells its peers.
func TestNodeServesSTUN(t *testing.T) {
	t.Parallel()
	r := start(t, "node", "--network", "test", "--listen", "tcp://127.0.0.1:0", "--stun", "127.0.0.1:0", "--json")
	url := r.event("listening").URL
	address, found := strings.CutPrefix(r.event("serving").URL, "stun:")
	if !found {
		t.Fatalf("serving %q", address)
	}
	join(t, url, nil)
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("\x00\x01\x00\x00\x21\x12\xa4\x42twelve bytes")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil || n != 32 || string(buf[8:20]) != "twelve bytes" {
		t.Errorf("%x, %v", buf[:n], err)
	}
}

// Two nodes that use nothing but TURN meet through the one that serves it.
func TestNodeServesTURN(t *testing.T) {
	t.Parallel()
	r := start(t, "node", "--network", "test", "--listen", "tcp://127.0.0.1:0", "--stun", "127.0.0.1:0", "--turn", "--json")
	url := r.event("listening").URL
	if serving := r.event("serving").URL; !strings.HasPrefix(serving, "turn:127.0.0.1:") {
		t.Errorf("serving %q", serving)
	}
	var asker *exchange.Exchange
	for range 2 {
		transport, err := wrtc.New(&wrtc.Config{RelayOnly: true, Loopback: true})
		if err != nil {
			t.Fatal(err)
		}
		if asker, err = exchange.New("test", &exchange.Config{Transport: transport}); err != nil {
			t.Fatal(err)
		}
		defer asker.Close()
		if _, err := bootstrap.Dial(t.Context(), asker, url); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := asker.GetNewPeer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := conn.Peer().Path(); p.Carrier != exchange.CarrierWebRTC {
		t.Errorf("path is %v", p)
	}
}

func TestTURNFlag(t *testing.T) {
	for _, tt := range []struct{ stun, turn, want string }{
		{"off", "auto", "exclude each other"},
		{"auto", "example.org", "want the IP address"},
	} {
		o := nodeOptions{network: "test", listen: []string{"tcp://:0"}, stun: tt.stun, turn: tt.turn}
		if err := o.check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	for _, tt := range []struct {
		listen, turn, address, want, err string
	}{
		{"tcp://127.0.0.1:1", "auto", "", "", "no --listen URL is on a public address"},
		{"tcp://127.0.0.1:1", "auto", "127.0.0.1:1", "127.0.0.1", ""},
		{"tcp://203.0.113.7:1", "auto", "203.0.113.7:1", "203.0.113.7", ""},
		{"tcp://10.0.0.7:1", "auto", "10.0.0.7:1", "", "no public address"},
		{"tcp://10.0.0.7:1", "203.0.113.7", "10.0.0.7:1", "203.0.113.7", ""},
		{"tcp://10.0.0.7:1", "10.0.0.7", "10.0.0.7:1", "", "--turn=10.0.0.7 is not a public address"},
	} {
		o := nodeOptions{listen: []string{tt.listen}, turn: tt.turn}
		config, err := o.turnConfig(tt.address)
		if tt.err == "" && (err != nil || config.Address.String() != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: %+v, %v", tt, config, err)
		}
	}
}

func TestSTUNFlag(t *testing.T) {
	for _, bad := range []string{"on", "3478", "example.org:3478", ":70000", "1.2.3.4"} {
		o := nodeOptions{network: "test", listen: []string{"tcp://:0"}, stun: bad}
		if err := o.check(); err == nil || !strings.Contains(err.Error(), "--stun :3478") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, good := range []string{"auto", "off", ":3478", "[2001:db8::7]:3478", "203.0.113.7:0"} {
		o := nodeOptions{network: "test", listen: []string{"tcp://:0"}, stun: good}
		if err := o.check(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
