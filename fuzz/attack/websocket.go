package attack

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/pxp"
)

// This file is what peers do to the WebSocket that carries their session, frame by frame (RFC 6455 §5.2).

var carrierAttacks = []Attack{
	{"web/text", "as peer sends a text message", "binary messages only", 20,
		func(ctx context.Context, p *player) {
			p.overWeb(ctx, func(w *webSocket) error { return w.frame(opText, true, []byte("hello")) })
		}},
	{"web/oversize", "as peer begins a message of 1 MiB and a byte", "1 MiB of message", 20,
		func(ctx context.Context, p *player) {
			p.overWeb(ctx, func(w *webSocket) error {
				return w.send(binary.BigEndian.AppendUint64([]byte{fin | opBinary, masked | 127}, 1<<20+1), make([]byte, 4))
			})
		}},
	{"web/endless", "as peer goes on with a message without an end", "1 MiB of message; what is in it: ErrAuthentication", 0,
		func(ctx context.Context, p *player) {
			p.overWeb(ctx, func(w *webSocket) error {
				op := byte(opMore)
				if !w.begun {
					op, w.begun = opBinary, true
				}
				return w.frame(op, false, make([]byte, 60<<10))
			})
		}},
	{"web/pieces", "as peer sends every byte in a frame of its own", "the carrier: a frame for a frame", 200,
		func(ctx context.Context, p *player) {
			p.piece = 1
			p.Dial = p.dialWebSocket
			p.asPeers(ctx, func(r *peer) error {
				_, err := r.request(ctx, func(id uint32) pxp.Message { return pxp.Ping{ID: id} })
				return err
			})
		}},
	{"web/empty", "as peer sends frames without data", "the carrier: a frame for a frame", 500,
		func(ctx context.Context, p *player) {
			p.overWeb(ctx, func(w *webSocket) error { return w.frame(opBinary, true, nil) })
		}},
	{"web/pings", "as peer sends pings of the WebSocket", "the carrier: a frame for a frame", 500,
		func(ctx context.Context, p *player) {
			p.overWeb(ctx, func(w *webSocket) error { return w.frame(opPing, true, make([]byte, 125)) })
		}},
	{"web/opcode", "as peer sends frames of a kind that does not exist", "RFC 6455", 20,
		func(ctx context.Context, p *player) {
			p.overWeb(ctx, func(w *webSocket) error { return w.frame(7, true, nil) })
		}},
	{"web/closes", "as peer says that it closes, and goes on", "RFC 6455: the session ends", 20,
		func(ctx context.Context, p *player) {
			p.overWeb(ctx, func(w *webSocket) error { return w.frame(opClose, true, []byte{3, 232}) })
		}},
	{"web/strangers", "opens WebSockets, sends pings and nothing else", "HandshakeTime, UnauthenticatedPerAddress", 200,
		func(ctx context.Context, p *player) {
			p.each(ctx, 8, func(lane int) error {
				c, err := p.open(ctx, p.dialWebSocket, lane)
				if err != nil {
					return err
				}
				for err == nil && p.next(ctx) {
					err = c.(*webSocket).frame(opPing, true, nil)
				}
				p.drop(c)
				return nil
			})
		}},
	{"web/drip", "sends a header without an end, a line a second", "10 s for the header", 20,
		func(ctx context.Context, p *player) {
			p.web(ctx, true, func(c net.Conn) error {
				_, err := io.WriteString(c, "GET "+p.Path+" HTTP/1.1\r\nHost: x\r\n")
				for err == nil && ctx.Err() == nil {
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
					}
					_, err = io.WriteString(c, "X: x\r\n")
				}
				return nil // it is refused while it speaks
			})
		}},
}

// overWeb has peers whose carrier is a WebSocket do something to that.
func (p *player) overWeb(ctx context.Context, do func(w *webSocket) error) {
	p.Dial = p.dialWebSocket
	p.asPeers(ctx, func(r *peer) error { return do(r.raw.(*webSocket)) })
}

// Kinds of frames, and bits beside them.
const (
	opMore, opText, opBinary, opClose, opPing = 0, 1, 2, 8, 9
	fin, masked                               = 0x80, 0x80
)

// webSocket is the client's end of a WebSocket. It answers no pings.
type webSocket struct {
	net.Conn
	in    *bufio.Reader
	left  uint64 // of the frame that is being read
	piece int    // bytes in a frame; 0: as many as there are

	begun bool // a message has begun that does not end; set by who sends its pieces

	writing sync.Mutex
}

func (p *player) dialWebSocket(ctx context.Context, address int) (net.Conn, error) {
	c, err := p.DialWeb(ctx, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	w := &webSocket{Conn: c, in: bufio.NewReader(c), piece: p.piece}
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", p.Path)
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(w.in, nil)
	}
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		err = errors.Join(errRefused, answer.Body.Close())
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return w, nil
}

// head is the beginning of a frame with a mask of zeros.
func head(op byte, last bool, n int) []byte {
	if last {
		op |= fin
	}
	b := []byte{op, masked | 127}
	switch {
	case n < 126:
		b[1] = masked | byte(n)
	case n < 1<<16:
		b[1] = masked | 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, 0, 0, 0, 0)
}

func (w *webSocket) frame(op byte, last bool, payload []byte) error {
	return w.send(head(op, last, len(payload)), payload)
}

func (w *webSocket) send(parts ...[]byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	var all []byte
	for _, b := range parts {
		all = append(all, b...)
	}
	_, err := w.Conn.Write(all)
	return err
}

// Write sends b as one message.
func (w *webSocket) Write(b []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	op := byte(opBinary)
	var all []byte
	size := len(b)
	if w.piece > 0 {
		size = w.piece
	}
	for rest := b; len(rest) > 0; op = opMore {
		n := min(size, len(rest))
		all = append(append(all, head(op, n == len(rest), n)...), rest[:n]...)
		rest = rest[n:]
	}
	if _, err := w.Conn.Write(all); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Read reads what binary frames carry, and throws away the others.
func (w *webSocket) Read(b []byte) (int, error) {
	for w.left == 0 {
		var h [2]byte
		if _, err := io.ReadFull(w.in, h[:]); err != nil {
			return 0, err
		}
		w.left = uint64(h[1])
		if extended := map[byte]int{126: 2, 127: 8}[h[1]]; extended > 0 {
			var size [8]byte
			if _, err := io.ReadFull(w.in, size[8-extended:]); err != nil {
				return 0, err
			}
			w.left = binary.BigEndian.Uint64(size[:])
		}
		if op := h[0] & 15; op > opBinary {
			if _, err := io.CopyN(io.Discard, w.in, int64(w.left)); err != nil {
				return 0, err
			}
			w.left = 0
			if op == opClose {
				return 0, io.EOF
			}
		}
	}
	n, err := w.in.Read(b[:min(uint64(len(b)), w.left)])
	w.left -= uint64(n)
	return n, err
}
