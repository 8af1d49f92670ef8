package bootstrap

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/peer-exchange/exchange/identity"
)

// Schemes of a [URL].
const (
	SchemeTCP = "tcp"
	SchemeWS  = "ws"  // WebSocket
	SchemeWSS = "wss" // WebSocket over TLS
)

// maxURLBytes is how long the text of a URL may be.
const maxURLBytes = 512

// URL is the address of a node: one to dial, or one to listen on. It is
// comparable; equal URLs have equal texts.
type URL struct {
	Scheme string      // one of the constants
	Host   string      // name or IP address, lower case, no brackets; empty: every local address, to listen only
	Port   uint16      // 0: any free port, to listen only
	Path   string      // of ws and wss, escaped as in the text, begins with "/"; empty for tcp
	Peer   identity.ID // who must be there; zero: anybody of the network
	V1     bool        // by version 1 of the protocol (?v=1), to dial only
}

// ParseURL parses the text of a [URL], at most 512 bytes:
//
//	tcp://host:port[?v=1][#peerID]
//	ws://host[:port][/path][?v=1][#peerID]
//	wss://host[:port][/path][?v=1][#peerID]
//
// ?v=1 dials by version 1 of the protocol, for nodes that are npm
// peer-exchange; those have no peer ID. IPv6 addresses stand in brackets. It is
// strict: what it does not know it refuses, so that a typing error is not
// dialed. Other query parameters are refused, and so is user info.
func ParseURL(s string) (URL, error) {
	if len(s) > maxURLBytes {
		return URL{}, fmt.Errorf("bootstrap: URL of %d bytes: at most %d are allowed", len(s), maxURLBytes)
	}
	u, err := parseURL(s)
	if err == nil && len(u.String()) > maxURLBytes {
		err = fmt.Errorf("has more than %d bytes when escaped", maxURLBytes)
	}
	if err != nil {
		return URL{}, fmt.Errorf("bootstrap: URL %q: %w", withoutUser(s), err)
	}
	return u, nil
}

func parseURL(s string) (URL, error) {
	text, pin, pinned := strings.Cut(s, "#")
	parsed, err := url.Parse(text)
	if err != nil {
		var parseError *url.Error
		if errors.As(err, &parseError) {
			err = parseError.Err // without the URL, which may hold a password
		}
		return URL{}, fmt.Errorf("%w: write tcp://host:port or ws://host:port/path", err)
	}
	u := URL{Scheme: parsed.Scheme}
	switch {
	case u.Scheme != SchemeTCP && u.Scheme != SchemeWS && u.Scheme != SchemeWSS:
		return URL{}, fmt.Errorf("scheme %q is not known: write tcp://host:port, ws://host:port/path or wss://host/path", u.Scheme)
	case parsed.Opaque != "" || !strings.HasPrefix(text[len(u.Scheme):], "://"):
		return URL{}, fmt.Errorf("no host: write %s://host:port", u.Scheme)
	case parsed.User != nil:
		return URL{}, errors.New("user names and passwords have no meaning here: leave out what stands before @")
	}
	if u.V1, err = parseQuery(parsed); err != nil {
		return URL{}, err
	}
	if u.Host, err = parseHost(parsed); err != nil {
		return URL{}, err
	}
	if u.Port, err = parsePort(u.Scheme, parsed); err != nil {
		return URL{}, err
	}
	if u.Path, err = parsePath(u.Scheme, parsed); err != nil {
		return URL{}, err
	}
	if pinned {
		if u.Peer, err = identity.ParseID(pin); err != nil {
			return URL{}, fmt.Errorf("after # must stand a peer ID: %w", err)
		}
		if u.V1 {
			return URL{}, errors.New("version 1 has no peer IDs: leave out either ?v=1 or what stands after #")
		}
	}
	return u, nil
}

