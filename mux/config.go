package mux

import (
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Window is the number of bytes that each side may send on a new stream before it is given more. It is yamux's.
const Window = 256 << 10

// MaxFrameBytes is the largest data frame that a peer may send. We send at most half of it.
const MaxFrameBytes = 64 << 10

// Defaults of [Config].
const (
	DefaultMaxStreams       = 64
	DefaultMaxStreamWindow  = 16 << 20
	DefaultSessionBytes     = 48 << 20
	DefaultStreamsPerSecond = 100
	DefaultStreamBurst      = 200
	DefaultNameTimeout      = 10 * time.Second
	DefaultUnreadBytes      = 4 << 20
	DefaultUnreadTimeout    = 30 * time.Second
)

// Config sets the limits of a session. The zero value of each field means its default.
type Config struct {
	// MaxStreams is how many streams of each side may be open at once; default 64, so 128 in all. Open waits for room;
	// a stream that the peer opens beyond it is reset.
	MaxStreams int

	// MaxStreamWindow is how far the window of one stream grows, in bytes, when the peer fills it faster than it can be
	// told to go on; default 16 MiB, which is 400 MiB/s at 40 ms round trip. At least [Window].
	MaxStreamWindow int

	// SessionBytes is the most that may be buffered for the streams of this session, in bytes; default 48 MiB. Each of
	// the 2 x MaxStreams streams needs Window; what is above that (16 MiB by default) is what windows may grow by.
	SessionBytes int

	// Probation, if not 0, is how many streams the peer may have open until [Session.Admit] is called; others are reset.
	// Until then it may have 64 KiB unread in all, windows do not grow, and Budget does not count the session: so that
	// those who have not proved anything cannot use up what peers need.
	Probation int

	// Budget is shared with other sessions and bounds the bytes buffered for all of them. Nil is no such bound. A stream of the
	// peer that it has no room for is reset, and Logger is told so at level warning.
	Budget *Budget

	// StreamsPerSecond and StreamBurst bound how fast the peer may open streams: that many a second after a burst;
	// defaults 100 and 200. Those above are reset, and a peer that goes on to twice the burst loses the session. Open
	// keeps to the same rate and half the burst, so that it does not come to that when the carrier's delay varies.
	StreamsPerSecond int
	StreamBurst      int

	// NameTimeout is how long the peer may take to send the name of a stream; default 10 s. Then it is reset.
	NameTimeout time.Duration

	// UnreadBytes and UnreadTimeout are for [Multiplex], whose peer cannot be told to wait: when the application leaves that
	// many bytes of one stream unread, the carrier is not read; and when it reads nothing of them for that long, the
	// session ends. Defaults 4 MiB, at least [Window], and 30 s.
	UnreadBytes   int
	UnreadTimeout time.Duration

	// Expect, if not nil, is for [Multiplex]: whether this side may yet open a stream of that name. What the peer opens under
	// another name before we do is dropped at once. It is called with locks held: it must not wait, or call the session.
	Expect func(name string) bool

	// LocalAddr and RemoteAddr are what streams say that their addresses are; default the carrier's.
	LocalAddr, RemoteAddr net.Addr

	// Logger receives what an operator may want to know about a session's end; nil is silence.
	Logger *slog.Logger
}

// withDefaults returns a copy of c, which may be nil, with every field set, or an error that names a field.
func (c *Config) withDefaults(carrier net.Conn) (Config, error) {
	var f Config
	if c != nil {
		f = *c
	}
	for _, v := range []struct {
		field    string
		value    *int
		standard int
		least    int
	}{
		{"MaxStreams", &f.MaxStreams, DefaultMaxStreams, 1},
		{"MaxStreamWindow", &f.MaxStreamWindow, DefaultMaxStreamWindow, Window},
		{"SessionBytes", &f.SessionBytes, DefaultSessionBytes, 2 * Window},
		{"StreamsPerSecond", &f.StreamsPerSecond, DefaultStreamsPerSecond, 1},
		{"StreamBurst", &f.StreamBurst, DefaultStreamBurst, 2},
		{"UnreadBytes", &f.UnreadBytes, DefaultUnreadBytes, Window},
	} {
		if *v.value == 0 {
			*v.value = v.standard
		}
		if *v.value < v.least {
			return f, fmt.Errorf("mux: Config.%s is %d, at least %d is needed", v.field, *v.value, v.least)
		}
	}
	if f.MaxStreamWindow > maxWindow {
		return f, fmt.Errorf("mux: Config.MaxStreamWindow is %d, at most %d is possible", f.MaxStreamWindow, maxWindow)
	}
	if need := 2 * f.MaxStreams * Window; f.SessionBytes < need {
		return f, fmt.Errorf("mux: Config.SessionBytes is %d, 2 x MaxStreams = %d streams need %d", f.SessionBytes, 2*f.MaxStreams, need)
	}
	if f.NameTimeout == 0 {
		f.NameTimeout = DefaultNameTimeout
	}
	if f.NameTimeout < 0 {
		return f, fmt.Errorf("mux: Config.NameTimeout is %v, it must be positive", f.NameTimeout)
	}
	if f.UnreadTimeout == 0 {
		f.UnreadTimeout = DefaultUnreadTimeout
	}
	if f.UnreadTimeout < 0 {
		return f, fmt.Errorf("mux: Config.UnreadTimeout is %v, it must be positive", f.UnreadTimeout)
	}
	if f.LocalAddr == nil {
		f.LocalAddr = carrier.LocalAddr()
	}
	if f.RemoteAddr == nil {
		f.RemoteAddr = carrier.RemoteAddr()
	}
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	return f, nil
}
