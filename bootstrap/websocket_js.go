package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall/js"
	"time"
)

const (
	// maxQueued bounds what has arrived and was not read: a page cannot push
	// back on what arrives. The windows of the mux above keep well below;
	// beyond it the connection fails rather than the tab.
	maxQueued = 64 << 20
	// Write blocks while the browser holds more than maxHeld bytes. There is
	// no event for that, so it looks every heldPoll.
	maxHeld  = 1 << 20
	heldPoll = 5 * time.Millisecond

	codeNormal = 1000 // of the codes for a close a page may send only this one, and 3000 and up
)

// openSocket opens what u names.
func openSocket(ctx context.Context, u URL) (net.Conn, error) {
	if u.Scheme == SchemeTCP {
		return nil, errors.New("a browser cannot open TCP: use a ws:// or wss:// URL")
	}
	u.Peer, u.V1 = [32]byte{}, false
	s, err := newBrowserSocket(u.String())
	if err != nil {
		return nil, err
	}
	select {
	case <-s.opened:
		return newConn(s, "browser", u.address()), nil
	case <-s.gone:
		err = errors.New("the browser could not open the WebSocket, and does not say why")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.kill()
	return nil, err
}

// browserSocket is the [socket] over the browser's WebSocket and its events.
type browserSocket struct {
	ws      js.Value
	opened  chan struct{} // closed by the event open
	gone    chan struct{} // closed by the event close, or by kill
	stopped chan struct{} // closed by interrupt
	wake    chan struct{} // capacity 1: something for next

	mu     sync.Mutex
	queue  [][]byte
	queued int   // bytes
	err    error // why there will be no more messages

	stopOnce, goneOnce, killOnce sync.Once
	handlers                     map[string]js.Func // by event
}

func newBrowserSocket(url string) (s *browserSocket, err error) {
	defer caught(&err)
	s = &browserSocket{
		ws:      js.Global().Get("WebSocket").New(url),
		opened:  make(chan struct{}),
		gone:    make(chan struct{}),
		stopped: make(chan struct{}),
		wake:    make(chan struct{}, 1),
	}
	s.ws.Set("binaryType", "arraybuffer")
	s.handlers = map[string]js.Func{
		"open":    handler(func(js.Value) { close(s.opened) }),
		"message": handler(func(event js.Value) { s.message(event.Get("data")) }),
		"close":   handler(s.close),
	}
	for event, f := range s.handlers {
		s.ws.Call("addEventListener", event, f)
	}
	return s, nil
}

// handler runs f on the browser's event loop: it must not block.
func handler(f func(event js.Value)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		f(args[0])
		return nil
	})
}

// caught turns an exception of JavaScript into an error.
func caught(err *error) {
	switch r := recover().(type) {
	case nil:
	case js.Error:
		*err = r
	default:
		panic(r)
	}
}

func (s *browserSocket) message(data js.Value) {
	if data.Type() == js.TypeString {
		s.end(errText)
		return
	}
	array := js.Global().Get("Uint8Array").New(data)
	n := array.Length()
	s.mu.Lock()
	room := s.err == nil && s.queued+n <= maxQueued
	s.mu.Unlock()
	switch {
	case n > maxMessage:
		s.end(fmt.Errorf("message of %d bytes, at most %d are allowed", n, maxMessage))
		return
	case !room:
		s.end(fmt.Errorf("more than %d bytes have arrived that were not read", maxQueued))
		return
	}
	message := make([]byte, n)
	js.CopyBytesToGo(message, array)
	s.mu.Lock()
	s.queue = append(s.queue, message)
	s.queued += n
	s.mu.Unlock()
	s.signal()
}

func (s *browserSocket) close(event js.Value) {
	code := event.Get("code").Int()
	switch code {
	case codeNormal, 1001, 1005: // normal, going away, none given
		s.end(io.EOF)
	case 1006:
		s.end(io.ErrUnexpectedEOF)
	default:
		s.end(fmt.Errorf("WebSocket closed with code %d: %q", code, event.Get("reason").String()))
	}
	s.goneOnce.Do(func() { close(s.gone) })
}

// end says why there will be no more messages; the first reason counts.
func (s *browserSocket) end(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.signal()
}

func (s *browserSocket) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *browserSocket) next() (io.Reader, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			message := s.queue[0]
			s.queue[0] = nil
			s.queue = s.queue[1:]
			s.queued -= len(message)
			s.mu.Unlock()
			return bytes.NewReader(message), nil
		}
		err := s.err
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-s.wake:
		case <-s.stopped:
			return nil, net.ErrClosed
		}
	}
}

func (s *browserSocket) write(p []byte) (err error) {
	if err := s.waitHeld(); err != nil {
		return err
	}
	defer caught(&err)
	array := js.Global().Get("Uint8Array").New(len(p))
	js.CopyBytesToJS(array, p)
	s.ws.Call("send", array)
	return nil
}

// waitHeld waits until the browser has sent most of what it was given.
func (s *browserSocket) waitHeld() error {
	for {
		select {
		case <-s.gone:
			return io.ErrClosedPipe
		default:
		}
		if s.ws.Get("bufferedAmount").Int() <= maxHeld {
			return nil
		}
		timer := time.NewTimer(heldPoll)
		select {
		case <-timer.C:
		case <-s.gone:
			timer.Stop()
		}
	}
}

func (s *browserSocket) interrupt() { s.stopOnce.Do(func() { close(s.stopped) }) }

// finish relies on the browser: it sends what it holds, then closes.
func (s *browserSocket) finish() {
	if s.shut() == nil {
		<-s.gone
	}
}

func (s *browserSocket) shut() (err error) {
	defer caught(&err)
	s.ws.Call("close", codeNormal)
	return nil
}

// kill leaves the connection to the browser, which ends it in its own time.
func (s *browserSocket) kill() {
	s.killOnce.Do(func() {
		_ = s.shut()
		for event, f := range s.handlers {
			s.ws.Call("removeEventListener", event, f)
			f.Release()
		}
		s.goneOnce.Do(func() { close(s.gone) })
	})
}
