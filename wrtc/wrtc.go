// Package wrtc is WebRTC as a [net.Conn]: an offer, an answer and candidates go in and out through a
// [Signaler], a connection comes out. Natively it stands on pion, in a browser (GOOS=js) on the browser's own
// RTCPeerConnection; both behind [Transport] and with the same rules. No other package of the module imports pion.
//
// # The channel
//
// One PeerConnection carries one data channel: pre-negotiated, id 0, label "pxp", ordered, reliable. What is written is
// a stream of bytes; it travels as binary messages of at most [Config.MessageSize] bytes and the borders between
// messages mean nothing. An empty binary message is the end of the stream: Close sends it, nothing follows.
// An empty text message confirms that it arrived, and so everything before it: the end that closes waits for it. A channel that goes away without one was cut off, and a reader is told so ([ErrFailed]) in place of
// io.EOF: what was received may be a part. Other text messages, messages above 65535 bytes
// and more than 8 further channels of the other end (each of which is closed) are errors that end the connection.
//
// # Who is at the other end
//
// DTLS proves that the other end holds the key of the certificate whose SHA-256 stands in its description
// (a=fingerprint, exactly one is accepted), and nothing else. So the connection is as authentic as the path that
// the descriptions took: a [Signaler] over an authenticated session makes the channel belong to that session's peer, since
// nobody in between can put another fingerprint in. [Fingerprint] reads it from a description.
//
// # What it does not do
//
// No media, no ICE restart, no half-close (the mux above has one).
//
// # Whom the other end makes us send to
//
// The other end is a stranger, and ICE sends packets to every address that it names. So these are not used, wherever they come from: link-local,
// multicast, broadcast, unspecified and reserved addresses, loopback without [Config.Loopback], private ones (RFC 1918, RFC 6598, RFC 4193) of a family in
// which this machine has no private address, or [Config.RefusePrivate] is set, and names, but those of mDNS with [Config.MDNS]. No name is ever looked up in the
// DNS. An IPv6 address that stands for an IPv4 one (NAT64, 6to4) is judged as that. What is left gets at most 8 checks of some 100 bytes from each of our addresses, until
// [Config.OpenTimeout]; see [Config.MaxCandidates] for how many that are. A browser has its own view of checks that arrive, and does not say what
// addresses it has: there private ones are used unless RefusePrivate is set.
//
// # Version 1
//
// [WebRTC.SimplePeer] makes the channels of npm simple-peer@6. What is said above about the channel does not hold for them;
// all the rest does.
package wrtc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Role says which end makes the offer. Both ends must know it beforehand and differ in it.
type Role int

// The two roles.
const (
	Offerer  Role = 1 // sends the offer, waits for the answer
	Answerer Role = 2 // waits for the offer, sends the answer
)

// String is "offerer" or "answerer".
func (r Role) String() string {
	switch r {
	case Offerer:
		return "offerer"
	case Answerer:
		return "answerer"
	}
	return fmt.Sprintf("role(%d)", int(r))
}

// SignalKind is what a [Signal] carries. The numbers are those of the upgrade message (PXP, kind).
type SignalKind int

// The kinds of signal.
const (
	Offer     SignalKind = 1 // Text is the offerer's description (SDP)
	Answer    SignalKind = 2 // Text is the answerer's description (SDP)
	Candidate SignalKind = 3 // Text is one candidate line ("candidate:…"), Mid and Line name its media section
	End       SignalKind = 4 // no more candidates; Text is empty
)

// String is the name of the kind.
func (k SignalKind) String() string {
	switch k {
	case Offer:
		return "offer"
	case Answer:
		return "answer"
	case Candidate:
		return "candidate"
	case End:
		return "end"
	}
	return fmt.Sprintf("kind(%d)", int(k))
}

// Signal is one message of a negotiation.
type Signal struct {
	Kind SignalKind
	Text string // SDP (at most Config.MaxSDP bytes) or a candidate line (at most 1024 bytes)
	Mid  string // of a candidate: the media section's identification tag, at most 64 bytes; may be empty
	Line uint16 // of a candidate: the media section's index; ours is always 0
}

