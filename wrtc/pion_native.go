//go:build !js

package wrtc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// hook changes pion's settings before each connection: tests put a virtual network there.
type hook func(*webrtc.SettingEngine)

const (
	// The kernel's default receive buffer (208 KiB on Linux) is smaller than SCTP's window: what overflows is lost and
	// costs SCTP's retransmission timer, at least 1 s each time. 4 MiB (cut to what the kernel allows) takes these losses to none.
	kernelBufferBytes = 4 << 20
	// pion queues at most 1,000,000 bytes of packets between ICE, DTLS and SCTP and drops what is above; a window of that
	// size and its headers would not fit.
	sctpWindowBytes = 768 << 10
	// SCTP's sender finds out that a full receiver has room again, or a dead link is back, only when its retransmission timer fires. By default that
	// backs off to 60 s: a reader that paused for 10 s waited 8 s more for its data, one of 60 s up to a minute.
	sctpRetransmitMax = 2 * time.Second
	settleWait        = 10 * time.Millisecond
	// How long shut waits for the other end to close the channel, too, where closing the channel is how to part.
	closeWait = time.Second
)

// shutFlushes: pion's GracefulClose throws away what is not acknowledged (pion/sctp#361).
const shutFlushes = false

// namesAddresses: an end without candidates has no socket either.
const namesAddresses = true

// namedCarriers: the other end of a carrier has an address.
const namedCarriers = false

// pionLink is the link over pion.
type pionLink struct {
	// Immutable after newLink.
	conn     *conn
	prog     *progress
	dialect  dialect
	pc       *webrtc.PeerConnection
	relays   *relaySockets
	sctpDone chan struct{} // closed when the association, once established, has ended

	failed atomic.Bool // the path was lost or the other end broke rules
	parted atomic.Bool // we closed the channel, the other end having done nothing

	// mu guards what follows until progress.opened, and from then on only down and refused.
	mu       sync.Mutex
	dc       *webrtc.DataChannel // the one channel
	raw      datachannel.ReadWriteCloserDeadliner
	readEnd  chan struct{} // closed when nothing more can be read; nil before start
	readDone chan struct{} // closed when the reader goroutine has ended; nil before start
	down     bool          // shut was called
	refused  int           // channels of the other end
}

func (w *WebRTC) newLink(role Role, c *conn, p *progress, to *policy) (link, error) {
	var se webrtc.SettingEngine
	se.LoggerFactory = loggerFactory{w.cfg.Logger}
	se.DetachDataChannels()
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if w.cfg.MDNS {
		se.SetICEMulticastDNSMode(ice.MulticastDNSModeQueryOnly)
	}
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	se.DisableActiveTCP(true)
	se.SetRemoteIPFilter(to.filter)
	se.SetIncludeLoopbackCandidate(w.cfg.Loopback)
	if w.cfg.Interface != nil {
		se.SetInterfaceFilter(w.cfg.Interface)
	}
	se.SetSCTPMaxReceiveBufferSize(sctpWindowBytes)
	if w.dialect.maxMessage > maxMessageSize { // else pion's default, 65536, is what is announced
		se.SetSCTPMaxMessageSize(uint32(w.dialect.maxMessage))
	}
	se.SetSCTPRTOMax(sctpRetransmitMax)
	if w.cfg.RelayOnly {
		se.SetRelayAcceptanceMinWait(0) // pion waits 2 s for something better, and there is nothing
	}
	if w.dialect.quick {
		hasten(role, &se)
	}
	relays := new(relaySockets)
	if w.hook == nil {
		std, err := stdnet.NewNet()
		if err != nil {
			return nil, fmt.Errorf("listing network interfaces: %w", err)
		}
		se.SetNet(&wideNet{Net: std, relays: relays})
	} else {
		w.hook(&se)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&webrtc.MediaEngine{}), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(pionConfig(&w.cfg, w.servers(to)))
	if err != nil {
		return nil, err
	}
	l := &pionLink{conn: c, prog: p, dialect: w.dialect, pc: pc, relays: relays, sctpDone: make(chan struct{})}
	var once sync.Once
	pc.SCTP().OnClose(func(error) { once.Do(func() { close(l.sctpDone) }) })
	if l.dialect.negotiated {
		if err := l.open(); err != nil {
			return nil, errors.Join(err, pc.GracefulClose())
		}
	}
	pc.OnDataChannel(l.arrived) // pion keeps what nobody takes, 65,535 channels
	watch(pc, p, l.lost)
	return l, nil
}

// open makes the channel.
func (l *pionLink) open() error {
	dc, err := l.pc.CreateDataChannel(l.dialect.label(), l.dialect.channelInit())
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.dc = dc
	l.mu.Unlock()
	l.use(dc, !l.dialect.negotiated)
	return nil
}

// arrived takes a channel that the other end has opened: the first, when we opened none. pion waits until it returns.
func (l *pionLink) arrived(dc *webrtc.DataChannel) {
	l.mu.Lock()
	first := l.dc == nil
	if first {
		l.dc = dc
	} else {
		l.refused++
	}
	tooMany := l.refused > maxRefused
	l.mu.Unlock()
	if first {
		err := checkChannel(dc)
		if err == nil {
			l.use(dc, false)
			return
		}
		l.lost(err)
	}
	if err := dc.Close(); err != nil { // takes effect, a reset of its stream, when pion has opened it
		l.conn.log.Debug("webrtc: refusing a channel", "err", err)
	}
	if tooMany {
		l.lost(fmt.Errorf("more than %d channels beside the first", maxRefused))
	}
}

