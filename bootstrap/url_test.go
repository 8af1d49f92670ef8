package bootstrap

import (
	"strings"
	"testing"

	"github.com/peer-exchange/exchange/identity"
)

// anID is the ID of some peer.
var anID = func() identity.ID {
	key, err := identity.KeyFromSeed([]byte("a seed of exactly 32 bytes ....."))
	if err != nil {
		panic(err)
	}
	return key.ID()
}()

func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		text string
		want URL
		back string // what String returns; "" if text
	}{
		{text: "tcp://example.org:8000", want: URL{Scheme: "tcp", Host: "example.org", Port: 8000}},
		{text: "tcp://:0", want: URL{Scheme: "tcp"}},
		{text: "tcp://127.0.0.1:65535", want: URL{Scheme: "tcp", Host: "127.0.0.1", Port: 65535}},
		{text: "tcp://[::1]:1", want: URL{Scheme: "tcp", Host: "::1", Port: 1}},
		{text: "tcp://[2001:DB8:0::1]:1", want: URL{Scheme: "tcp", Host: "2001:db8::1", Port: 1}, back: "tcp://[2001:db8::1]:1"},
		{text: "tcp://[fe80::1%25eth0]:1", want: URL{Scheme: "tcp", Host: "fe80::1%eth0", Port: 1}},
		{text: "TCP://Example.ORG.:8000", want: URL{Scheme: "tcp", Host: "example.org.", Port: 8000}, back: "tcp://example.org.:8000"},
		{text: "tcp://_a-1.xn--bcher-kva.example:8000", want: URL{Scheme: "tcp", Host: "_a-1.xn--bcher-kva.example", Port: 8000}},
		{text: "tcp://h:1#" + anID.String(), want: URL{Scheme: "tcp", Host: "h", Port: 1, Peer: anID}},
		{text: "ws://h", want: URL{Scheme: "ws", Host: "h", Port: 80, Path: "/"}, back: "ws://h/"},
		{text: "ws://h:80/", want: URL{Scheme: "ws", Host: "h", Port: 80, Path: "/"}, back: "ws://h/"},
		{text: "ws://h:443/", want: URL{Scheme: "ws", Host: "h", Port: 443, Path: "/"}},
		{text: "ws://[::1]/p", want: URL{Scheme: "ws", Host: "::1", Port: 80, Path: "/p"}},
		{text: "wss://h/a/b%2Fc%20d/", want: URL{Scheme: "wss", Host: "h", Port: 443, Path: "/a/b%2Fc%20d/"}},
		{text: "wss://h/a b", want: URL{Scheme: "wss", Host: "h", Port: 443, Path: "/a%20b"}, back: "wss://h/a%20b"},
		{text: "wss://h:8443/#" + anID.String(), want: URL{Scheme: "wss", Host: "h", Port: 8443, Path: "/", Peer: anID}},
		{text: "wss://h#" + anID.String(), want: URL{Scheme: "wss", Host: "h", Port: 443, Path: "/", Peer: anID}, back: "wss://h/#" + anID.String()},
	} {
		u, err := ParseURL(test.text)
		if err != nil || u != test.want {
			t.Errorf("ParseURL(%q) = %+v, %v; want %+v", test.text, u, err, test.want)
		}
		if test.back == "" {
			test.back = test.text
		}
		if got := u.String(); got != test.back {
			t.Errorf("ParseURL(%q).String() = %q, want %q", test.text, got, test.back)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "write tcp://host:port",
		"example.org":                         "write tcp://host:port",
		"example.org:8000":                    "write tcp://host:port",
		"127.0.0.1:8000":                      "write tcp://host:port",
		"http://h/":                           `scheme "http" is not known`,
		"//h:1":                               `scheme "" is not known`,
		"tcp:h:1":                             "no host: write tcp://host:port",
		"tcp:/h:1":                            "no host: write tcp://host:port",
		"tcp:":                                "no host: write tcp://host:port",
		"tcp://h":                             "no port: write tcp://host:port",
		"tcp://h:":                            "no port after the colon",
		"ws://h:/":                            "no port after the colon",
		"tcp://h:65536":                       `port "65536"`,
		"tcp://h:080":                         `port "080"`,
		"tcp://h:http":                        "write tcp://host:port",
		"tcp://h:-1":                          "write tcp://host:port",
		"tcp://h:1/":                          `tcp has no path: leave out "/"`,
		"tcp://h:1/pxp":                       `leave out "/pxp"`,
		"tcp://h:1?v=3":                       `version "3" of the protocol is not known`,
		"tcp://h:1?v=1#" + anID.String():      "version 1 has no peer IDs",
		"ws://h/?x=1&v=2":                     `query parameter "x" is not known`,
		"ws://h/?":                            "is not known",
		"tcp://h:1#":                          "after # must stand a peer ID",
		"tcp://h:1#x":                         "after # must stand a peer ID",
		"tcp://h:1#" + anID.String() + "#":    "after # must stand a peer ID",
		"tcp://h:1#" + identity.ID{}.String(): "after # must stand a peer ID",
		"tcp://::1:8000":                      "brackets",
		"tcp://[127.0.0.1]:1":                 "",
		"tcp://[example.org]:1":               "",
		"tcp://[fe80::1%25e/th0]:1":           "",
		"tcp://[fe80::1%25e th0]:1":           "",
		"tcp://1.2.3:1":                       "not an IPv4 address",
		"tcp://1.2.3.256:1":                   "not an IPv4 address",
		"tcp://0x7f000001.1:1":                "not an IPv4 address",
		"tcp://a..b:1":                        "between dots stand",
		"tcp://.:1":                           "between dots stand",
		"tcp://" + strings.Repeat("a", 64) + ":1":    "between dots stand",
		"tcp://" + strings.Repeat("a.", 127) + "a:1": "at most 253",
		"tcp://bücher.example:1":                     "ASCII form",
		"tcp://a%41b c:1":                            "",
		"tcp://a*b:1":                                "letters, digits",
		"tcp://h:1\n":                                "",
		"ws://h/" + strings.Repeat("a", 512):         "at most 512",
		"ws://h/" + strings.Repeat(" ", 200):         "more than 512 bytes when escaped",
	} {
		u, err := ParseURL(text)
		if err == nil {
			t.Errorf("ParseURL(%q) = %+v", text, u)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "bootstrap: URL ") {
			t.Errorf("ParseURL(%q): %v; want %q in it", text, err, want)
		}
	}
}

