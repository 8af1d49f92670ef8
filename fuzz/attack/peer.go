package attack

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// handshakeTime bounds the patience of a hostile peer with a slow target.
const handshakeTime = 10 * time.Second

// peer is a hostile peer of version 2. It is authenticated as anybody is, and writes the multiplexer's frames itself.
type peer struct {
	p    *player
	key  *identity.Key
	conn *secure.Conn
	raw  net.Conn // below it
	in   *frameReader

	deaf    atomic.Bool // nothing more is read
	quiet   atomic.Bool // what is read is not acknowledged
	writing sync.Mutex
	lastID  uint32 // of a request
	streams uint32 // opened besides

	credit  [4]atomic.Int64 // what the target takes on streams 1 and 3 now, by id
	leaving chan struct{}
	left    sync.Once

	messages chan pxp.Message // capacity 64, more are dropped; closed when reading has ended
	done     chan struct{}    // closed then too
}

// Streams that every peer has.
const (
	controlID = 1
	dataID    = 3
	firstID   = 5 // of those that it opens besides
)

// secured does the handshake on a new socket.
func (p *player) secured(ctx context.Context, address int) (*peer, error) {
	key, err := identity.NewKey()
	if err != nil {
		return nil, err
	}
	socket, err := p.socket(ctx, address)
	if err != nil {
		return nil, err
	}
	return p.securedOn(ctx, socket, key)
}

func (p *player) securedOn(ctx context.Context, socket net.Conn, key *identity.Key) (*peer, error) {
	limited, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := secure.Client(limited, socket, &secure.Config{Key: key, Preamble: []byte(pxp.Magic2)})
	if err != nil {
		p.drop(socket)
		p.count(func(t *Tally) { t.Failed++ })
		return nil, err
	}
	return &peer{
		p: p, key: key, conn: conn, raw: socket, in: &frameReader{conn: conn},
		leaving:  make(chan struct{}),
		messages: make(chan pxp.Message, 64), done: make(chan struct{}),
	}, nil
}

// join makes a peer of the target: a new identity from that address. What the target says is read until leave.
func (p *player) join(ctx context.Context, address int) (*peer, error) {
	return p.joinAs(ctx, address, "hostile")
}

// joinAs is join with what the peer says that it runs.
func (p *player) joinAs(ctx context.Context, address int, agent string) (*peer, error) {
	r, err := p.secured(ctx, address)
	if err != nil {
		return nil, err
	}
	hello, err := r.hello(agent)
	if err != nil {
		r.abandon()
		return nil, err
	}
	connect, _ := pxp.Append(nil, pxp.Connect{ID: r.id()})
	go r.read(ctx) // ended by leave or the end of the socket; leave waits
	r.credit[controlID].Store(mux.Window - int64(1+len(pxp.ControlStream)+len(hello)+len(connect)))
	r.credit[dataID].Store(mux.Window - int64(1+len(pxp.DataStream)))
	if err := r.send(
		opening(controlID, pxp.ControlStream), dataFrame(0, controlID, append(hello, connect...)),
		opening(dataID, pxp.DataStream),
	); err != nil {
		r.leave()
		return nil, err
	}
	for {
		m, err := r.receive(ctx)
		if err != nil {
			p.count(func(t *Tally) { t.Failed++ })
			r.leave()
			return nil, err
		}
		if res, ok := m.(pxp.Res); ok && res.ID == 1 {
			if res.Code != pxp.CodeOK {
				r.over(ctx)
				return nil, errEnded
			}
			p.count(func(t *Tally) { t.Peers++ })
			return r, nil
		}
	}
}

// hello returns the frame of a hello that proves membership.
func (r *peer) hello(agent string) ([]byte, error) {
	return pxp.Append(nil, pxp.Hello{
		Version: pxp.Version, Agent: agent, Accepts: true, Features: []string{"relay", pxp.TransportWebRTC},
		Proof: secure.Prove(secure.NetworkKey(r.p.Network, nil), secure.Dialer, r.conn.Binding()),
	})
}

// id returns the id of the next request.
func (r *peer) id() uint32 {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.lastID++
	return r.lastID
}

// send writes frames in one write.
func (r *peer) send(frames ...[]byte) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	all := make([]byte, 0, 1024)
	for _, f := range frames {
		all = append(all, f...)
	}
	_, err := r.conn.Write(all)
	return err
}

// open opens one more stream and returns its id. rest are frames that go with it, without their ids.
func (r *peer) open(name string, rest ...[]byte) (uint32, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	id := firstID + 2*r.streams
	r.streams++
	all := opening(id, name)
	for _, f := range rest {
		binary.BigEndian.PutUint32(f[4:], id)
		all = append(all, f...)
	}
	_, err := r.conn.Write(all)
	return id, err
}

// say sends a control message.
func (r *peer) say(m pxp.Message) error {
	b, err := pxp.Append(nil, m)
	if err != nil {
		return err
	}
	return r.sayBytes(b)
}

// sayBytes sends bytes on the control stream. It waits until the target takes so many: who does not is sent away for that,
// and not for what it says.
func (r *peer) sayBytes(b []byte) error {
	for r.credit[controlID].Add(-int64(len(b))) < 0 {
		r.credit[controlID].Add(int64(len(b)))
		select {
		case <-time.After(5 * time.Millisecond):
		case <-r.done:
			return errEnded
		}
	}
	var frames [][]byte
	for piece := range slices.Chunk(b, 8<<10) {
		frames = append(frames, dataFrame(0, controlID, piece))
	}
	return r.send(frames...)
}