// use prepares the one channel. Of one that the other end must answer, the answer is waited for: by then it is there at the other end, too.
func (l *pionLink) use(dc *webrtc.DataChannel, await bool) {
	dc.SetBufferedAmountLowThreshold(uint64(l.conn.low))
	dc.OnBufferedAmountLow(l.conn.drained)
	dc.OnOpen(func() {
		raw, err := dc.DetachWithDeadline()
		if err != nil {
			l.conn.fail(err)
			return
		}
		l.mu.Lock()
		l.raw = raw
		l.mu.Unlock()
		if d, ok := raw.(*datachannel.DataChannel); ok && await {
			d.OnOpen(l.prog.opened)
			l.start() // the answer is among what is read
			return
		}
		l.prog.opened()
	})
}

func (l *pionLink) start() {
	l.relays.opened.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readDone != nil || l.down {
		return
	}
	l.readEnd, l.readDone = make(chan struct{}), make(chan struct{})
	// Owned by the link; ends when the channel does, which shut brings about and waits for.
	go func() {
		defer close(l.readDone)
		l.read()
		close(l.readEnd)
		l.close()
	}()
}

// lost is called when the PeerConnection has failed or closed. What had arrived by then, perhaps the end of the stream, is still in the channel: writing is
// over at once, and the reader ends when it has taken that.
func (l *pionLink) lost(err error) {
	if !errors.Is(err, errPeerConnectionClosed) {
		l.failed.Store(true)
	}
	l.mu.Lock()
	raw := l.raw
	l.mu.Unlock()
	if raw == nil {
		l.conn.fail(err)
		return
	}
	l.conn.unwritable(err)
	_ = raw.SetReadDeadline(time.Now())
}

// close takes everything down. The reader calls it when the other end has gone, so that the user's Close mostly finds it done: after an
// abort from there pion's close takes 400 ms, unless its own reaction to the DTLS close, which stays on for this reason, comes first
// (its writer must still be there to send an abort in return).
func (l *pionLink) close() {
	if l.readEnd != nil && isDone(l.readEnd) {
		// An association that ended has a goroutine that needs a lock which pion's close holds while it waits. Let it go first.
		wait := settleWait
		if l.parted.Load() { // the other end, which is just here too, goes first
			wait *= 2
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-l.sctpDone:
		case <-timer.C: // only the stream ended
		}
	}
	l.relays.giveUp()
	if err := l.pc.GracefulClose(); err != nil {
		l.conn.fail(err)
	}
}

func (l *pionLink) read() {
	buf := make([]byte, defaultMessageSize)
	for {
		n, text, err := l.raw.ReadDataChannel(buf)
		switch {
		case errors.Is(err, io.ErrShortBuffer) && len(buf) < l.dialect.maxMessage: // the message is still there
			buf = make([]byte, min(2*len(buf), l.dialect.maxMessage))
		case errors.Is(err, io.ErrShortBuffer):
			l.conn.fail(fmt.Errorf("message above %d bytes", l.dialect.maxMessage))
			return
		case errors.Is(err, os.ErrDeadlineExceeded) && l.failed.Load():
			l.conn.fail(err) // the cause came before: lost
			return
		case err != nil: // also io.EOF, a reset stream
			l.conn.gone(err)
			return
		case !l.conn.receive(buf[:n], text, maxQueued, true):
			return
		}
	}
}

func (l *pionLink) send(msg []byte, text bool) error {
	_, err := l.raw.WriteDataChannel(msg, text)
	return err
}

func (l *pionLink) buffered() int      { return int(l.dc.BufferedAmount()) }
func (l *pionLink) acknowledged() bool { return l.buffered() == 0 } // pion counts until the acknowledgement
func (l *pionLink) setLow(n int)       { l.dc.SetBufferedAmountLowThreshold(uint64(n)) }

func (l *pionLink) shut() {
	l.mu.Lock()
	l.down = true
	l.mu.Unlock()
	if l.readDone == nil {
		l.close()
		return
	}
	if !isDone(l.readEnd) {
		l.part()
	}
	if !isDone(l.readEnd) {
		l.close()
	}
	<-l.readDone
}

// part lets the other end go first where it is about to, so that its abort does not meet ours (see close). Without marks this end has to close the channel
// for that, to say that the stream is complete: taking the PeerConnection down may overtake what is in front of the other end's reader. Only an end that has sent
// everything says it.
func (l *pionLink) part() {
	if !isDone(l.conn.closed) { // the negotiation failed
		return
	}
	wait := settleWait
	switch {
	case isDone(l.conn.ended): // or lost
	case l.conn.marks:
		return
	case l.acknowledged() && l.raw.Close() == nil: // an error: it is going already
		l.parted.Store(true)
		wait = closeWait
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-l.readEnd:
	case <-timer.C:
	}
}

func (l *pionLink) offer() error {
	if !l.dialect.negotiated {
		if err := l.open(); err != nil {
			return err
		}
	}
	return offer(l.pc)
}
func (l *pionLink) answer(remote string) error  { return answer(l.pc, remote) }
func (l *pionLink) accept(remote string) error  { return accept(l.pc, remote) }
func (l *pionLink) localSDP() string            { return localSDP(l.pc) }
func (l *pionLink) addCandidate(s Signal) error { return addCandidate(l.pc, s) }
func (l *pionLink) pair() (local, remote Addr)  { return selectedPair(l.pc) }

func resolvesNames(cfg *Config) bool { return cfg.MDNS }
