package mux_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// Frames as yamux's spec.md has them, written down a second time so that a mistake in the package shows.
const (
	data, window, ping, goAway = 0, 1, 2, 3
	syn, ack, fin, rst         = 1, 2, 4, 8
)

func frame(kind byte, flags uint16, id, length uint32, body ...byte) []byte {
	b := []byte{0, kind}
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint32(b, length)
	return append(b, body...)
}

// dataFrame is a frame that carries body.
func dataFrame(flags uint16, id uint32, body []byte) []byte {
	return frame(data, flags, id, uint32(len(body)), body...)
}

// opening is how the peer opens stream id with the name "n".
func opening(id uint32) []byte { return dataFrame(syn, id, []byte("\x01n")) }

// rawPeer is the other end of a session's carrier, whose frames the test writes by hand.
type rawPeer struct {
	t testing.TB
	net.Conn
}

// serveRaw starts a Server session for a raw peer.
func serveRaw(t testing.TB, cfg *mux.Config) (mux.Session, *rawPeer) {
	t.Helper()
	a, b := memnet.PipeConfig{Buffer: 4 << 20}.Pipe()
	s, err := mux.Server(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); s.Close() })
	return s, &rawPeer{t, a}
}

func (r *rawPeer) send(frames ...[]byte) {
	for _, f := range frames {
		if _, err := r.Write(f); err != nil {
			return // the session has ended, which the test will see
		}
	}
}

// got is a frame that the session sent.
type got struct {
	kind       byte
	flags      uint16
	id, length uint32
	body       []byte
}

func (g got) String() string {
	return fmt.Sprintf("{kind %d flags %d id %d length %d}", g.kind, g.flags, g.id, g.length)
}

// next reads one frame.
func (r *rawPeer) next() (g got, err error) {
	var h [12]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return g, err
	}
	if h[0] != 0 {
		return g, errors.New("version is not 0")
	}
	g = got{h[1], binary.BigEndian.Uint16(h[2:]), binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint32(h[8:]), nil}
	if g.kind == data {
		g.body = make([]byte, g.length)
		_, err = io.ReadFull(r, g.body)
	}
	return g, err
}

// expect reads frames until one is of that kind, flags and id. It answers pings.
func (r *rawPeer) expect(kind byte, flags uint16, id uint32) got {
	r.t.Helper()
	for {
		g, err := r.next()
		if err != nil {
			r.t.Fatalf("no frame of kind %d, flags %d, id %d: %v", kind, flags, id, err)
		}
		if g.kind == kind && g.flags == flags && g.id == id {
			return g
		}
		if g.kind == ping && g.flags == syn {
			r.send(frame(ping, ack, 0, g.length))
		}
	}
}
