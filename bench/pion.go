package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// pionPair is two bare PeerConnections with one detached channel, their
// descriptions handed over in memory, on the loopback interface.
type pionPair struct {
	label string
	tuned bool // what wrtc sets up, set up by hand; else as pion comes
	hasty bool // besides: SCTP's beginning in the description, no cookies in DTLS
}

var (
	pionShipped = pionPair{label: "pion, as it comes"}
	pionTuned   = pionPair{label: "pion, tuned", tuned: true}
	pionHasty   = pionPair{label: "pion, hasty", tuned: true, hasty: true}
)

func (p pionPair) name() string { return p.label }

func (p pionPair) start(l line, serve func(stream)) (ends, error) {
	e := &pionEnds{pionPair: p, serve: serve}
	var err error
	if l.delay > 0 {
		e.hub = newDelayUDP(l.delay)
	}
	e.api, err = p.api()
	return e, err
}

func (p pionPair) api() (*webrtc.API, error) {
	var se webrtc.SettingEngine
	se.DetachDataChannels()
	se.SetIncludeLoopbackCandidate(true)
	se.SetInterfaceFilter(isLoopback)
	if !p.tuned {
		return webrtc.NewAPI(webrtc.WithSettingEngine(se)), nil
	}
	if p.hasty {
		se.EnableSctpSnap(true)
		se.SetDTLSInsecureSkipHelloVerify(true)
	}
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.DisableActiveTCP(true)
	se.SetSCTPMaxReceiveBufferSize(768 << 10)
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	se.SetNet(wideNet{std})
	return webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&webrtc.MediaEngine{}),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{})), nil
}

func isLoopback(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagLoopback != 0
}

// wideNet has UDP buffers in the kernel that hold SCTP's window: without them
// what overflows costs seconds.
type wideNet struct{ *stdnet.Net }

// ListenUDP is that of stdnet with larger buffers.
func (w wideNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := w.Net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return c, errors.Join(c.SetReadBuffer(4<<20), c.SetWriteBuffer(4<<20))
}

type pionEnds struct {
	pionPair
	api   *webrtc.API
	serve func(stream)
	hub   *delayUDP
	wg    sync.WaitGroup
}

func (e *pionEnds) close() {
	if e.hub != nil {
		e.hub.close()
	}
	e.wg.Wait()
}

