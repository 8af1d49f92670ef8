package exchange

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/peer-exchange/exchange/mux"
)

// Conn is a stream with a peer: the data stream that comes with it, or one of
// those opened by [Peer.OpenStream]. It is a [net.Conn] in full: deadlines,
// several goroutines at once, Close unblocks Read and Write. Streams are
// independent: one that is not read stops nobody but its own sender. (In version
// 1 of the protocol, which has no flow control, it stops the whole session,
// which ends after 30 s of that.)
//
// Its addresses are of type [Addr].
type Conn struct {
	stream mux.Stream
	peer   *Peer
	closed atomic.Bool // by Close or Reset, or both directions have ended
	eof    atomic.Bool // read to the end
	fin    atomic.Bool // by CloseWrite
}

var _ net.Conn = (*Conn)(nil)

func newConn(p *Peer, stream mux.Stream) *Conn {
	p.s.ex.connOpened(p.s)
	return &Conn{stream: stream, peer: p}
}

// Peer returns who is at the other end.
func (c *Conn) Peer() *Peer { return c.peer }

// Name returns the stream's name; that of a data stream is "data", in version 1
// of the protocol "data:" and the network's.
func (c *Conn) Name() string { return c.stream.Name() }

// Read reads what the peer wrote. It returns [io.EOF] after the peer's Close or
// CloseWrite, when all was read. When the session has ended it returns what
// arrived before, and then why it ended, as [Peer.Err] does: what was read may
// not be all that the peer wrote.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	if err == io.EOF {
		c.eof.Store(true)
		c.bothEnded()
	}
	return n, c.explain(err)
}

// Write writes p. It blocks while the peer does not read.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.stream.Write(p)
	return n, c.explain(err)
}

// explain puts the reason for which the session ended in the place of the
// multiplexer's error.
func (c *Conn) explain(err error) error {
	if err == nil || err == io.EOF || c.closed.Load() || errors.Is(err, mux.ErrReset) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	select {
	case <-c.peer.s.mux.Done():
		<-c.peer.Done() // follows at once
		return c.peer.Err()
	default:
		return err
	}
}

// CloseWrite tells the peer that no more comes; reading goes on. A Conn that was
// read to its end, and whose end was said, is closed.
func (c *Conn) CloseWrite() error {
	err := c.stream.CloseWrite()
	if err == nil {
		c.fin.Store(true)
		c.bothEnded()
	}
	return err
}

func (c *Conn) bothEnded() {
	if c.eof.Load() && c.fin.Load() {
		c.ended()
	}
}

// Close closes the stream. What was written still arrives. The session stays,
// see [Peer.Close].
func (c *Conn) Close() error {
	err := c.stream.Close()
	c.ended()
	return err
}

// Reset ends the stream in both directions at once; what is under way is lost,
// and the peer's Read and Write fail. Version 1 of the protocol has no reset: its
// peer reads io.EOF, as if all had arrived.
func (c *Conn) Reset() error {
	err := c.stream.Reset()
	c.ended()
	return err
}

func (c *Conn) ended() {
	if c.closed.CompareAndSwap(false, true) {
		c.peer.s.ex.connClosed(c.peer.s)
	}
}

// LocalAddr returns our [Addr].
func (c *Conn) LocalAddr() net.Addr { return c.stream.LocalAddr() }

// RemoteAddr returns the peer's [Addr].
func (c *Conn) RemoteAddr() net.Addr { return c.stream.RemoteAddr() }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.stream.SetDeadline(t) }

// SetReadDeadline bounds Read, also one that is waiting.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.stream.SetReadDeadline(t) }

// SetWriteDeadline bounds Write, also one that is waiting.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.stream.SetWriteDeadline(t) }
