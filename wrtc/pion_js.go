//go:build js

package wrtc

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall/js"
	"time"

	"github.com/pion/webrtc/v4"
)

// hook is not used in a browser.
type hook struct{}

// maxQueuedBrowser bounds what has arrived and was not read. A browser cannot push back on what arrives: the windows of the mux above
// keep well below, and beyond it the connection fails rather than the tab.
const maxQueuedBrowser = 64 << 20

// shutFlushes: a browser's channel sends what it holds before it closes.
const shutFlushes = true

// namesAddresses: a browser may hide its addresses and connect all the same.
const namesAddresses = false

// namedCarriers: a browser does not say to which address it is connected, only to which name the user has told it to.
const namedCarriers = true

// closeWait is how long shut waits for the other end to close the channel, too.
const closeWait = time.Second

// userAbort is the cause of an SCTP abort by which the other end closed its PeerConnection (RFC 9260 section 3.3.10.12).
const userAbort = 12

// browserLink is the link over the browser's RTCPeerConnection. Messages are taken from the channel's own events: pion's OnMessage gives each to a
// goroutine of its own and so leaves their order to the scheduler.
type browserLink struct {
	// Immutable after newLink.
	conn                          *conn
	prog                          *progress
	dialect                       dialect
	pc                            *webrtc.PeerConnection
	onMessage, onError, onChannel js.Func
	gone                          chan struct{} // closed when the channel has closed

	mu       sync.Mutex          // guards dc and refused
	dc       *webrtc.DataChannel // the one channel; immutable after progress.opened
	refused  int                 // channels of the other end
	incoming bool                // the other end has opened one; the browser's event loop's alone
	started  bool
	once     sync.Once
}

func (w *WebRTC) newLink(_ Role, c *conn, p *progress, to *policy) (link, error) {
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(webrtc.SettingEngine{})).NewPeerConnection(pionConfig(&w.cfg, w.servers(to)))
	if err != nil {
		return nil, err
	}
	l := &browserLink{conn: c, prog: p, dialect: w.dialect, pc: pc, gone: make(chan struct{})}
	l.onMessage = js.FuncOf(func(_ js.Value, args []js.Value) any {
		l.message(args[0].Get("data"))
		return nil
	})
	l.onError = js.FuncOf(func(_ js.Value, args []js.Value) any {
		l.error(args[0].Get("error"))
		return nil
	})
	l.onChannel = js.FuncOf(func(_ js.Value, args []js.Value) any {
		l.announced(args[0].Get("channel"))
		return nil
	})
	watch(pc, p, c.fail)
	if l.dialect.negotiated {
		if err := l.open(); err != nil {
			l.shut()
			return nil, err
		}
		pc.OnDataChannel(l.arrived)
		return l, nil
	}
	// Ours first, so that no message passes before anybody listens; then pion's, in a goroutine.
	pc.JSValue().Call("addEventListener", "datachannel", l.onChannel)
	pc.OnDataChannel(l.arrived)
	return l, nil
}

// open makes the channel.
func (l *browserLink) open() error {
	dc, err := l.pc.CreateDataChannel(l.dialect.label(), l.dialect.channelInit())
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.dc = dc
	l.mu.Unlock()
	l.listen(dc.JSValue())
	l.use(dc)
	return nil
}

// listen takes a channel's messages and errors.
func (l *browserLink) listen(dc js.Value) {
	dc.Set("binaryType", "arraybuffer")
	dc.Set("onmessage", l.onMessage)
	dc.Set("onerror", l.onError)
}

// announced is called on the browser's event loop when the other end has opened a channel.
func (l *browserLink) announced(dc js.Value) {
	l.mu.Lock()
	ours := l.dc != nil && !l.incoming
	l.mu.Unlock()
	if !ours && !l.incoming {
		l.incoming = true
		l.listen(dc)
	}
}

// arrived takes a channel that the other end has opened: the first, when we opened none. pion calls it in goroutines, in any order.
func (l *browserLink) arrived(dc *webrtc.DataChannel) {
	l.mu.Lock()
	first := l.dc == nil && dc.JSValue().Get("onmessage").Equal(l.onMessage.Value)
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
			l.use(dc)
			return
		}
		l.conn.fail(err)
	}
	_ = dc.Close() // it is closed already
	if tooMany {
		l.conn.fail(fmt.Errorf("more than %d channels beside the first", maxRefused))
		_ = l.pc.Close()
	}
}

