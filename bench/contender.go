package main

import (
	"errors"
	"io"
	"time"
)

// contender is a technology that connects two ends and opens streams between
// them.
type contender interface {
	// name is what tables call it.
	name() string
	// start makes both ends and lets one of them listen on loopback, but
	// connects nothing. Streams that the dialing end opens are given to serve
	// at the other, each in a goroutine of its own.
	start(line, func(stream)) (ends, error)
}

// isRival reports whether c is somebody else's.
func isRival(c contender) bool {
	switch c.(type) {
	case libp2pHost, libp2pCircuit, pionPair, hashicorp, plain, trips:
		return true
	}
	return false
}

// line is what lies between the two ends.
type line struct {
	delay time.Duration // one way; 0 is none
}

// ends are two ends that can be connected.
type ends interface {
	// connect dials and returns when the dialing end may open streams.
	connect() (session, error)
	// close releases both. Sessions must be closed before.
	close()
}

// session is one connection between the ends, seen from who dialed.
type session interface {
	// open returns a new stream. It may return before the other end knows.
	open() (stream, error)
	// close ends the connection and returns when both ends have noticed, so
	// that connect may be called again.
	close()
}

// stream is one end of a stream. Close ends both directions.
type stream interface {
	io.ReadWriteCloser
}

// errOneStream is returned by sessions that are one stream: the second time.
var errOneStream = errors.New("this connection has one stream only")

// connected makes a session of new ends. Its closer releases all.
func connected(c contender, l line, serve func(stream)) (session, func(), error) {
	e, err := c.start(l, serve)
	if err != nil {
		return nil, nil, err
	}
	s, err := e.connect()
	if err != nil {
		e.close()
		return nil, nil, err
	}
	return s, func() {
		s.close()
		e.close()
	}, nil
}

// echo gives back what comes until the stream ends.
func echo(s stream) {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.Read(buf)
		if n > 0 {
			if _, err := s.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	s.Close()
}
