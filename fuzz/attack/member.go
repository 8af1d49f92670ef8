package attack

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// member is a hostile peer that is hostile above the multiplexer only: as a relay, as an asker, as a candidate. Its
// streams are those of package mux. What it does not do by itself comes to handle.
type member struct {
	p       *player
	key     *identity.Key
	conn    *secure.Conn
	mux     mux.Session
	control mux.Stream
	handle  func(pxp.Message) // requests and signals that come, one at a time; nil: none is looked at
	running sync.WaitGroup    // what reads, and what handle has begun

	mu      sync.Mutex
	lastID  uint32
	waiting map[uint32]chan pxp.Res  // capacity 1
	streams map[string]chan net.Conn // that the other end has opened, or will; capacity 1
	done    chan struct{}            // closed when nothing more comes
	bye     chan pxp.Code            // capacity 1: how the other end said goodbye
}

// joinMember makes a member that is a peer of whoever is at the other end of socket. handle is called by the goroutine that
// reads: what takes long it does in another, by m.running.
func (p *player) joinMember(ctx context.Context, socket net.Conn, handle func(m *member, message pxp.Message)) (*member, error) {
	key, err := identity.NewKey()
	if err != nil {
		p.drop(socket)
		return nil, err
	}
	m, err := p.dialSession(ctx, socket, key, secure.Dialer)
	if err != nil {
		p.count(func(t *Tally) { t.Failed++ })
		p.drop(socket)
		return nil, err
	}
	if handle != nil {
		m.handle = func(message pxp.Message) { handle(m, message) }
	}
	data, err := m.mux.Open(ctx, pxp.DataStream)
	if err == nil {
		_, err = data.Write(nil)
	}
	if err == nil {
		m.start()
		_, err = m.request(ctx, func(id uint32) pxp.Message { return pxp.Connect{ID: id} })
	}
	if err != nil {
		p.count(func(t *Tally) { t.Failed++ })
		m.leave()
		return nil, err
	}
	p.count(func(t *Tally) { t.Peers++ })
	return m, nil
}

// dialSession runs the handshake, opens or takes the control stream and says hello.
func (p *player) dialSession(ctx context.Context, carrier net.Conn, key *identity.Key, role secure.Role) (*member, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	cfg := &secure.Config{Key: key, Preamble: []byte(pxp.Magic2)}
	handshake, newMux := secure.Client, mux.Client
	if role == secure.Acceptor {
		var preamble [len(pxp.Magic2)]byte
		if _, err := io.ReadFull(carrier, preamble[:]); err != nil {
			return nil, err
		}
		handshake, newMux = secure.Server, mux.Server
	}
	conn, err := handshake(ctx, carrier, cfg)
	if err != nil {
		return nil, err
	}
	session, err := newMux(conn, nil)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	m := &member{
		p: p, key: key, conn: conn, mux: session,
		waiting: make(map[uint32]chan pxp.Res), streams: make(map[string]chan net.Conn),
		done: make(chan struct{}), bye: make(chan pxp.Code, 1),
	}
	if role == secure.Dialer {
		m.control, err = session.Open(ctx, pxp.ControlStream)
	} else {
		m.control, err = session.Accept(ctx)
	}
	if err == nil {
		err = m.say(pxp.Hello{
			Version: pxp.Version, Agent: "hostile", Accepts: true, Features: []string{"relay", pxp.TransportWebRTC},
			Proof: secure.Prove(secure.NetworkKey(p.Network, nil), role, conn.Binding()),
		})
	}
	if err != nil {
		session.Close()
		return nil, err
	}
	return m, nil
}

// start begins to read.
func (m *member) start() {
	m.running.Go(m.read)   // ended by leave or the session's end; leave waits
	m.running.Go(m.accept) // likewise
}

// leave ends the session without a word and waits until nothing of it is left.
func (m *member) leave() {
	m.mux.Close()
	m.running.Wait()
}

func (m *member) ended() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

func (m *member) say(message pxp.Message) error {
	b, err := pxp.Append(nil, message)
	if err == nil {
		_, err = m.control.Write(b)
	}
	return err
}

// request sends what build returns and waits for the answer.
func (m *member) request(ctx context.Context, build func(id uint32) pxp.Message) (pxp.Res, error) {
	answer := make(chan pxp.Res, 1)
	m.mu.Lock()
	m.lastID++
	id := m.lastID
	m.waiting[id] = answer
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.waiting, id)
	}()
	if err := m.say(build(id)); err != nil {
		return pxp.Res{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	select {
	case res := <-answer:
		return res, nil
	case <-m.done:
		return pxp.Res{}, errEnded
	case <-ctx.Done():
		return pxp.Res{}, context.Cause(ctx)
	}
}

// stream waits for the stream of that name.
func (m *member) stream(ctx context.Context, name string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	select {
	case stream := <-m.place(name):
		return stream, nil
	case <-m.done:
		return nil, errEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// place is where a stream of that name is put, by whoever comes first.
func (m *member) place(name string) chan net.Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.streams[name]
	if c == nil {
		c = make(chan net.Conn, 1)
		m.streams[name] = c
	}
	return c
}

func (m *member) accept() {
	for {
		stream, err := m.mux.Accept(context.Background()) // ends with the session
		if err != nil {
			return
		}
		select {
		case m.place(stream.Name()) <- stream:
		default:
			stream.Reset()
		}
	}
}

// read does what a polite peer does with what comes, and hands on the rest.
func (m *member) read() {
	defer close(m.done)
	for {
		message, err := m.next()
		if err != nil {
			return
		}
		switch message := message.(type) {
		case pxp.Ping:
			_ = m.say(pxp.Res{ID: message.ID})
		case pxp.Bye:
			m.p.count(func(t *Tally) { t.Byes[message.Code]++ })
			select {
			case m.bye <- message.Code:
			default:
			}
		case pxp.Res:
			m.p.count(func(t *Tally) { t.Codes[message.Code]++ })
			m.mu.Lock()
			answer := m.waiting[message.ID]
			delete(m.waiting, message.ID)
			m.mu.Unlock()
			if answer != nil {
				answer <- message
			}
		default:
			if m.handle != nil {
				m.handle(message)
			}
		}
	}
}

// next reads one message.
func (m *member) next() (pxp.Message, error) {
	var head [2]byte
	if _, err := io.ReadFull(m.control, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(m.control, body); err != nil {
		return nil, err
	}
	return pxp.Decode(body)
}

// over waits until the other end has ended the session, no longer than that, and leaves.
func (m *member) over(ctx context.Context, patience time.Duration) (ended bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-m.done:
		ended = ctx.Err() == nil
	case <-timer.C:
	case <-ctx.Done():
	}
	m.leave()
	return ended
}