var errEnded = errors.New("attack: the target ended the session")

// receive returns the next control message of the target.
func (r *peer) receive(ctx context.Context) (pxp.Message, error) {
	select {
	case m, ok := <-r.messages:
		if !ok {
			return nil, errEnded
		}
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// await returns the answer to the request of that id.
func (r *peer) await(ctx context.Context, id uint32) (pxp.Res, error) {
	for {
		m, err := r.receive(ctx)
		if err != nil {
			return pxp.Res{}, err
		}
		if res, ok := m.(pxp.Res); ok && res.ID == id {
			return res, nil
		}
	}
}

// request sends the request that build returns and waits for the answer.
func (r *peer) request(ctx context.Context, build func(id uint32) pxp.Message) (pxp.Res, error) {
	id := r.id()
	if err := r.say(build(id)); err != nil {
		return pxp.Res{}, err
	}
	return r.await(ctx, id)
}

// leave closes the session without a word and waits until nothing of it is left. Only for who has begun to read.
func (r *peer) leave() {
	r.left.Do(func() { close(r.leaving) })
	_ = r.conn.Close()
	<-r.done
}

// abandon ends a session that nobody reads.
func (r *peer) abandon() {
	_ = r.conn.Close()
	r.p.drop(r.raw)
}

// over waits until the target ends the session or the attack is over, and leaves.
func (r *peer) over(ctx context.Context) {
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	r.leave()
}

// read does what a polite peer does with what arrives, as long as something does. What it writes itself may be refused by a
// target that has said its last words, which are read still.
func (r *peer) read(ctx context.Context) {
	defer close(r.done)
	defer close(r.messages)
	stop := context.AfterFunc(ctx, func() { _ = r.conn.Close() })
	defer stop()
	var control []byte
	for {
		if r.deaf.Load() {
			select {
			case <-ctx.Done():
			case <-r.leaving:
			}
			break
		}
		f, err := r.in.next()
		if err != nil {
			break
		}
		switch {
		case f.kind == kindPing && f.flags == flagSYN && r.p.pong > 0:
			time.AfterFunc(r.p.pong, func() { _ = r.send(frame(kindPing, flagACK, 0, f.length)) })
		case f.kind == kindPing && f.flags == flagSYN:
			_ = r.send(frame(kindPing, flagACK, 0, f.length))
		case f.kind == kindWindow && (f.id == controlID || f.id == dataID):
			r.credit[f.id].Add(int64(f.length))
		case f.kind == kindGoAway && f.length != 0:
			r.p.count(func(t *Tally) { t.GoAways++ })
		case f.kind == kindData && f.length > 0 && !r.quiet.Load():
			_ = r.send(frame(kindWindow, 0, f.id, f.length)) // so that the target may go on
		}
		if f.kind == kindData && f.id == controlID {
			control = r.decode(append(control, f.body...))
		}
	}
	select {
	case <-r.leaving:
	default:
		if ctx.Err() == nil {
			r.p.count(func(t *Tally) { t.Ended++ })
		}
	}
	_ = r.conn.Close()
	r.p.drop(r.raw)
}

// decode hands out the messages that b begins with, and returns the rest.
func (r *peer) decode(b []byte) []byte {
	for len(b) >= 2 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		if len(b) < n {
			break
		}
		m, err := pxp.Decode(b[2:n])
		b = b[n:]
		if err != nil {
			continue
		}
		switch m := m.(type) {
		case pxp.Bye:
			r.p.count(func(t *Tally) { t.Byes[m.Code]++ })
		case pxp.Res:
			r.p.count(func(t *Tally) { t.Codes[m.Code]++ })
		}
		select {
		case r.messages <- m:
		default:
		}
	}
	return b
}

// Kinds and flags of the multiplexer's frames, written down once more.
const (
	kindData, kindWindow, kindPing, kindGoAway = 0, 1, 2, 3
	flagSYN, flagACK, flagFIN, flagRST         = 1, 2, 4, 8
	headerBytes                                = 12
)

func frame(kind byte, flags uint16, id, length uint32, body ...byte) []byte {
	b := append(make([]byte, 0, headerBytes+len(body)), 0, kind)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint32(b, length)
	return append(b, body...)
}

// dataFrame is a frame that carries body.
func dataFrame(flags uint16, id uint32, body []byte) []byte {
	return frame(kindData, flags, id, uint32(len(body)), body...)
}

// opening is how a stream begins.
func opening(id uint32, name string) []byte {
	return dataFrame(flagSYN, id, append([]byte{byte(len(name))}, name...))
}

// arrived is a frame from the target.
type arrived struct {
	kind       byte
	flags      uint16
	id, length uint32
	body       []byte // valid until the next
}

type frameReader struct {
	conn net.Conn
	buf  []byte
}

func (f *frameReader) next() (arrived, error) {
	var h [headerBytes]byte
	if _, err := io.ReadFull(f.conn, h[:]); err != nil {
		return arrived{}, err
	}
	a := arrived{kind: h[1], flags: binary.BigEndian.Uint16(h[2:]), id: binary.BigEndian.Uint32(h[4:]), length: binary.BigEndian.Uint32(h[8:])}
	if a.kind != kindData {
		return a, nil
	}
	if a.length > mux.MaxFrameBytes {
		return arrived{}, errors.New("attack: the target sent a giant frame")
	}
	if f.buf == nil {
		f.buf = make([]byte, mux.MaxFrameBytes)
	}
	a.body = f.buf[:a.length]
	_, err := io.ReadFull(f.conn, a.body)
	return a, err
}