// Signaler carries the signals of one negotiation to the other end and back, in order. Send and Receive are called from
// two goroutines, each never twice at once. Both must return soon after their context is done, and being
// cancelled must not damage what comes after on the same path: [Transport.Negotiate] cancels them when the channel is
// open and waits for them. Neither is used after Negotiate has returned.
type Signaler interface {
	Send(ctx context.Context, s Signal) error
	Receive(ctx context.Context) (Signal, error)
}

// Transport makes direct connections out of signaling. [WebRTC] is one; tests and later transports stand in.
type Transport interface {
	// Name is the transport's name in upgrade messages ("webrtc").
	Name() string
	// Negotiate blocks until the connection is open, the transport's own time limit has passed or ctx is done.
	// When it fails it leaves nothing behind; when it succeeds the Conn owns everything.
	Negotiate(ctx context.Context, role Role, s Signaler) (Conn, error)
}

// Conn is an open direct connection. Read, Write and Close follow [net.Conn]; see [WebRTC.Negotiate] for what is particular.
type Conn interface {
	net.Conn
	// Timing tells how long each step of the set-up took.
	Timing() Timing
}

// Timing is how long the steps of one set-up took, seen from one end. Waiting for the other end's description is in none.
type Timing struct {
	Gather time.Duration // own candidates, until the description was sent
	ICE    time.Duration // from both descriptions known to a working pair of addresses
	DTLS   time.Duration // from there until the handshake was done
	Open   time.Duration // from there until the data channel was open
}

// Addr is one end of the selected pair of addresses of a connection, as it was when the channel opened.
type Addr struct {
	AddrPort netip.AddrPort // invalid when the browser hides it
	Type     string         // ICE candidate type: "host", "srflx", "prflx" or "relay"; "" when unknown
}

// Network is "webrtc".
func (Addr) Network() string { return "webrtc" }

// String is the address and port, or "hidden".
func (a Addr) String() string {
	if !a.AddrPort.IsValid() {
		return "hidden"
	}
	return a.AddrPort.String()
}

// ICEServer is a STUN or TURN server to gather candidates from. Its operator learns our address.
type ICEServer struct {
	URLs                 []string // "stun:host:port", "turn:host:port?transport=udp", …
	Username, Credential string   // for TURN
}

// Config sets up a [WebRTC]. Nil and zero fields mean the defaults. It is not changed and not kept.
type Config struct {
	// ICEServers to gather candidates from. Default: none, only the addresses of this host.
	ICEServers []ICEServer
	// MDNS resolves the ".local" names behind which browsers hide their addresses. Off by default: it sends multicast
	// to everybody in the local network and binds a port there. Without it a browser still connects, since it
	// sends the first check and its address is learned from that. No effect in a browser.
	MDNS bool
	// Loopback gathers loopback addresses too and accepts the other end's. Needed when both ends are on one machine that has
	// no other address, refused otherwise: nobody far away should make us send to our own services. No effect on gathering in a browser.
	Loopback bool
	// OwnServers leaves out the servers of [WebRTC.WithServers]: those that other peers run. Only ICEServers are used.
	OwnServers bool
	// RelayOnly uses nothing but TURN servers, those of ICEServers and of peers; without one [ErrNoRelay]: the other end sees their addresses and none of ours.
	RelayOnly bool
	// HideHosts tells the other end none of this machine's own addresses, only what STUN and TURN servers see. They are still used: who is
	// in the same network, or has no NAT in between, sees where our checks come from. Without servers the other end must be reachable by itself.
	HideHosts bool
	// RefusePrivate neither uses the other end's private addresses nor tells ours: for nodes that share a network with what strangers should not
	// make them send to. Peers in one private network then meet through its outer address, if at all.
	RefusePrivate bool
	// Interface, when not nil, says by name which network interfaces to gather from. No effect in a browser.
	Interface func(name string) bool
	// Logger receives our messages and pion's. Default: silent.
	Logger *slog.Logger
	// HighWater and LowWater bound what is written and not yet taken by the other end, in bytes: Write blocks while more than
	// HighWater is buffered, until it is at most LowWater. Defaults 1 MiB and 256 KiB.
	HighWater, LowWater int
	// MessageSize is the largest message that Write makes, 1024 to 65535 bytes, less when the other end takes less. Default 16 KiB.
	MessageSize int
	// OpenTimeout is the time from the start of Negotiate until the channel must be open. Default 15 s.
	OpenTimeout time.Duration
	// MaxSDP is the largest description accepted, in bytes. Default 12288.
	MaxSDP int
	// MaxCandidates is the number of candidates accepted from the other end, those inside its description included, and the number
	// sent to it. Candidates that do not parse or that are not used (port 0, a transport other than UDP, and what the package documentation
	// says) are skipped but count. Default 64.
	MaxCandidates int
}

