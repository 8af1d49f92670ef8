package wrtc

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// description is what we checked of the other end's SDP, before pion or the browser sees it.
type description struct {
	sdp         string   // without the candidates that are skipped
	fingerprint [32]byte // SHA-256 of the certificate
	maxMessage  int      // largest message that the other end takes; 0 = not said or no limit
	candidates  int      // in the description, skipped ones included
	end         bool     // a=end-of-candidates
}

// Fingerprint returns the SHA-256 of the DTLS certificate that a description names: what the connection's other end proves to
// hold. The error is a [*SignalError].
func Fingerprint(sdp string) ([32]byte, error) {
	d, err := checkSDP(Offer, sdp, len(sdp), func(candidate) string { return "" })
	if err != nil {
		return [32]byte{}, err
	}
	return d.fingerprint, nil
}

// checkSDP refuses descriptions that are not a single data channel section with exactly one SHA-256 fingerprint (RFC 8841,
// RFC 8842). Candidates for which skip gives a reason, or that do not parse, are taken out.
func checkSDP(kind SignalKind, sdp string, maxBytes int, skip func(candidate) string) (*description, error) {
	bad := func(format string, args ...any) (*description, error) { return nil, badSignal(kind, format, args...) }
	if len(sdp) > maxBytes {
		return bad("description of %d bytes, at most %d", len(sdp), maxBytes)
	}
	if !utf8.ValidString(sdp) {
		return bad("description is not UTF-8")
	}
	d := &description{}
	var out strings.Builder
	seen := map[string]string{} // attributes that may not change inside the description
	sections := 0
	lines := strings.Split(strings.TrimRight(sdp, "\r\n"), "\n")
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if strings.ContainsFunc(line, unicode.IsControl) {
			return bad("line %d has a control character", i+1)
		}
		if len(line) < 2 || line[1] != '=' {
			return bad("line %d is not an SDP line", i+1)
		}
		if i == 0 && line != "v=0" {
			return bad("does not begin with v=0")
		}
		if line[0] == 'm' {
			if sections++; sections > 1 {
				return bad("more than one media section")
			}
			f := strings.Fields(line[2:])
			if len(f) != 4 || f[0] != "application" || !strings.HasSuffix(f[2], "DTLS/SCTP") || f[3] != "webrtc-datachannel" {
				return bad("media section %q is not a data channel", line)
			}
			if f[1] == "0" {
				return bad("data channel section is rejected (port 0)")
			}
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
		if line[0] == 'a' {
			switch name {
			case "candidate":
				d.candidates++
				c, err := parseCandidate("candidate:" + value)
				if err != nil || skip(c) != "" {
					continue
				}
				line = "a=" + c.line
			case "end-of-candidates":
				d.end = true
			case "fingerprint":
				// Hex digits of either case, algorithm of either case (RFC 8122 section 5).
				value = strings.ToUpper(value)
				fallthrough
			case "ice-ufrag", "ice-pwd", "setup", "max-message-size", "sctp-port":
				if old, ok := seen[name]; ok && old != value {
					return bad("two different values of %s", name)
				}
				seen[name] = value
			}
		}
		out.WriteString(line)
		out.WriteString("\r\n")
	}
	if sections == 0 {
		return bad("no media section")
	}
	var problem string
	if d.fingerprint, problem = parseFingerprint(seen["fingerprint"]); problem != "" {
		return bad("%s", problem)
	}
	// RFC 8839 section 5.4.
	if n := len(seen["ice-ufrag"]); n < 4 || n > 256 {
		return bad("ice-ufrag of %d bytes, must be 4 to 256", n)
	}
	if n := len(seen["ice-pwd"]); n < 22 || n > 256 {
		return bad("ice-pwd of %d bytes, must be 22 to 256", n)
	}
	switch s := seen["setup"]; {
	case s == "active", s == "passive", s == "actpass" && kind == Offer:
	default:
		return bad("setup is %q", s)
	}
	if s, ok := seen["max-message-size"]; ok {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return bad("max-message-size is %q", s)
		}
		if n != 0 && n < minMessageSize {
			return bad("max-message-size is %d, must be 0 or at least %d", n, minMessageSize)
		}
		d.maxMessage = int(min(n, maxMessageSize))
	}
	d.sdp = out.String()
	return d, nil
}

func parseFingerprint(s string) (sum [32]byte, problem string) {
	if s == "" {
		return sum, "no fingerprint"
	}
	alg, digits, _ := strings.Cut(s, " ")
	if alg != "SHA-256" {
		return sum, "fingerprint algorithm " + strconv.Quote(alg) + ", must be sha-256"
	}
	if len(digits) != 32*3-1 {
		return sum, "fingerprint of the wrong length"
	}
	for i := range sum {
		if i > 0 && digits[3*i-1] != ':' {
			return sum, "fingerprint is not hex with colons"
		}
		if _, err := hex.Decode(sum[i:i+1], []byte(digits[3*i:3*i+2])); err != nil {
			return sum, "fingerprint is not hex with colons"
		}
	}
	return sum, ""
}
