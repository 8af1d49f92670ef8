//go:build js

package wrtc

import (
	"errors"
	"fmt"
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

// closeWait is how long shut waits for the other end to close the channel, too.
const closeWait = time.Second

// browserLink is the link over the browser's RTCPeerConnection. Messages are taken from the channel's own events: pion's OnMessage gives each to a
// goroutine of its own and so leaves their order to the scheduler.
type browserLink struct {
	conn      *conn
	pc        *webrtc.PeerConnection
	dc        *webrtc.DataChannel
	onMessage js.Func
	gone      chan struct{} // closed when the channel has closed
	started   bool
	once      sync.Once
}

func (w *WebRTC) newLink(c *conn, p *progress) (link, error) {
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(webrtc.SettingEngine{})).NewPeerConnection(pionConfig(&w.cfg))
	if err != nil {
		return nil, err
	}
	negotiated, id, ordered := true, uint16(0), true
	dc, err := pc.CreateDataChannel(channelLabel, &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &id, Ordered: &ordered})
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	l := &browserLink{conn: c, pc: pc, dc: dc, gone: make(chan struct{})}
	dc.JSValue().Set("binaryType", "arraybuffer")
	l.onMessage = js.FuncOf(func(_ js.Value, args []js.Value) any {
		l.message(args[0].Get("data"))
		return nil
	})
	dc.JSValue().Set("onmessage", l.onMessage)
	dc.SetBufferedAmountLowThreshold(uint64(c.low))
	dc.OnBufferedAmountLow(c.drained)
	dc.OnError(func(err error) { c.fail(err) })
	dc.OnClose(func() {
		c.fail(errors.New("channel ended"))
		close(l.gone)
	})
	dc.OnOpen(p.opened)
	watch(pc, p, c.fail)
	return l, nil
}

// message takes one message event. It runs on the browser's event loop and must not block.
func (l *browserLink) message(data js.Value) {
	if data.Type() == js.TypeString {
		if data.Length() == 0 {
			l.conn.confirm()
		} else {
			l.conn.fail(errors.New("text message"))
		}
		return
	}
	bytes := js.Global().Get("Uint8Array").New(data)
	n := bytes.Length()
	switch {
	case n == 0:
		l.conn.end()
	case n > maxMessageSize:
		l.conn.fail(fmt.Errorf("message of %d bytes, at most %d", n, maxMessageSize))
	default:
		msg := make([]byte, n)
		js.CopyBytesToGo(msg, bytes)
		l.conn.deliver(msg, maxQueuedBrowser, false)
	}
}

func (l *browserLink) offer() error                { return offer(l.pc) }
func (l *browserLink) answer(remote string) error  { return answer(l.pc, remote) }
func (l *browserLink) accept(remote string) error  { return accept(l.pc, remote) }
func (l *browserLink) localSDP() string            { return localSDP(l.pc) }
func (l *browserLink) addCandidate(s Signal) error { return addCandidate(l.pc, s) }

// pair asks the browser, which may not offer the call (Firefox): the addresses are hidden then.
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
		if l.started && l.dc.Close() == nil {
			timer := time.NewTimer(closeWait)
			defer timer.Stop()
			select {
			case <-l.gone:
			case <-timer.C:
			}
		}
		_ = l.pc.Close()
		l.dc.JSValue().Set("onmessage", js.Null())
		l.onMessage.Release()
	})
}

// The browser resolves the names that browsers hide addresses behind.
func resolvesNames(*Config) bool { return true }