// Defaults of [Config].
const (
	defaultHighWater     = 1 << 20
	defaultLowWater      = 256 << 10
	defaultMessageSize   = 16 << 10
	defaultOpenTimeout   = 15 * time.Second
	defaultMaxSDP        = 12288
	defaultMaxCandidates = 64
)

const (
	channelLabel      = "pxp"
	minMessageSize    = 1024
	maxMessageSize    = 65535 // the largest message that is accepted from the other end in version 2, and the largest that is sent in any
	maxCandidateBytes = 1024
	maxMidBytes       = 64
	linger            = 5 * time.Second // how long Close waits for written bytes to arrive
)

func (c *Config) withDefaults() (Config, error) {
	var d Config
	if c != nil {
		d = *c
	}
	for _, f := range []struct {
		name     string
		v        *int
		def      int
		min, max int
	}{
		{"HighWater", &d.HighWater, defaultHighWater, 1, 1 << 30},
		{"MessageSize", &d.MessageSize, defaultMessageSize, minMessageSize, maxMessageSize},
		{"MaxSDP", &d.MaxSDP, defaultMaxSDP, 512, 1 << 20},
		{"MaxCandidates", &d.MaxCandidates, defaultMaxCandidates, 1, 1024},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < f.min || *f.v > f.max {
			return d, fmt.Errorf("wrtc: config: %s is %d, must be %d to %d", f.name, *f.v, f.min, f.max)
		}
	}
	if d.LowWater == 0 {
		d.LowWater = min(defaultLowWater, d.HighWater)
	}
	if d.LowWater < 0 || d.LowWater > d.HighWater {
		return d, fmt.Errorf("wrtc: config: LowWater is %d, must be 0 to HighWater (%d)", d.LowWater, d.HighWater)
	}
	if d.OpenTimeout == 0 {
		d.OpenTimeout = defaultOpenTimeout
	}
	if d.OpenTimeout < 0 {
		return d, fmt.Errorf("wrtc: config: OpenTimeout is %v, must not be negative", d.OpenTimeout)
	}
	for i, s := range d.ICEServers {
		if len(s.URLs) == 0 {
			return d, fmt.Errorf("wrtc: config: ICEServers[%d] has no URL", i)
		}
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d, nil
}

// WebRTC is the [Transport] named "webrtc". It holds no state but its configuration and may be used from any goroutine. Its
// connections are those of PXP version 2, those of [WebRTC.SimplePeer] the ones of version 1.
type WebRTC struct {
	cfg     Config      // immutable after New
	offered []ICEServer // by WithServers
	dialect dialect
	hook    hook                                  // tests only
	host    func() ([]netip.Prefix, []netip.Addr) // tests only: the machine's addresses
}

// New checks the configuration and makes the transport. Nothing is started.
func New(cfg *Config) (*WebRTC, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkServers(&c); err != nil {
		return nil, err
	}
	return &WebRTC{cfg: c, dialect: version2}, nil
}

// Name is "webrtc".
func (*WebRTC) Name() string { return "webrtc" }
