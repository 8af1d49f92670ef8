package exchange_test

import (
	"context"
	"io"
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
	"github.com/peer-exchange/exchange/wrtc"
)

// TestConn holds data streams to the whole contract of net.Conn, over every
// carrier. (Over WebSocket: package bootstrap.)
func TestConn(t *testing.T) {
	for _, carrier := range []struct {
		name string
		make nettest.MakePipe
	}{
		{"memory", func() (net.Conn, net.Conn, func(), error) {
			a, b := memnet.Pipe()
			return pipeOver(a, b)
		}},
		{"tcp", func() (net.Conn, net.Conn, func(), error) {
			a, b, err := tcpPair()
			if err != nil {
				return nil, nil, nil, err
			}
			return pipeOver(a, b)
		}},
		{"circuit", pipeOverCircuit},
		{"webrtc", pipeOverWebRTC},
	} {
		t.Run(carrier.name, func(t *testing.T) { nettest.TestConn(t, carrier.make) })
	}
}

func tcpPair() (a, b net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	if b, err = l.Accept(); err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, b, nil
}

// newExchange is New for code without a *testing.T.
func newExchange(cfg *exchange.Config) *exchange.Exchange {
	ex, err := exchange.New("test", cfg)
	if err != nil {
		panic(err)
	}
	return ex
}

// pipeOver returns the two ends of the data stream of two new exchanges that
// are connected by the two ends of a carrier.
func pipeOver(a, b net.Conn) (net.Conn, net.Conn, func(), error) {
	x, y := newExchange(nil), newExchange(nil)
	stop := func() { x.Close(); y.Close() }
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := y.Accept(context.Background(), b)
		if err != nil {
			close(accepted)
			return
		}
		accepted <- c
	}()
	c1, err := x.Connect(context.Background(), a)
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	return c1, <-accepted, stop, nil
}

// pipeOverWebRTC returns the data stream of two exchanges that met through a
// third, over real ICE, DTLS and SCTP on loopback.
func pipeOverWebRTC() (net.Conn, net.Conn, func(), error) {
	a, b, c := newExchange(nil), newExchange(loopback()), newExchange(loopback())
	stop := func() { c.Close(); b.Close(); a.Close() }
	for _, ex := range []*exchange.Exchange{b, c} {
		near, far := memnet.Pipe()
		go a.Accept(context.Background(), far)
		if _, err := ex.Connect(context.Background(), near); err != nil {
			stop()
			return nil, nil, nil, err
		}
	}
	c1, err := c.GetNewPeer(context.Background())
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	c2, err := b.Listener().Accept()
	return c1, c2, stop, err
}

func loopback() *exchange.Config {
	transport, err := wrtc.New(&wrtc.Config{Loopback: true, Interface: func(name string) bool { return name == "lo" }})
	if err != nil {
		panic(err)
	}
	return &exchange.Config{Transport: transport}
}

// pipeOverCircuit returns a stream of a session that runs through a circuit of
// a real relay, as the inner session of an upgrade does.
func pipeOverCircuit() (net.Conn, net.Conn, func(), error) {
	relay := newExchange(&exchange.Config{Limits: exchange.Limits{CircuitBytes: 1 << 40}})
	asker, target := handPeer(relay), handPeer(relay)
	stop := func() { asker.mux.Close(); target.mux.Close(); relay.Close() }

	asker.send(pxp.GetPeers{ID: 10, Max: 1})
	token := asker.receive().(pxp.Res).Candidates[0].Token
	near := asker.open(pxp.RelayStream(token))
	asker.send(pxp.Relay{ID: 11, Token: token})
	in := target.receive().(pxp.Incoming)
	target.send(pxp.Res{ID: in.ID})
	far := target.open(pxp.RelayStream(in.Token))

	served := make(chan net.Conn, 1)
	go func() {
		m, err := mux.Server(must(secure.Server(context.Background(), far, &secure.Config{Key: target.key})), nil)
		if err != nil {
			panic(err)
		}
		served <- must(m.Accept(context.Background()))
	}()
	m := must(mux.Client(must(secure.Client(context.Background(), near, &secure.Config{Key: asker.key})), nil))
	c1 := must(m.Open(context.Background(), "stream"))
	must(c1.Write(nil))
	return c1, <-served, stop, nil
}

// hand is a peer played by hand, for code without a *testing.T.
type hand struct {
	key     *identity.Key
	mux     mux.Session
	control mux.Stream
}

func handPeer(ex *exchange.Exchange) *hand {
	near, far := memnet.Pipe()
	go func() {
		if _, err := ex.Accept(context.Background(), far); err != nil {
			panic(err)
		}
	}()
	h := &hand{key: must(identity.NewKey())}
	conn := must(secure.Client(context.Background(), near, &secure.Config{Key: h.key, Preamble: []byte(pxp.Magic2)}))
	h.mux = must(mux.Client(conn, nil))
	h.control = h.open(pxp.ControlStream)
	h.send(pxp.Hello{
		Version: pxp.Version, Accepts: true, Features: []string{"relay", "webrtc"},
		Proof: secure.Prove(secure.NetworkKey("test", nil), secure.Dialer, conn.Binding()),
	})
	h.send(pxp.Connect{ID: 1})
	h.open(pxp.DataStream)
	h.receive()
	h.receive()
	return h
}

func (h *hand) open(name string) mux.Stream {
	s := must(h.mux.Open(context.Background(), name))
	must(s.Write(nil))
	return s
}

func (h *hand) send(m pxp.Message) { must(h.control.Write(must(pxp.Append(nil, m)))) }

func (h *hand) receive() pxp.Message {
	var head [2]byte
	must(io.ReadFull(h.control, head[:]))
	body := make([]byte, must(pxp.FrameLen(head)))
	must(io.ReadFull(h.control, body))
	return must(pxp.Decode(body))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
