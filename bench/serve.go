package main

import (
	"io"
	"sync/atomic"
)

// What the far end does with a stream, by the first byte that it brings.
const (
	asEcho byte = 1 // give everything back, that byte too
	asSink byte = 2 // read and forget
)

func serveByFirstByte(s stream) {
	defer s.Close()
	buf := make([]byte, 32<<10)
	n, err := s.Read(buf)
	if err != nil {
		return
	}
	switch buf[0] {
	case asEcho:
		if _, err := s.Write(buf[:n]); err != nil {
			return
		}
		echo(s)
	case asSink:
		_, _ = io.Copy(io.Discard, readOnly{s}) // ends with the stream, however
	}
}

// readOnly hides all else from io.Copy.
type readOnly struct{ io.Reader }

type counter struct{ n atomic.Int64 }

func (c *counter) add(n int)  { c.n.Add(int64(n)) }
func (c *counter) get() int64 { return c.n.Load() }