// parseQuery reports whether the query is "v=1". Nothing, and "v=2", is the other.
func parseQuery(u *url.URL) (v1 bool, err error) {
	switch query := u.RawQuery; {
	case query == "v=1":
		return true, nil
	case query == "v=2", query == "" && !u.ForceQuery:
		return false, nil
	case strings.HasPrefix(query, "v="):
		return false, fmt.Errorf("version %q of the protocol is not known: write ?v=1 for npm peer-exchange, else leave it out", strings.TrimPrefix(query, "v="))
	}
	name, _, _ := strings.Cut(u.RawQuery, "=")
	return false, fmt.Errorf("query parameter %q is not known: only ?v=1 has a meaning", name)
}

func parseHost(u *url.URL) (string, error) {
	host := strings.ToLower(u.Hostname())
	bracketed := strings.HasPrefix(u.Host, "[")
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Is6() != bracketed {
			return "", fmt.Errorf("host %q: IPv6 addresses, and only they, stand in brackets: [::1]:port", host)
		}
		if zone := addr.Zone(); strings.IndexFunc(zone, notInName) >= 0 {
			return "", fmt.Errorf("host %q: zone %q: letters, digits, - and _ only", host, zone)
		}
		return addr.String(), nil
	}
	if bracketed {
		return "", fmt.Errorf("host %q: not an IPv6 address", host)
	}
	return host, checkName(host)
}

// checkName accepts host names as resolvers know them, and "".
func checkName(host string) error {
	if host == "" {
		return nil
	}
	if len(host) > 253 {
		return fmt.Errorf("host name of %d bytes: at most 253 are allowed", len(host))
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 {
			return fmt.Errorf("host %q: between dots stand 1 to 63 characters", host)
		}
		if strings.IndexFunc(label, notInName) >= 0 {
			return fmt.Errorf("host %q: letters, digits, -, _ and dots only (write other scripts in their ASCII form, xn--…)", host)
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return fmt.Errorf("host %q: not an IPv4 address, and no name ends in a number", host)
	}
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func parsePort(scheme string, u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return 0, errors.New("no port after the colon")
		}
		if port := defaultPort(scheme); port != 0 {
			return port, nil
		}
		return 0, errors.New("no port: write tcp://host:port")
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || strconv.FormatUint(port, 10) != text {
		return 0, fmt.Errorf("port %q: write a number from 1 to 65535", text)
	}
	return uint16(port), nil
}

func defaultPort(scheme string) uint16 {
	switch scheme {
	case SchemeWS:
		return 80
	case SchemeWSS:
		return 443
	}
	return 0
}

func parsePath(scheme string, u *url.URL) (string, error) {
	path := u.EscapedPath()
	switch {
	case scheme == SchemeTCP && path != "":
		return "", fmt.Errorf("tcp has no path: leave out %q", path)
	case scheme != SchemeTCP && path == "":
		return "/", nil
	}
	return path, nil
}

// withoutUser returns s without what stands before @ in the authority.
func withoutUser(s string) string {
	scheme, rest, found := strings.Cut(s, "//")
	if !found {
		scheme, rest = "", s
	} else {
		scheme += "//"
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		return scheme + "…" + rest[at:]
	}
	return s
}

// String returns the text, which [ParseURL] accepts again. Ports that are the
// scheme's default are left out.
func (u URL) String() string {
	var b strings.Builder
	b.WriteString(u.Scheme)
	b.WriteString("://")
	if strings.Contains(u.Host, ":") {
		b.WriteString("[" + strings.ReplaceAll(u.Host, "%", "%25") + "]")
	} else {
		b.WriteString(u.Host)
	}
	if u.Port != defaultPort(u.Scheme) || u.Scheme == SchemeTCP {
		b.WriteString(":" + strconv.Itoa(int(u.Port)))
	}
	b.WriteString(u.Path)
	if u.V1 {
		b.WriteString("?v=1")
	}
	if !u.Peer.IsZero() {
		b.WriteString("#" + u.Peer.String())
	}
	return b.String()
}

// address returns host and port as package net takes them.
func (u URL) address() string { return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port))) }

// dialable says why u cannot be dialed.
func (u URL) dialable() error {
	switch {
	case u.Host == "":
		return fmt.Errorf("bootstrap: URL %q has no host to dial", u)
	case u.Port == 0:
		return fmt.Errorf("bootstrap: URL %q has no port to dial: 0 is for listening", u)
	}
	return nil
}
