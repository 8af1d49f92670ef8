package interop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"

	"github.com/peer-exchange/exchange/wrtc"
)

// A goNode with a tap tells "lethal", with error, when it sends what a [model] objects to. Its sockets lead
// through a proxy in its own process, and its data channels through tappedChannel.

func objected(problem string) { tell("lethal", fields{"error": problem}) }

// tapListener returns the URL of a proxy for the listener at to.
func tapListener(to string) (string, error) { return tap(to, false) }

// tapDialer returns a URL for one connection to the peer at to.
func tapDialer(to string) (string, error) { return tap(to, true) }

func tap(to string, dials bool) (string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	target, ws := u.Host, u.Scheme == "ws"
	version1 := dials && u.Query().Get("v") == "1"
	u.Host = l.Addr().String()
	go func() { // ends with its process, or when who dials has come
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				reset(near)
			} else {
				m := newModel(u.Scheme, objected)
				if version1 {
					m = newModel1(u.Scheme, objected, nil)
				}
				sent, received := near, far
				if !dials {
					sent, received = far, near
				}
				go forward(sent, received, listening(ws, m.send)) // ends with the connections
				go forward(received, sent, listening(ws, m.receive))
			}
			if dials {
				l.Close()
				return
			}
		}
	}()
	return u.String(), nil
}

// forward passes on what comes, its end, and that it broke.
func forward(from, to net.Conn, hear func([]byte)) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		hear(buffer[:n])
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				err = failed
			}
		}
		if errors.Is(err, io.EOF) {
			err = to.(*net.TCPConn).CloseWrite()
			if err == nil {
				return
			}
		}
		if err != nil {
			reset(from)
			reset(to)
			return
		}
	}
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// listening returns what hears one direction of a socket.
func listening(ws bool, hear func([]byte)) func([]byte) {
	if !ws {
		return hear
	}
	return (&webSocket{hear: hear}).feed
}

// webSocket finds the bytes within one direction of a WebSocket.
type webSocket struct {
	hear func([]byte)

	open    bool // the head of HTTP is over
	data    []byte
	masking []byte // nil: not masked
	at      int    // in the mask
	missing uint64 // of the frame's payload
	binary  bool
}

func (w *webSocket) feed(b []byte) {
	w.data = append(w.data, b...)
	if !w.open {
		end := bytes.Index(w.data, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		w.open, w.data = true, w.data[end+4:]
	}
	for len(w.data) > 0 {
		if w.missing == 0 && !w.header() {
			return
		}
		n := min(uint64(len(w.data)), w.missing)
		for i := range w.data[:n] {
			if w.masking != nil {
				w.data[i] ^= w.masking[w.at%4]
				w.at++
			}
		}
		if w.binary {
			w.hear(w.data[:n])
		}
		w.data = w.data[n:]
		w.missing -= n
	}
}

// header reads the header of a frame (RFC 6455 §5.2) if it is complete.
func (w *webSocket) header() bool {
	need := 2
	if len(w.data) < need {
		return false
	}
	length := w.data[1] & 0x7f
	switch length {
	case 126:
		need += 2
	case 127:
		need += 8
	}
	masked := w.data[1]&0x80 != 0
	if masked {
		need += 4
	}
	if len(w.data) < need {
		return false
	}
	if w.data[0]&0x40 != 0 {
		objected("a compressed WebSocket, which the tap cannot read")
	}
	w.binary = w.data[0]&0x0f < 3 // data, or the rest of it
	w.missing = uint64(length)
	switch length {
	case 126:
		w.missing = uint64(binary.BigEndian.Uint16(w.data[2:]))
	case 127:
		w.missing = binary.BigEndian.Uint64(w.data[2:])
	}
	w.masking, w.at = nil, 0
	if masked {
		w.masking = bytes.Clone(w.data[need-4 : need])
	}
	w.data = w.data[need:]
	return true
}

// tappedChannel is a data channel with a tap.
type tappedChannel struct {
	wrtc.Conn
	model *model
}

// tapChannel taps a channel, of which it knows whether it is one of version 1. There the tap tells how either side begins.
func tapChannel(c wrtc.Conn, version1 bool) wrtc.Conn {
	m := newModel("webrtc", objected)
	if version1 {
		m = newModel1("webrtc", objected, func(ours bool, head string) {
			switch {
			case ours && head == preamble1:
				tell("began", nil)
			case !ours && head != preamble1:
				tell("strangeBeginning", fields{"error": fmt.Sprintf("%q", head)})
			}
		})
	}
	return &tappedChannel{c, m}
}

// Write implements [net.Conn].
func (c *tappedChannel) Write(b []byte) (int, error) {
	c.model.send(b)
	return c.Conn.Write(b)
}

// Read implements [net.Conn].
func (c *tappedChannel) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.model.receive(b[:n])
	return n, err
}
