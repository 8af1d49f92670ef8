package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// ourCircuit is a session through a peer, its limits lifted. The peer in the
// middle is an exchange; its two peers are played by hand with the packages
// that an exchange is made of, since an exchange uses circuits for signaling
// only and leaves them as soon as it can.
type ourCircuit struct{}

func (ourCircuit) name() string { return "exchange circuit" }

func (ourCircuit) start(l line, serve func(stream)) (ends, error) {
	middle, err := exchange.New(network, &exchange.Config{
		Limits: exchange.Limits{CircuitBytes: 1 << 60, CircuitTime: time.Hour, StreamsPerSecond: plenty, StreamBurst: plenty},
	})
	if err != nil {
		return nil, err
	}
	e := &circuitEnds{middle: middle, serve: serve}
	e.listen, err = listenTCP(l, func(c net.Conn) {
		if conn, err := middle.Accept(context.Background(), c); err == nil {
			middle.Deliver(conn)
		}
	})
	if err != nil {
		middle.Close()
		return nil, err
	}
	for _, end := range []**manual{&e.near, &e.far} {
		if *end, err = e.join(); err != nil {
			e.close()
			return nil, err
		}
	}
	e.wg.Go(e.answer) // ended by close, which waits
	return e, nil
}

type circuitEnds struct {
	middle    *exchange.Exchange
	listen    *listen
	serve     func(stream)
	near, far *manual
	wg        sync.WaitGroup
}

func (e *circuitEnds) close() {
	for _, end := range []*manual{e.near, e.far} {
		if end != nil {
			end.mux.Close()
		}
	}
	e.middle.Close()
	e.listen.close()
	e.wg.Wait()
}

// connect asks for the far end and begins a session with it, through the
// middle.
func (e *circuitEnds) connect() (session, error) {
	res, err := e.near.ask(func(id uint32) pxp.Message { return pxp.GetPeers{ID: id, Max: 1} })
	if err != nil {
		return nil, err
	}
	if len(res.Candidates) == 0 {
		return nil, errors.New("the middle names nobody")
	}
	token := res.Candidates[0].Token
	if _, err := e.near.ask(func(id uint32) pxp.Message { return pxp.Relay{ID: id, Token: token} }); err != nil {
		return nil, err
	}
	circuit, err := e.near.mux.Open(context.Background(), pxp.RelayStream(token))
	if err != nil {
		return nil, err
	}
	conn, err := secure.Client(context.Background(), circuit, &secure.Config{Key: e.near.key})
	if err != nil {
		return nil, err
	}
	m, err := mux.Client(conn, lifted())
	return &circuitSession{m, e.middle}, err
}

// answer takes circuits to the far end until it is closed.
func (e *circuitEnds) answer() {
	for {
		m, err := e.far.receive()
		if err != nil {
			return
		}
		asked, ok := m.(pxp.Incoming)
		if !ok {
			continue
		}
		if err := e.far.send(pxp.Res{ID: asked.ID}); err != nil {
			return
		}
		circuit, err := e.far.mux.Open(context.Background(), pxp.RelayStream(asked.Token))
		if err != nil {
			return
		}
		e.wg.Go(func() { e.session(circuit) }) // ends with the circuit
	}
}

func (e *circuitEnds) session(circuit net.Conn) {
	conn, err := secure.Server(context.Background(), circuit, &secure.Config{Key: e.far.key})
	if err != nil {
		circuit.Close()
		return
	}
	m, err := mux.Server(conn, lifted())
	if err != nil {
		return
	}
	defer m.Close()
	for {
		s, err := m.Accept(context.Background())
		if err != nil {
			return
		}
		e.wg.Go(func() { e.serve(s) }) // ends with the session
	}
}

type circuitSession struct {
	mux.Session
	middle *exchange.Exchange
}

func (s *circuitSession) open() (stream, error) { return s.Open(context.Background(), streamName) }

func (s *circuitSession) close() {
	s.Close()
	waitUntil(func() bool { return s.middle.Stats().Circuits == 0 })
}

func lifted() *mux.Config { return &mux.Config{StreamsPerSecond: plenty, StreamBurst: plenty} }

// manual is a peer of an exchange that is played by hand.
type manual struct {
	key     *identity.Key
	mux     mux.Session
	control mux.Stream
	lastID  uint32
}

// join makes a peer of the middle.
func (e *circuitEnds) join() (*manual, error) {
	key, err := identity.NewKey()
	if err != nil {
		return nil, err
	}
	socket, err := e.listen.dial()
	if err != nil {
		return nil, err
	}
	conn, err := secure.Client(context.Background(), socket, &secure.Config{Key: key, Preamble: []byte(pxp.Magic2)})
	if err != nil {
		socket.Close()
		return nil, err
	}
	m, err := mux.Client(conn, lifted())
	if err != nil {
		conn.Close()
		return nil, err
	}
	p := &manual{key: key, mux: m}
	if err := p.admit(conn); err != nil {
		m.Close()
		return nil, err
	}
	return p, nil
}

// admit says hello and asks to become a peer.
func (p *manual) admit(conn *secure.Conn) (err error) {
	if p.control, err = p.mux.Open(context.Background(), pxp.ControlStream); err != nil {
		return err
	}
	proof := secure.Prove(secure.NetworkKey(network, nil), secure.Dialer, conn.Binding())
	hello := pxp.Hello{
		Version: pxp.Version, Agent: "bench", Proof: proof, Accepts: true,
		Features: []string{"relay", pxp.TransportWebRTC},
	}
	if err := p.send(hello); err != nil {
		return err
	}
	data, err := p.mux.Open(context.Background(), pxp.DataStream)
	if err != nil {
		return err
	}
	if _, err := p.ask(func(id uint32) pxp.Message { return pxp.Connect{ID: id} }); err != nil {
		return err
	}
	_, err = data.Write(nil) // sends its name
	return err
}

func (p *manual) send(m pxp.Message) error {
	b, err := pxp.Append(nil, m)
	if err != nil {
		return err
	}
	_, err = p.control.Write(b)
	return err
}

// receive returns the next message that is no ping.
func (p *manual) receive() (pxp.Message, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(p.control, head[:]); err != nil {
			return nil, err
		}
		body := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(p.control, body); err != nil {
			return nil, err
		}
		m, err := pxp.Decode(body)
		if err != nil {
			return nil, err
		}
		ping, ok := m.(pxp.Ping)
		if !ok {
			return m, nil
		}
		if err := p.send(pxp.Res{ID: ping.ID}); err != nil {
			return nil, err
		}
	}
}

// ask sends a request and waits for its answer. Nobody else may receive.
func (p *manual) ask(build func(id uint32) pxp.Message) (pxp.Res, error) {
	p.lastID++
	if err := p.send(build(p.lastID)); err != nil {
		return pxp.Res{}, err
	}
	for {
		m, err := p.receive()
		if err != nil {
			return pxp.Res{}, err
		}
		if res, ok := m.(pxp.Res); ok && res.ID == p.lastID {
			if res.Code != pxp.CodeOK {
				return res, fmt.Errorf("the middle refuses: %v %q", res.Code, res.Reason)
			}
			return res, nil
		}
	}
}
