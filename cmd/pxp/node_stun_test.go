package main

import (
	"net"
	"strings"
	"testing"
	"time"
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
