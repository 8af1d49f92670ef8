package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/wrtc"
)

// fakeWeb stands in for WebRTC: a "negotiation" exchanges two signals and
// yields the ends of a memory pipe. One fakeWeb is shared by all nodes of a test.
type fakeWeb struct {
	delay time.Duration // one way, of the pipes that it makes

	mu   sync.Mutex
	ends map[string]*memnet.Conn
	next int
}

func newFakeWeb() *fakeWeb { return &fakeWeb{ends: make(map[string]*memnet.Conn)} }

// fakeTransport is one node's access to a fakeWeb, with faults.
type fakeTransport struct {
	web    *fakeWeb
	fault  atomic.Value // func(ctx, role, s) (handled bool, err error)
	opened atomic.Int64
}

type fault func(ctx context.Context, role wrtc.Role, s wrtc.Signaler) error

func (t *fakeTransport) Name() string { return "webrtc" }

// SimplePeer makes the fake good for version 1 too.
func (t *fakeTransport) SimplePeer() wrtc.Transport { return t }

func (t *fakeTransport) Negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (wrtc.Conn, error) {
	if f, ok := t.fault.Load().(fault); ok && f != nil {
		return nil, f(ctx, role, s)
	}
	end, err := t.negotiate(ctx, role, s)
	if err != nil {
		return nil, err
	}
	t.opened.Add(1)
	return fakeConn{end}, nil
}

func (t *fakeTransport) negotiate(ctx context.Context, role wrtc.Role, s wrtc.Signaler) (*memnet.Conn, error) {
	if role == wrtc.Offerer {
		name, end := t.web.pipe()
		if err := s.Send(ctx, wrtc.Signal{Kind: wrtc.Offer, Text: name}); err != nil {
			return nil, errors.Join(err, end.Close())
		}
		if sig, err := s.Receive(ctx); err != nil || sig.Kind != wrtc.Answer {
			t.web.forget(name)
			return nil, errors.Join(errNoAnswer, err, end.Close())
		}
		return end, nil
	}
	sig, err := s.Receive(ctx)
	if err != nil {
		return nil, err
	}
	end := t.web.forget(sig.Text)
	if sig.Kind != wrtc.Offer || end == nil {
		return nil, fmt.Errorf("bad offer %q", sig.Text)
	}
	if err := s.Send(ctx, wrtc.Signal{Kind: wrtc.Answer, Text: sig.Text}); err != nil {
		return nil, errors.Join(err, end.Close())
	}
	return end, nil
}

func (w *fakeWeb) pipe() (string, *memnet.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	name := fmt.Sprint("offer-", w.next)
	a, b := memnet.PipeConfig{Delay: w.delay}.Pipe()
	w.ends[name] = b
	return name, a
}

func (w *fakeWeb) forget(name string) *memnet.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := w.ends[name]
	delete(w.ends, name)
	return end
}

type fakeConn struct{ *memnet.Conn }

func (fakeConn) Timing() wrtc.Timing { return wrtc.Timing{ICE: time.Millisecond} }

// node is an exchange in a test's network.
type node struct {
	*exchange.Exchange
	t      *testing.T
	web    *fakeTransport
	door   *memnet.Listener
	served chan error

	mu     sync.Mutex
	events []exchange.Event
	more   chan struct{}
}

// world makes nodes that can reach each other.
type world struct {
	t   *testing.T
	web *fakeWeb
	n   int
}

func newWorld(t *testing.T) *world { return &world{t: t, web: newFakeWeb()} }

