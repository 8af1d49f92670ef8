package main

import (
	"context"
	"net"
	"sync"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/wrtc"
)

// ourWebRTC is two exchanges that meet through a third by GetNewPeer. All
// three are linked by TCP before.
type ourWebRTC struct {
	first bool // the first byte of the data stream goes with the request to connect
}

func (o ourWebRTC) name() string {
	if o.first {
		return "exchange GetNewPeer, with First"
	}
	return "exchange GetNewPeer"
}

func (o ourWebRTC) start(l line, serve func(stream)) (ends, error) {
	e, err := newTrio(l, serve, nil)
	if err != nil {
		return nil, err
	}
	e.first = o.first
	return e, nil
}

// newTrio returns ends whose dialing one reports what it does.
func newTrio(l line, serve func(stream), onEvent func(exchange.Event)) (*trio, error) {
	e := &trio{serve: serve, onEvent: onEvent}
	if l.delay > 0 {
		e.hub = newDelayUDP(l.delay)
	}
	if err := e.make(l); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

type trio struct {
	first             bool
	serve             func(stream)
	onEvent           func(exchange.Event) // of near; may be nil
	hub               *delayUDP
	middle, near, far *exchange.Exchange
	listen            *listen
	wg                sync.WaitGroup
}

func (e *trio) make(l line) error {
	for _, ex := range []**exchange.Exchange{&e.middle, &e.near, &e.far} {
		direct, err := wrtc.New(&wrtc.Config{Loopback: true, Interface: isLoopback})
		if err != nil {
			return err
		}
		var transport wrtc.Transport = direct
		if e.hub != nil {
			transport = distant{direct, e.hub}
		}
		cfg := &exchange.Config{Limits: ourLimits(), Transport: transport}
		if ex == &e.near {
			cfg.OnEvent = e.onEvent
		}
		if *ex, err = exchange.New(network, cfg); err != nil {
			return err
		}
	}
	var err error
	e.listen, err = listenTCP(l, func(c net.Conn) {
		if conn, err := e.middle.Accept(context.Background(), c); err == nil {
			e.middle.Deliver(conn)
		}
	})
	if err != nil {
		return err
	}
	for _, ex := range []*exchange.Exchange{e.near, e.far} {
		c, err := e.listen.dial()
		if err != nil {
			return err
		}
		if _, err := ex.Connect(context.Background(), c); err != nil {
			return err
		}
	}
	named, err := e.far.Listen(streamName)
	if err != nil {
		return err
	}
	for _, l := range []net.Listener{named, e.far.Listener()} {
		e.wg.Go(func() { // ended by close, which waits
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				e.wg.Go(func() { e.serve(c) }) // ends with its stream
			}
		})
	}
	return nil
}

func (e *trio) connect() (session, error) {
	cfg := &exchange.MeetConfig{}
	if e.first {
		cfg.First = firstByte
	}
	conn, err := e.near.GetNewPeerWith(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	return &metSession{e, &begun{conn, len(cfg.First)}, conn.Peer()}, nil
}

func (e *trio) close() {
	for _, ex := range []*exchange.Exchange{e.near, e.far, e.middle} {
		if ex != nil {
			ex.Close()
		}
	}
	if e.listen != nil {
		e.listen.close()
	}
	if e.hub != nil {
		e.hub.close()
	}
	e.wg.Wait()
}

// metSession is a peer that GetNewPeer met. Its first stream is the data
// stream.
type metSession struct {
	trio *trio
	data stream
	peer *exchange.Peer
}

func (s *metSession) open() (stream, error) {
	if first := s.data; first != nil {
		s.data = nil
		return first, nil
	}
	return s.peer.OpenStream(context.Background(), streamName)
}

func (s *metSession) close() {
	s.peer.Close()
	waitUntil(func() bool { return s.trio.near.NumPeers() == 1 && s.trio.far.NumPeers() == 1 })
}

// distant is a transport whose packets take the long way.
type distant struct {
	wrtc.Transport
	hub *delayUDP
}

// Negotiate puts the hub's addresses into what is signalled.
func (d distant) Negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (wrtc.Conn, error) {
	return d.Transport.Negotiate(ctx, role, elsewhere{s, d.hub})
}

type elsewhere struct {
	wrtc.Signaler
	hub *delayUDP
}

// Send is the Signaler's, with other addresses.
func (e elsewhere) Send(ctx context.Context, s wrtc.Signal) error {
	s.Text = e.hub.through(s.Text)
	return e.Signaler.Send(ctx, s)
}
