package wrtc

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const goodFingerprint = "0F:1E:2D:3C:4B:5A:69:78:87:96:A5:B4:C3:D2:E1:F0:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

// goodSDP is an offer as a browser makes it.
const goodSDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n" +
	"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=fingerprint:sha-256 " + goodFingerprint + "\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"

func swap(old, new string) string { return strings.Replace(goodSDP, old, new, 1) }

// badSDPs are descriptions that must not reach pion, with a word of the problem.
var badSDPs = []struct{ name, sdp, problem string }{
	{"empty", "", "not an SDP line"},
	{"rubbish", "rubbish", "not an SDP line"},
	{"binary", "v=0\r\na=\x00\r\n", "control character"},
	{"not UTF-8", "v=0\r\na=\xff\r\n", "UTF-8"},
	{"other version", swap("v=0", "v=1"), "v=0"},
	{"too long", goodSDP + strings.Repeat("a=x\r\n", 3000), "at most 12288"},
	{"no media", swap("m=application", "a=application"), "no media section"},
	{"two media", goodSDP + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "more than one media section"},
	{"audio", swap("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=audio 9 UDP/TLS/RTP/SAVPF 111"), "not a data channel"},
	{"rejected", swap("m=application 9", "m=application 0"), "port 0"},
	{"no fingerprint", swap("a=fingerprint:", "a=fingerprints:"), "no fingerprint"},
	{"short fingerprint", swap(":EE:FF", ":EE"), "wrong length"},
	{"fingerprint not hex", swap(":EE:FF", ":EE:FG"), "not hex"},
	{"fingerprint without colons", swap(":EE:FF", ":EE.FF"), "not hex"},
	{"sha-1", swap("sha-256", "sha-1"), "must be sha-256"},
	{"two fingerprints", goodSDP + "a=fingerprint:sha-256 " + strings.Replace(goodFingerprint, "0F", "1F", 1) + "\r\n", "two different values of fingerprint"},
	{"short ufrag", swap("ufrag:abcd", "ufrag:abc"), "ice-ufrag"},
	{"no password", swap("ice-pwd", "ice-pass"), "ice-pwd"},
	{"two passwords", goodSDP + "a=ice-pwd:abcdefghijklmnopqrstuvw\r\n", "two different values of ice-pwd"},
	{"no setup", swap("a=setup:actpass\r\n", ""), "setup"},
	{"holdconn", swap("actpass", "holdconn"), "setup"},
	{"tiny messages", swap("262144", "1"), "max-message-size"},
	{"rubbish message size", swap("262144", "-1"), "max-message-size"},
	{"many candidates", goodSDP + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n", 64), "more than 64 candidates"},
}

func TestCheckSDP(t *testing.T) {
	w := newWebRTC(t, nil)
	for _, c := range badSDPs {
		if c.name == "many candidates" { // the negotiation's limit: TestHostileSignals
			continue
		}
		_, err := checkSDP(Offer, c.sdp, defaultMaxSDP, w.policy().skip)
		var se *SignalError
		if !errors.As(err, &se) || se.Kind != Offer || !strings.Contains(se.Problem, c.problem) {
			t.Errorf("%s: %v, want %q", c.name, err, c.problem)
		}
	}
	if _, err := checkSDP(Answer, goodSDP, defaultMaxSDP, w.policy().skip); err == nil {
		t.Error("an answer with actpass was accepted")
	}
	for _, s := range []string{
		goodSDP,
		strings.ReplaceAll(goodSDP, "\r\n", "\n"),
		swap(goodFingerprint, strings.ToLower(goodFingerprint)),
		goodSDP + "a=fingerprint:SHA-256 " + strings.ToLower(goodFingerprint) + "\r\n", // the same again
		goodSDP + "a=something-new:yes\r\n",
	} {
		d, err := checkSDP(Offer, s, defaultMaxSDP, w.policy().skip)
		if err != nil {
			t.Errorf("%v in %q", err, s)
			continue
		}
		if d.candidates != 1 || !strings.Contains(d.sdp, "a=candidate:1 ") || d.maxMessage != maxMessageSize {
			t.Errorf("%+v", d)
		}
		if sum, err := Fingerprint(s); err != nil || sum != d.fingerprint || sum[0] != 0x0f || sum[31] != 0xff {
			t.Errorf("fingerprint %x, %v", sum, err)
		}
	}
}

// Candidates that are not to be tried are taken out of a description, and count.
func TestCheckSDPTakesOutCandidates(t *testing.T) {
	w := newWebRTC(t, nil)
	d, err := checkSDP(Offer, goodSDP+"a=candidate:2 1 udp 1 127.0.0.1 22 typ host\r\na=candidate:rubbish\r\na=end-of-candidates\r\n", defaultMaxSDP, w.policy().skip)
	check(t, err)
	if d.candidates != 3 || strings.Contains(d.sdp, "127.0.0.1 22") || strings.Contains(d.sdp, "rubbish") || !strings.Contains(d.sdp, "192.0.2.1") {
		t.Errorf("%+v", d)
	}
}

func TestCandidates(t *testing.T) {
	local, far := newWebRTC(t, loopback()), newWebRTC(t, nil)
	names := newWebRTC(t, &Config{MDNS: true})
	for _, c := range []struct {
		line string
		w    *WebRTC
		why  string // "": used
	}{
		{"candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", far, ""},
		{"candidate:1 1 UDP 2130706431 2001:db8::1 5000 typ host generation 0 ufrag x", far, ""},
		{"candidate:1 1 udp 1 198.51.100.7 1 typ srflx raddr 0.0.0.0 rport 0", far, ""},
		{"candidate:1 1 udp 1 127.0.0.1 5000 typ host", local, ""},
		{"candidate:1 1 udp 1 127.0.0.1 5000 typ host", far, "loopback"},
		{"candidate:1 1 udp 1 ::1 5000 typ host", far, "loopback"},
		{"candidate:1 1 udp 1 ::ffff:127.0.0.1 5000 typ host", far, "loopback"},
		{"candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active", far, "not UDP"},
		{"candidate:1 1 udp 1 192.0.2.1 0 typ host", far, "port 0"},
		{"candidate:1 1 udp 1 0.0.0.0 1 typ host", local, "unicast"},
		{"candidate:1 1 udp 1 :: 1 typ host", local, "unicast"},
		{"candidate:1 1 udp 1 224.0.0.251 5353 typ host", local, "unicast"},
		{"candidate:1 1 udp 1 ff02::fb 5353 typ host", local, "unicast"},
		{"candidate:1 1 udp 1 255.255.255.255 1 typ host", local, "unicast"},
		{"candidate:1 1 udp 1 d2a3.local 1 typ host", far, "mDNS"},
		{"candidate:1 1 udp 1 d2a3.local 1 typ host", names, ""},
	} {
		parsed, err := parseCandidate(c.line)
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
			continue
		}
		if why := c.w.policy().skip(parsed); (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%q: skipped because %q, want %q", c.line, why, c.why)
		}
	}
	for _, line := range badCandidates {
		if c, err := parseCandidate(line); err == nil {
			t.Errorf("%q parsed as %+v", line, c)
		}
	}
}

