// Package mux carries many streams over one connection.
//
// A [Session] multiplexes a carrier, which is any reliable byte stream. Each side opens streams and gives them names; the
// other side accepts them. A [Stream] is a net.Conn of its own: it has deadlines, half-close and back-pressure, and a
// stream that nobody reads holds up no other.
//
// # Wire
//
// The format is that of yamux (the hashicorp library's spec.md), version 0, and the library opens, accepts and closes
// the streams. A stream begins with its name: one length byte, 1 to 255, and that many bytes of UTF-8 without control
// characters (PXP §5). Beyond what yamux asks of both sides, stream ids of a side grow, and a data frame holds at most
// [MaxFrameBytes]. [Multiplex] speaks wire version 1 instead, of which nothing below is true.
//
// # Division of labour
//
// The library has no limits worth the name, no reset, one window size and no order of urgency among what is sent. So it
// does not talk to the carrier: it talks to a link, which is the net.Conn that it is given. The link reads and writes all
// frames. To the library it shows those that begin and end streams (SYN, ACK, FIN, RST). Data, windows, pings and limits
// are its own work: bytes go between the carrier and the buffers of a stream without passing through the library.
//
// # Limits
//
// A peer that keeps to the protocol never meets one, because it is told beforehand what it may send: a stream's window
// is a promise, and promises are made only as far as [Config.SessionBytes] and [Config.Budget] reach. A peer that sends
// what it was not promised ends the session with a [*LimitError]; one that sends what makes no sense, with a
// [*ProtocolError]. Streams above the limits are reset, the session goes on.
//
// # Order of urgency
//
// What the peer waits for goes first: window updates, answers, the beginning of a stream, and writes of at most 1 KiB on
// streams that have no more than that queued. They wait behind at most the one batch of larger frames that the carrier
// is taking. Order within a stream is always kept.
package mux

import (
	"context"
	"net"
	"time"
)

// Stream is one of a session's streams, a net.Conn.
//
// All methods may be called concurrently. Writes of concurrent callers do not mix. Read and Write return
// [os.ErrDeadlineExceeded] when a deadline has passed, [net.ErrClosed] after Close or Reset, [ErrReset] when the peer
// reset the stream, and the session's end, wrapped, when that came first. Deadlines are the stream's own, the carrier
// never sees one, and after a timeout the stream works on with a new deadline.
type Stream interface {
	// Conn's Read returns what has arrived, also after the session has ended, and io.EOF after all of what the peer
	// wrote before its Close or CloseWrite.
	//
	// Write returns when all of p is queued for the carrier. It blocks while the peer's window or the queue is full.
	// Writing nothing is a way to send the name of a stream just opened.
	//
	// Close closes both directions as TCP does: what was written arrives, then EOF; local calls end at once; a peer that
	// still has something to say is told by a reset. It does not wait for the peer, and may be called again.
	net.Conn

	// Name returns the name that the opening side gave.
	Name() string

	// CloseWrite says that nothing more will be written: the peer reads io.EOF after all that was. Reads go on. Later
	// writes fail with an error that is net.ErrClosed.
	CloseWrite() error

	// Ready reports whether Read would return at once. If not, f is called when it would, or shortly before: once, and in a
	// goroutine of its own, which is the caller's to wait for. A stream has one f, that of the last call that returned
	// false. So nobody need wait in Read for a stream on which little happens. What Read does for a name, Ready does too.
	Ready(f func()) bool

	// Reset ends both directions at once and throws away what has not been sent or read. The peer's calls fail with
	// [ErrReset]. After Close it cuts short what is still going on in the background.
	Reset() error
}

// Session is a connection that carries streams. All methods may be called concurrently.
type Session interface {
	// Open opens a stream. It sends nothing: the name travels with the first data, or with the first Read, CloseWrite
	// or Close of the stream, or with anything else that the session sends, whichever is first.
	//
	// It blocks while as many streams as [Config.MaxStreams] are open, or when more are opened in a second than
	// [Config.StreamsPerSecond], until ctx is done. It fails with a [*NameError], with context.Cause(ctx), with a
	// [*LimitError] when the budget has no room for a stream, or with the session's end.
	Open(ctx context.Context, name string) (Stream, error)

	// Accept returns the next stream that the peer opened and whose name has arrived. It blocks until there is one, ctx
	// is done or the session has ended.
	Accept(ctx context.Context) (Stream, error)

	// Ready is for Accept what [Stream]'s is for Read.
	Ready(f func()) bool

	// Admit ends the peer's probation ([Config.Probation]).
	Admit()

	// Flush waits until all that was queued before the call is being given to the carrier, so that nothing written after
	// it can go ahead; or ctx is done (its cause) or the session has ended (its error).
	Flush(ctx context.Context) error

	// Close ends the session and closes the carrier. Local calls on its streams fail at once; what they had queued is
	// given to the carrier, as long as that takes it within one second. It waits for all goroutines of the session.
	// Further calls do nothing but wait for the same.
	Close() error

	// Release waits until the session has ended and all its goroutines with it. Unlike Close it ends nothing itself, and
	// what has arrived on the streams can still be read: it is for a session that the peer or the carrier has ended.
	Release()

	// Done is closed when the session has ended, for whatever reason.
	Done() <-chan struct{}

	// Err returns nil before Done is closed, and then why the session ended: an error that is net.ErrClosed after Close,
	// [ErrRemoteClosed] after the peer's, a [*LimitError] or [*ProtocolError] when the peer broke a rule, a
	// [*RemoteError] when it says that we did, or what the carrier failed with.
	Err() error

	// Stats returns numbers of now.
	Stats() Stats
}

// Stats are numbers of one session.
type Stats struct {
	Streams      int           // open, or ended with something left to read
	BytesIn      uint64        // data received on all streams, names included
	BytesOut     uint64        // data queued for the carrier on all streams, names included
	Buffered     int           // bytes received and not yet read
	Promised     int           // bytes that streams may have buffered at most: the sum of their windows
	Queued       int           // bytes that wait for the carrier
	RTT          time.Duration // round trip below the streams; zero until measured, which only bulk data asks for
	LastReceived time.Time     // when the carrier last delivered a byte; the session's start before the first
}

// Client starts a session over carrier, whose other end calls [Server]. A nil cfg is the zero Config.
//
// The session owns the carrier: it closes it when it ends. It makes one Read and one Write at a time and sets no
// deadlines. The error is about cfg; the carrier is then left as it was.
func Client(carrier net.Conn, cfg *Config) (Session, error) { return newSession(carrier, cfg, true) }

// Server starts the other side of a session, see [Client].
func Server(carrier net.Conn, cfg *Config) (Session, error) { return newSession(carrier, cfg, false) }