// node returns a new exchange in network "test" that serves its door. It is
// closed when the test ends.
func (w *world) node(options ...func(*exchange.Config)) *node {
	w.t.Helper()
	w.n++
	n := &node{t: w.t, web: &fakeTransport{web: w.web}, more: make(chan struct{}, 1), served: make(chan error, 1)}
	cfg := &exchange.Config{Transport: n.web, OnEvent: n.event}
	network := "test"
	for _, o := range options {
		o(cfg)
	}
	if cfg.Agent == otherNetwork {
		network = otherNetwork
	}
	ex, err := exchange.New(network, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	n.Exchange = ex
	n.door = memnet.Listen(fmt.Sprint("node-", w.n), nil)
	go func() { n.served <- ex.Serve(n.door) }() // ends with the exchange
	w.t.Cleanup(func() {
		ex.Close()
		if err := <-n.served; !errors.Is(err, exchange.ErrClosed) {
			w.t.Errorf("Serve returned %v, want ErrClosed", err)
		}
	})
	return n
}

const otherNetwork = "another network"

func inOtherNetwork(c *exchange.Config) { c.Agent = otherNetwork }

func withSecret(s string) func(*exchange.Config) {
	return func(c *exchange.Config) { c.Secret = []byte(s) }
}

func withKey(k *identity.Key) func(*exchange.Config) {
	return func(c *exchange.Config) { c.Identity = k }
}

func withLimits(l exchange.Limits) func(*exchange.Config) {
	return func(c *exchange.Config) { c.Limits = l }
}

func (n *node) event(e exchange.Event) {
	n.mu.Lock()
	n.events = append(n.events, e)
	n.mu.Unlock()
	select {
	case n.more <- struct{}{}:
	default:
	}
}

// waitEvent returns the first event, past or to come, for which f is true.
func waitEvent[E exchange.Event](n *node, what string, f func(E) bool) E {
	n.t.Helper()
	deadline := time.After(time.Minute)
	seen := 0
	for {
		n.mu.Lock()
		events := n.events
		n.mu.Unlock()
		for ; seen < len(events); seen++ {
			if e, ok := events[seen].(E); ok && f(e) {
				return e
			}
		}
		select {
		case <-n.more:
		case <-deadline:
			n.t.Fatalf("no event: %s; events were %+v", what, events)
		}
	}
}

// left waits until the peer id has left n, and returns why.
func (n *node) left(id identity.ID) error {
	n.t.Helper()
	e := waitEvent(n, "peer left", func(e exchange.PeerLeft) bool { return e.Peer.ID() == id })
	return e.Err
}

// dial opens a socket to another node's door.
func (n *node) dial(to *node) *memnet.Conn {
	n.t.Helper()
	c, err := to.door.Dial(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// connect makes the two nodes peers by a socket and returns the data stream at
// both ends.
func (n *node) connect(to *node) (ours, theirs *exchange.Conn) {
	n.t.Helper()
	ours, err := n.Connect(context.Background(), n.dial(to))
	if err != nil {
		n.t.Fatal(err)
	}
	return ours, to.accept()
}

// connectOver is connect over a given pipe.
func (n *node) connectOver(near net.Conn, to *node, far net.Conn) (ours, theirs *exchange.Conn) {
	n.t.Helper()
	go func() { // ends with the handshake
		if c, err := to.Accept(context.Background(), far); err == nil {
			to.Deliver(c)
		}
	}()
	ours, err := n.Connect(context.Background(), near)
	if err != nil {
		n.t.Fatal(err)
	}
	return ours, to.accept()
}

// accept returns the next data stream of the node's listener.
func (n *node) accept() *exchange.Conn {
	n.t.Helper()
	return acceptSoon(n.t, n.Listener()).(*exchange.Conn)
}

// acceptSoon returns the next of l. In a bubble nothing else ends a wait that is
// in vain: there is always a timer of somebody's keepalive.
func acceptSoon(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	accepted := make(chan result, 1)
	go func() { // ended by the next stream, or with the exchange
		c, err := l.Accept()
		accepted <- result{c, err}
	}()
	select {
	case r := <-accepted:
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.conn
	case <-time.After(10 * time.Minute):
		t.Fatal("nobody came")
	}
	return nil
}

// exchangeBytes checks that bytes pass both ways.
func exchangeBytes(t *testing.T, a, b net.Conn) {
	t.Helper()
	for _, dir := range []struct{ from, to net.Conn }{{a, b}, {b, a}} {
		want := []byte("over " + dir.from.RemoteAddr().String())
		if _, err := dir.from.Write(want); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(dir.to, got); err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// errNoAnswer is what fakeTransport makes of a signal that is no answer.
var errNoAnswer = errors.New("no answer")