// connect returns when the channel is open at both ends.
func (e *pionEnds) connect() (session, error) {
	s := &pionSession{over: make(chan struct{})}
	for i := range s.pc {
		var err error
		if s.pc[i], err = e.api.NewPeerConnection(webrtc.Configuration{}); err != nil {
			s.close()
			return nil, err
		}
	}
	opened := [2]chan *pionStream{make(chan *pionStream, 1), make(chan *pionStream, 1)}
	init := &webrtc.DataChannelInit{}
	if e.tuned {
		var id uint16
		negotiated := true
		init.ID, init.Negotiated = &id, &negotiated
		far, err := s.pc[1].CreateDataChannel("bench", init)
		if err != nil {
			s.close()
			return nil, err
		}
		whenOpen(far, opened[1])
	} else {
		s.pc[1].OnDataChannel(func(dc *webrtc.DataChannel) { whenOpen(dc, opened[1]) })
	}
	near, err := s.pc[0].CreateDataChannel("bench", init)
	if err == nil {
		whenOpen(near, opened[0])
		err = e.signal(s.pc[0], s.pc[1], s.over)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for i, end := range []**pionStream{&s.near, &s.far} {
		select {
		case *end = <-opened[i]:
		case <-limit.C:
			s.close()
			return nil, errors.New("no channel after 30 s")
		}
	}
	e.wg.Go(func() { e.serve(s.far) }) // ends with the session
	return s, nil
}

// signal hands the descriptions over, and candidates: all in the description
// when tuned, else as they come, until over is closed.
func (e *pionEnds) signal(a, b *webrtc.PeerConnection, over <-chan struct{}) error {
	pass := func(text string) string {
		if e.hub != nil {
			return e.hub.through(text)
		}
		return text
	}
	describe := func(pc *webrtc.PeerConnection, make func() (webrtc.SessionDescription, error)) (webrtc.SessionDescription, error) {
		d, err := make()
		if err != nil {
			return d, err
		}
		gathered := webrtc.GatheringCompletePromise(pc)
		if err := pc.SetLocalDescription(d); err != nil {
			return d, err
		}
		if e.tuned {
			<-gathered
			d = *pc.LocalDescription()
		}
		d.SDP = pass(d.SDP)
		return d, nil
	}
	var late [2]chan webrtc.ICECandidateInit // candidates wait for the description before them
	if !e.tuned {
		for i, pc := range []*webrtc.PeerConnection{a, b} {
			late[i] = make(chan webrtc.ICECandidateInit, 64)
			pc.OnICECandidate(func(c *webrtc.ICECandidate) {
				if c == nil {
					close(late[i])
					return
				}
				j := c.ToJSON()
				j.Candidate = pass(j.Candidate)
				late[i] <- j
			})
		}
	}
	offer, err := describe(a, func() (webrtc.SessionDescription, error) { return a.CreateOffer(nil) })
	if err != nil {
		return err
	}
	if err := b.SetRemoteDescription(offer); err != nil {
		return err
	}
	answer, err := describe(b, func() (webrtc.SessionDescription, error) { return b.CreateAnswer(nil) })
	if err != nil {
		return err
	}
	if err := a.SetRemoteDescription(answer); err != nil {
		return err
	}
	if !e.tuned {
		for i, pc := range []*webrtc.PeerConnection{b, a} {
			e.wg.Go(func() { // ends when all candidates are gathered, or the session is over
				for {
					select {
					case c, more := <-late[i]:
						if !more {
							return
						}
						_ = pc.AddICECandidate(c) // fails when pc was closed meanwhile
					case <-over:
						return
					}
				}
			})
		}
	}
	return nil
}

func whenOpen(dc *webrtc.DataChannel, opened chan<- *pionStream) {
	low := make(chan struct{}, 1)
	dc.SetBufferedAmountLowThreshold(256 << 10)
	dc.OnBufferedAmountLow(func() {
		select {
		case low <- struct{}{}:
		default:
		}
	})
	dc.OnOpen(func() {
		if raw, err := dc.DetachWithDeadline(); err == nil {
			opened <- &pionStream{dc: dc, raw: raw, low: low, buf: make([]byte, 64<<10)}
		}
	})
}

type pionSession struct {
	pc        [2]*webrtc.PeerConnection
	near, far *pionStream
	opened    bool
	over      chan struct{} // closed by close
}

func (s *pionSession) open() (stream, error) {
	if s.opened {
		return nil, errOneStream
	}
	s.opened = true
	return s.near, nil
}

func (s *pionSession) close() {
	close(s.over)
	for _, st := range []*pionStream{s.near, s.far} {
		if st != nil {
			st.end()
		}
	}
	for _, pc := range s.pc {
		if pc != nil {
			pc.Close()
		}
	}
}

// pionStream is a detached channel as a stream of bytes, with the back-pressure
// that a user of it has to bring: at most 1 MiB is under way.
type pionStream struct {
	dc   *webrtc.DataChannel
	raw  datachannel.ReadWriteCloserDeadliner
	low  chan struct{}
	buf  []byte
	rest []byte

	once sync.Once
	over context.Context
	stop context.CancelFunc
	init sync.Once
}

func (s *pionStream) ended() context.Context {
	s.init.Do(func() { s.over, s.stop = context.WithCancel(context.Background()) })
	return s.over
}

// end unblocks writers.
func (s *pionStream) end() {
	s.ended()
	s.stop()
}

const pionMessage = 16 << 10

// Read takes from messages what fits.
func (s *pionStream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		n, err := s.raw.Read(s.buf)
		if err != nil {
			return 0, err
		}
		s.rest = s.buf[:n]
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Write cuts p into messages.
func (s *pionStream) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		for s.dc.BufferedAmount() > 1<<20 {
			select {
			case <-s.low:
			case <-s.ended().Done():
				return written, io.ErrClosedPipe
			}
		}
		n, err := s.raw.Write(p[:min(len(p), pionMessage)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// Close closes the channel.
func (s *pionStream) Close() error {
	var err error
	s.once.Do(func() {
		s.end()
		err = s.raw.Close()
	})
	return err
}
