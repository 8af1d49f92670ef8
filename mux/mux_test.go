package mux_test

import (
	"net"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"

	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two sessions that talk to each other.
type pair struct{ client, server mux.Session }

// carriers are what sessions are tested over.
var carriers = map[string]func(testing.TB) (net.Conn, net.Conn){
	"tcp":    tcpPipe,
	"memory": func(testing.TB) (net.Conn, net.Conn) { a, b := memnet.Pipe(); return a, b },
	"slow reads": func(testing.TB) (net.Conn, net.Conn) {
		a, b := memnet.PipeConfig{Buffer: 100, MaxRead: 7}.Pipe()
		return a, b
	},
}

// tcpPipe returns two ends of a TCP connection over loopback.
func tcpPipe(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		a.Close()
		t.Fatal(err)
	}
	return a, b
}

// connect starts sessions over a and b, and closes them after the test.
func connect(t testing.TB, a, b net.Conn, client, server *mux.Config) pair {
	t.Helper()
	c, err := mux.Client(a, client)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mux.Server(b, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return pair{c, s}
}

// open opens a stream from one session to the other and returns both ends.
func open(t testing.TB, from, to mux.Session) (mux.Stream, mux.Stream) {
	t.Helper()
	a, err := from.Open(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write(nil); err != nil {
		t.Fatal(err)
	}
	b, err := to.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// framing is how sessions are started, and a stream between them. The other end of it comes when it is asked for.
type framing struct {
	connect func(t testing.TB, a, b net.Conn, client, server *mux.Config) pair
	open    func(t testing.TB, p pair) (mux.Stream, func() mux.Stream)
}

// framings are those of both wire versions, for tests of what they have in common.
var framings = map[string]framing{
	"v1": {multiplexPair, func(t testing.TB, p pair) (mux.Stream, func() mux.Stream) {
		x, y := shared(t, p, "test")
		return x, func() mux.Stream { return y }
	}},
	"v2": {connect, func(t testing.TB, p pair) (mux.Stream, func() mux.Stream) {
		st := mustOpen(t, p.client, "test")
		return st, func() mux.Stream {
			in, err := p.server.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
	}},
}

// eachFraming runs f for both framings.
func eachFraming(t *testing.T, f func(*testing.T, framing)) {
	for name, framing := range framings {
		t.Run(name, func(t *testing.T) { f(t, framing) })
	}
}

// pipe starts sessions over a and b and returns both ends of a stream.
func (f framing) pipe(t testing.TB, a, b net.Conn) (p pair, x, y mux.Stream) {
	t.Helper()
	p = f.connect(t, a, b, nil, nil)
	x, other := f.open(t, p)
	if _, err := x.Write(nil); err != nil {
		t.Fatal(err)
	}
	return p, x, other()
}

func TestConformance(t *testing.T) {
	eachFraming(t, func(t *testing.T, f framing) {
		for name, carrier := range carriers {
			t.Run(name, func(t *testing.T) {
				nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
					a, b := carrier(t)
					p, x, y := f.pipe(t, a, b)
					return x, y, func() { p.client.Close(); p.server.Close() }, nil
				})
			})
		}
	})
}
