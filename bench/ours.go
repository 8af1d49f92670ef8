package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
)

const (
	network    = "bench"
	streamName = "bench/1"
	plenty     = 1 << 30 // for limits on how often, which would be all that is measured
)

// ours is this project: version 2 over TCP, with identities and encryption.
type ours struct {
	first bool // the first byte of the data stream goes with the request to connect
}

func (o ours) name() string {
	if o.first {
		return "exchange, with First"
	}
	return "exchange"
}

// ourLimits are the defaults but for those on how fast streams may be opened
// and handshakes begun.
func ourLimits() exchange.Limits {
	return exchange.Limits{StreamsPerSecond: plenty, StreamBurst: plenty, HandshakesPerSecond: plenty, HandshakeBurst: plenty}
}

func (o ours) start(l line, serve func(stream)) (ends, error) {
	near, err := exchange.New(network, &exchange.Config{Limits: ourLimits()})
	if err != nil {
		return nil, err
	}
	far, err := exchange.New(network, &exchange.Config{Limits: ourLimits()})
	if err != nil {
		near.Close()
		return nil, err
	}
	e := &ourEnds{first: o.first, near: near, far: far}
	e.listen, err = listenTCP(l, func(c net.Conn) {
		if conn, err := far.Accept(context.Background(), c); err == nil {
			far.Deliver(conn)
		}
	})
	if err != nil {
		near.Close()
		far.Close()
		return nil, err
	}
	named, err := far.Listen(streamName)
	if err != nil {
		e.close()
		return nil, err
	}
	for _, l := range []net.Listener{named, far.Listener()} {
		e.serving.Go(func() { // ended by close, which waits
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				e.serving.Go(func() { serve(c) }) // ends with its stream
			}
		})
	}
	return e, nil
}

type ourEnds struct {
	first     bool
	near, far *exchange.Exchange
	listen    *listen
	serving   sync.WaitGroup
}

func (e *ourEnds) connect() (session, error) {
	c, err := e.listen.dial()
	if err != nil {
		return nil, err
	}
	cfg := &exchange.ConnectConfig{}
	if e.first {
		cfg.First = firstByte
	}
	conn, err := e.near.ConnectWith(context.Background(), c, cfg)
	if err != nil {
		return nil, err
	}
	return &ourSession{ends: e, data: &begun{conn, len(cfg.First)}, peer: conn.Peer()}, nil
}

// firstByte is what [oneByte] writes first.
var firstByte = []byte{1}

// begun is a stream whose first bytes went with the request to connect: what is
// written of them is gone already.
type begun struct {
	stream
	sent int
}

// Write leaves out what was sent.
func (b *begun) Write(p []byte) (int, error) {
	skip := min(b.sent, len(p))
	b.sent -= skip
	if skip == len(p) {
		return skip, nil
	}
	n, err := b.stream.Write(p[skip:])
	return skip + n, err
}

func (e *ourEnds) close() {
	e.near.Close()
	e.far.Close()
	e.listen.close()
	e.serving.Wait()
}

// ourSession is a peer. Its first stream is the data stream that came with it.
type ourSession struct {
	ends *ourEnds
	data stream
	peer *exchange.Peer
}

func (s *ourSession) open() (stream, error) {
	if first := s.data; first != nil {
		s.data = nil
		return first, nil
	}
	return s.peer.OpenStream(context.Background(), streamName)
}

func (s *ourSession) close() {
	s.peer.Close()
	waitUntil(func() bool { return s.ends.near.NumPeers() == 0 && s.ends.far.NumPeers() == 0 })
}

// waitUntil is for what tells nobody that it is done.
func waitUntil(done func() bool) { waitFor(time.Minute, done) }

// waitFor is waitUntil, and reports false after limit.
func waitFor(limit time.Duration, done func() bool) bool {
	began := time.Now()
	for wait := 50 * time.Microsecond; !done(); wait = min(2*wait, 10*time.Millisecond) {
		if time.Since(began) > limit {
			return false
		}
		time.Sleep(wait)
	}
	return true
}