var badCandidates = []string{
	"", "candidate:", "rubbish", "candidate:1 1 udp", "a=candidate:1 1 udp 1 192.0.2.1 1 typ host",
	"candidate:1 1 udp 1 192.0.2.1 1 type host",
	"candidate:1 0 udp 1 192.0.2.1 1 typ host",
	"candidate:1 x udp 1 192.0.2.1 1 typ host",
	"candidate:1 1 udp 4294967296 192.0.2.1 1 typ host",
	"candidate:1 1 udp 1 192.0.2.1 65536 typ host",
	"candidate:1 1 udp 1 192.0.2.1 -1 typ host",
	"candidate:1 1 udp 1 example.com 1 typ host", // a name that would be looked up
	"candidate:1 1 udp 1 192.0.2.256 1 typ host",
	"candidate:1 1 udp 1 192.0.2.1 1 typ unheard-of",
	"candidate:1 1 udp 1 192.0.2.1 1 typ host " + strings.Repeat("x", maxCandidateBytes),
}

// FuzzSignal: no description and no candidate panics; what is accepted is accepted again, unchanged.
func FuzzSignal(f *testing.F) {
	f.Add(goodSDP)
	for _, c := range badSDPs {
		f.Add(c.sdp)
	}
	for _, line := range badCandidates {
		f.Add(line)
	}
	f.Add("candidate:1 1 udp 1 fe80::1%eth0 1 typ host")
	for _, text := range signalTexts(f) {
		f.Add(text)
	}
	w, err := New(nil)
	check(f, err)
	to := w.policy()
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := parseCandidate(s); err == nil {
			_ = to.skip(c)
		}
		for _, kind := range []SignalKind{Offer, Answer} {
			d, err := checkSDP(kind, s, defaultMaxSDP, to.skip)
			if err != nil {
				if se := (*SignalError)(nil); !errors.As(err, &se) {
					t.Fatalf("untyped error %v", err)
				}
				continue
			}
			again, err := checkSDP(kind, d.sdp, len(d.sdp), to.skip)
			if err != nil || again.sdp != d.sdp || again.fingerprint != d.fingerprint || !utf8.ValidString(d.sdp) {
				t.Fatalf("second pass: %v\n%q\n%+v", err, d.sdp, again)
			}
		}
	})
}

// signalTexts are what an attacker varies: descriptions and candidates that are right, wrong, and those of other implementations.
func signalTexts(f *testing.F) []string {
	texts := []string{goodSDP, swap("actpass", "active"), swap("a=mid:0\r\n", "")}
	files, err := filepath.Glob("testdata/*.json")
	check(f, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		check(f, err)
		for d := json.NewDecoder(bytes.NewReader(data)); d.More(); {
			var v any
			check(f, d.Decode(&v))
			texts = append(texts, longStrings(v)...)
		}
	}
	return append(texts, "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", "candidate:2 1 udp 2130706431 10.0.0.1 5000 typ host", "candidate:3 1 udp 1 127.0.0.1 53 typ host")
}

// longStrings are the descriptions and candidates somewhere in a JSON document.
func longStrings(v any) (list []string) {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "v=0") || strings.HasPrefix(v, "candidate:") {
			list = append(list, v)
		}
	case []any:
		for _, x := range v {
			list = append(list, longStrings(x)...)
		}
	case map[string]any:
		for _, x := range v {
			list = append(list, longStrings(x)...)
		}
	}
	return list
}
