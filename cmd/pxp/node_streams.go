package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
)

// streams answers the data streams of a node's peers, each in a goroutine of
// its own, one for each peer.
type streams struct {
	echo bool
	log  *slog.Logger
	wg   sync.WaitGroup

	mu       sync.Mutex
	open     map[*exchange.Conn]struct{}
	draining bool
}

// serveStreams accepts streams until ex is closed.
func serveStreams(ex *exchange.Exchange, echo bool, log *slog.Logger) *streams {
	s := &streams{echo: echo, log: log, open: make(map[*exchange.Conn]struct{})}
	l := ex.Listener()
	s.wg.Go(func() { // ended by ex.Close, waited for by wait
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn.(*exchange.Conn)) }) // as above
		}
	})
	return s
}

// wait waits for all of it. The exchange must be closed.
func (s *streams) wait() { s.wg.Wait() }

// idleTime is how long a stream may bring nothing once the node is draining.
const idleTime = 250 * time.Millisecond

// drain lets streams that move go on, and closes those that bring nothing for idleTime.
func (s *streams) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for conn := range s.open {
		conn.SetReadDeadline(time.Now().Add(idleTime))
	}
}

// serve answers one stream, to the end of what the peer sends.
func (s *streams) serve(conn *exchange.Conn) {
	s.mu.Lock()
	s.open[conn] = struct{}{}
	draining := s.draining
	s.mu.Unlock()
	if draining {
		conn.SetReadDeadline(time.Now().Add(idleTime))
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, conn)
	}()

	dst := io.Discard
	if s.echo {
		dst = conn
	}
	n, err := s.copy(dst, conn)
	s.log.Debug("data stream ended", "peer", conn.Peer().ID(), "bytes", n, "error", err)
	if err != nil {
		conn.Reset()
		return
	}
	conn.Close() // its end arrives behind what was echoed
}

// copy copies until the stream ends, fails, or is idle while draining; only the
// second is an error.
func (s *streams) copy(dst io.Writer, src net.Conn) (total int64, err error) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		total += int64(n)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return total, err
			}
			s.mu.Lock()
			if s.draining {
				src.SetReadDeadline(time.Now().Add(idleTime))
			}
			s.mu.Unlock()
		}
		switch {
		case err == io.EOF, errors.Is(err, os.ErrDeadlineExceeded):
			return total, nil
		case err != nil:
			return total, err
		}
	}
}