// use prepares the one channel. It may be open already, or closed.
func (l *browserLink) use(dc *webrtc.DataChannel) {
	dc.SetBufferedAmountLowThreshold(uint64(l.conn.low))
	dc.OnBufferedAmountLow(l.conn.drained)
	var once sync.Once
	closed := func() {
		once.Do(func() {
			l.conn.gone(errors.New("closed by the other end"))
			close(l.gone)
		})
	}
	dc.OnClose(closed)
	dc.OnOpen(l.prog.opened)
	switch dc.ReadyState() {
	case webrtc.DataChannelStateOpen:
		l.prog.opened()
	case webrtc.DataChannelStateClosed:
		closed()
	}
}

// error takes one error event; the channel closes after it.
func (l *browserLink) error(err js.Value) {
	if !l.conn.marks && err.Truthy() && err.Get("sctpCauseCode").Equal(js.ValueOf(userAbort)) {
		return // the other end closed its PeerConnection
	}
	reason := "error of the channel"
	if err.Truthy() {
		reason = err.Get("message").String()
	}
	l.conn.fail(errors.New(reason))
}

// message takes one message event. It runs on the browser's event loop and must not block.
func (l *browserLink) message(data js.Value) {
	if data.Type() == js.TypeString {
		l.conn.receive(make([]byte, min(1, data.Length())), true, maxQueuedBrowser, false) // what it says matters to nobody
		return
	}
	bytes := js.Global().Get("Uint8Array").New(data)
	n := bytes.Length()
	if n > l.dialect.maxMessage {
		l.conn.fail(fmt.Errorf("message of %d bytes, at most %d", n, l.dialect.maxMessage))
		return
	}
	msg := make([]byte, n)
	js.CopyBytesToGo(msg, bytes)
	l.conn.receive(msg, false, maxQueuedBrowser, false)
}

func (l *browserLink) offer() error {
	if !l.dialect.negotiated {
		if err := l.open(); err != nil {
			return err
		}
	}
	return offer(l.pc)
}
func (l *browserLink) answer(remote string) error  { return answer(l.pc, remote) }
func (l *browserLink) accept(remote string) error  { return accept(l.pc, remote) }
func (l *browserLink) localSDP() string            { return localSDP(l.pc) }
func (l *browserLink) addCandidate(s Signal) error { return addCandidate(l.pc, s) }

// pair asks the browser, which may not offer the call (Firefox): the addresses are hidden then.
func (l *browserLink) checks() []PairCheck { return nil }
func (l *browserLink) pair() (local, remote Addr) {
	defer func() { _ = recover() }()
	return selectedPair(l.pc)
}

func (l *browserLink) start() { l.started = true }

func (l *browserLink) send(msg []byte, text bool) error {
	if text {
		return l.dc.SendText(string(msg))
	}
	return l.dc.Send(msg)
}

func (l *browserLink) buffered() int { return int(l.dc.BufferedAmount()) }
func (l *browserLink) setLow(n int)  { l.dc.SetBufferedAmountLowThreshold(uint64(n)) }

// acknowledged is never known: a browser counts bytes as gone when it has sent them. Close waits for the other end's answer.
func (l *browserLink) acknowledged() bool { return false }

func (l *browserLink) shut() {
	l.once.Do(func() {
		// Errors mean that it is closed already.
		l.mu.Lock()
		dc := l.dc
		l.mu.Unlock()
		if l.started && dc.Close() == nil {
			timer := time.NewTimer(closeWait)
			defer timer.Stop()
			select {
			case <-l.gone:
			case <-timer.C:
			}
		}
		_ = l.pc.Close()
		l.pc.JSValue().Call("removeEventListener", "datachannel", l.onChannel)
		if dc != nil {
			dc.JSValue().Set("onmessage", js.Null())
			dc.JSValue().Set("onerror", js.Null())
		}
		l.onMessage.Release()
		l.onError.Release()
		l.onChannel.Release()
	})
}

// addresses: a browser tells nobody.
func (*WebRTC) addresses() ([]netip.Prefix, []netip.Addr) { return nil, nil }

// The browser resolves the names that browsers hide addresses behind.
func resolvesNames(*Config) bool { return true }
