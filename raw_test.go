package exchange_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// raw is a peer played by hand, message by message, for what an Exchange
// would never do.
type raw struct {
	t       *testing.T
	key     *identity.Key
	conn    *secure.Conn
	mux     mux.Session
	control mux.Stream
	lastID  uint32
}

func newKey(t *testing.T) *identity.Key {
	t.Helper()
	k, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rawDial goes as far as the control stream: hello is the caller's.
func rawDial(t *testing.T, socket net.Conn, key *identity.Key) *raw {
	t.Helper()
	return rawDialWith(t, socket, key, nil)
}

func rawDialWith(t *testing.T, socket net.Conn, key *identity.Key, config *mux.Config) *raw {
	t.Helper()
	conn, err := secure.Client(context.Background(), socket, &secure.Config{Key: key, Preamble: []byte(pxp.Magic2)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mux.Client(conn, config)
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{t: t, key: key, conn: conn, mux: m}
	t.Cleanup(func() { m.Close() })
	if r.control, err = m.Open(context.Background(), pxp.ControlStream); err != nil {
		t.Fatal(err)
	}
	return r
}

// rawAccept is rawDial from the other side.
func rawAccept(t *testing.T, socket net.Conn, key *identity.Key) *raw {
	t.Helper()
	var magic [5]byte
	if _, err := io.ReadFull(socket, magic[:]); err != nil {
		t.Fatal(err)
	}
	conn, err := secure.Server(context.Background(), socket, &secure.Config{Key: key, Preamble: []byte(pxp.Magic2)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mux.Server(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{t: t, key: key, conn: conn, mux: m}
	t.Cleanup(func() { m.Close() })
	if r.control, err = m.Accept(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *raw) helloMessage(role secure.Role, network, secret string) pxp.Hello {
	h := pxp.Hello{Version: pxp.Version, Agent: "raw", Accepts: true, Features: []string{"relay", "webrtc"}}
	h.Proof = secure.Prove(secure.NetworkKey(network, []byte(secret)), role, r.conn.Binding())
	return h
}

func (r *raw) send(m pxp.Message) {
	r.t.Helper()
	b, err := pxp.Append(nil, m)
	if err != nil {
		r.t.Fatal(err)
	}
	r.sendBytes(b)
}

func (r *raw) sendBytes(b []byte) {
	r.t.Helper()
	if _, err := r.control.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// receive returns the next message, or the error of the stream.
func (r *raw) receive() (pxp.Message, error) {
	var head [2]byte
	if err := r.control.SetReadDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r.control, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(r.control, body); err != nil {
		return nil, err
	}
	return pxp.Decode(body)
}

// expect returns the next message, which must be an M. Pings are answered.
func expect[M pxp.Message](r *raw) M {
	r.t.Helper()
	for {
		m, err := r.receive()
		if err != nil {
			r.t.Fatalf("waiting for %v: %v", *new(M), err)
		}
		if ping, ok := m.(pxp.Ping); ok {
			r.send(pxp.Res{ID: ping.ID})
			continue
		}
		got, ok := m.(M)
		if !ok {
			r.t.Fatalf("got %#v, want a %T", m, *new(M))
		}
		return got
	}
}

// expectEnd reads until the session ends and returns the bye, if one came.
func (r *raw) expectEnd() (bye pxp.Bye) {
	r.t.Helper()
	for {
		m, err := r.receive()
		if errors.Is(err, context.DeadlineExceeded) {
			r.t.Fatal("the session did not end")
		}
		if err != nil {
			return bye
		}
		if b, ok := m.(pxp.Bye); ok {
			bye = b
		}
	}
}

// idle answers pings until the session ends.
func (r *raw) idle() {
	for {
		m, err := r.receive()
		if err != nil {
			return
		}
		if ping, ok := m.(pxp.Ping); ok {
			b, _ := pxp.Append(nil, pxp.Res{ID: ping.ID})
			if _, err := r.control.Write(b); err != nil {
				return
			}
		}
	}
}

// join makes r a peer of a node that it dialed.
func (r *raw) join() mux.Stream {
	r.t.Helper()
	return r.joinAs(r.helloMessage(secure.Dialer, "test", ""))
}

func (r *raw) joinAs(h pxp.Hello) mux.Stream {
	r.t.Helper()
	r.send(h)
	r.send(pxp.Connect{ID: r.id()})
	data, err := r.mux.Open(context.Background(), pxp.DataStream)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := data.Write(nil); err != nil {
		r.t.Fatal(err)
	}
	expect[pxp.Hello](r)
	if res := expect[pxp.Res](r); res.Code != pxp.CodeOK {
		r.t.Fatalf("connect: %v %q", res.Code, res.Reason)
	}
	return data
}

func (r *raw) id() uint32 {
	r.lastID++
	return r.lastID
}

// acceptStream returns the next stream of that name.
func (r *raw) acceptStream(name string) mux.Stream {
	r.t.Helper()
	for {
		s, err := r.mux.Accept(context.Background())
		if err != nil {
			r.t.Fatalf("waiting for stream %q: %v", name, err)
		}
		if s.Name() == name {
			return s
		}
	}
}

// rawDoor is a hand-played dialer at n's door that has not said hello.
func rawDoor(t *testing.T, n *node) *raw {
	t.Helper()
	c, err := n.door.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return rawDial(t, c, newKey(t))
}

// rawJoin makes a hand-played peer of n.
func rawJoin(t *testing.T, n *node) *raw {
	t.Helper()
	r := rawDoor(t, n)
	r.join()
	n.accept()
	return r
}

// acceptCircuit returns an asker's half of a circuit, with what the request
// brought of it.
func (r *raw) acceptCircuit(m pxp.Relay) mux.Stream {
	r.t.Helper()
	stream := r.acceptStream(pxp.RelayStream(m.Token))
	return &preceded{stream, io.MultiReader(bytes.NewReader(m.First), stream)}
}

type preceded struct {
	mux.Stream
	in io.Reader
}

func (p *preceded) Read(b []byte) (int, error) { return p.in.Read(b) }