func TestParseURLKeepsSecrets(t *testing.T) {
	for _, text := range []string{
		"ws://user:hunter2@h/", "tcp://hunter2@h:1", "ws://user:hunter2@h:port/", "user:hunter2@h:1", "ws://a@hunter2@h/#x", "ws://hunter2%zz@h/",
	} {
		if _, err := ParseURL(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseURL(%q): %v", text, err)
		}
	}
}

func TestDialable(t *testing.T) {
	for text, want := range map[string]string{
		"tcp://h:1":  "",
		"tcp://:1":   "no host",
		"tcp://h:0":  "no port",
		"ws://:80/":  "no host",
		"wss://h:0/": "no port",
	} {
		u, err := ParseURL(text)
		if err != nil {
			t.Fatal(err)
		}
		err = u.dialable()
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParseURL: what is accepted has one text, which is accepted again as the
// same URL, and is fit for a line of the cache.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"tcp://h:1", "ws://[::1]:80/a%2Fb?v=1#x", "wss://user@h/\x00", "tcp://[fe80::1%25eth0]:0#" + anID.String(), "ws://h/%zz", "WS://H//..//",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			if u != (URL{}) {
				t.Errorf("%+v with error %v", u, err)
			}
			return
		}
		text := u.String()
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q has the text %q", s, text)
		}
		again, err := ParseURL(text)
		if err != nil || again != u {
			t.Errorf("%q is %+v, its text %q is %+v, %v", s, u, text, again, err)
		}
	})
}
