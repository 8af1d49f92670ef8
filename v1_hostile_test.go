package exchange_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
)

// raw1 is a peer of version 1 played by hand, line by line.
type raw1 struct {
	t       *testing.T
	socket  net.Conn
	mux     mux.Session
	control mux.Stream
	lines   *bufio.Reader
}

func raw1On(t *testing.T, socket net.Conn) *raw1 {
	t.Helper()
	if _, err := io.WriteString(socket, pxp.Magic1); err != nil {
		t.Fatal(err)
	}
	var magic [5]byte
	if _, err := io.ReadFull(socket, magic[:]); err != nil || string(magic[:]) != pxp.Magic1 {
		t.Fatalf("magic %q %v", magic, err)
	}
	m, err := mux.Multiplex(socket, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	r := &raw1{t: t, socket: socket, mux: m}
	if r.control, err = m.Open(context.Background(), "pxp"); err != nil {
		t.Fatal(err)
	}
	r.lines = bufio.NewReader(r.control)
	return r
}

func (r *raw1) say(format string, args ...any) error {
	_, err := fmt.Fprintf(r.control, format+"\n", args...)
	return err
}

func (r *raw1) hello() {
	_ = r.say(`["hello","0",[1,{"pxp":true,"relay":true,"webrtc":true},["test"]]]`)
}

// line returns the next line, or "" when there is none.
func (r *raw1) line() string {
	l, err := r.lines.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(l)
}

// raw1Door is a hand-played dialer at n's door that has not said hello.
func raw1Door(t *testing.T, n *node) *raw1 {
	t.Helper()
	c, err := n.door.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return raw1On(t, c)
}

// raw1Join makes a hand-played peer of version 1 of n.
func raw1Join(t *testing.T, n *node) *raw1 {
	t.Helper()
	r := raw1Door(t, n)
	r.hello()
	r.line()
	if _, err := r.mux.Open(context.Background(), "data:test"); err != nil {
		t.Fatal(err)
	}
	_ = r.say(`["connect","1","test"]`)
	if l := r.line(); l != `["res","1",null]` {
		t.Fatalf("connect: %s", l)
	}
	n.accept()
	return r
}

// Whoever is dialed by version 1 and leaves after its hello, or is left by us
// then, ends the call and nothing else.
func TestVersion1EndsAfterHello(t *testing.T) {
	const hello = `["hello","0",[1,{"pxp":true,"relay":true,"webrtc":true},["test"]]]` + "\n"
	prologue := []byte(pxp.Magic1 + "\x00\x03pxp\x02" + string(rune(len(hello))) + hello)
	for _, who := range []string{"them", "us"} {
		t.Run(who, func(t *testing.T) {
			for range 30 { // at whichever moment it comes
				bubble.Run(t, func(t *testing.T) {
					w := newWorld(t)
					n := w.node()
					ours, theirs := memnet.Pipe()
					done := make(chan struct{})
					go func() {
						defer close(done)
						_, _ = theirs.Write(prologue)
						if who == "us" {
							n.Close()
						}
						theirs.Close()
					}()
					if _, err := n.ConnectWith(context.Background(), ours, by1); err == nil {
						t.Error("connected")
					}
					<-done
				})
			}
		})
	}
}

// A relay of version 2 that names a real identity and brings somebody by version
// 1 gets it neither that identity nor the place of its session.
func TestVersion1StandsForNobody(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		victim, a, honest := w.node(), w.node(), w.node()
		victim.connect(a)
		honest.connect(a)
		liar := rawJoin(t, victim)
		token := pxp.Token{1}
		liar.send(pxp.Incoming{ID: liar.id(), Token: token, From: honest.ID()})
		if res := expect[pxp.Res](liar); res.Code != pxp.CodeOK {
			t.Fatalf("incoming: %v", res.Code)
		}
		inner := raw1On(t, liar.acceptStream(pxp.RelayStream(token)))
		inner.hello()
		inner.line()
		// Meanwhile the honest node meets the victim.
		conn, err := honest.GetNewPeer(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		proved := victim.accept()
		exchangeBytes(t, conn, proved)

		name, end := w.web.pipe()
		_ = inner.say(`["upgrade","1",{"transport":"webrtc","signal":{"type":"offer","sdp":"%s"}}]`, name)
		inner.line()
		channel := raw1On(t, end)
		channel.hello()
		channel.line()
		if _, err := channel.mux.Open(context.Background(), "data:test"); err != nil {
			t.Fatal(err)
		}
		_ = channel.say(`["connect","1","test"]`)
		channel.line()
		synctest.Wait()
		if p := victim.Peer(honest.ID()); p != proved.Peer() {
			t.Errorf("the proved session ended with %v; in its place is %+v", proved.Peer().Err(), p)
		}
		if p := victim.accept().Peer(); p.ID() == honest.ID() || p.Protocol() != 1 {
			t.Errorf("somebody by version %d has the identity of another", p.Protocol())
		}
		exchangeBytes(t, conn, proved)
	})
}

// A peer that keeps asking faster than it may, and one that has gone and left
// much to read, do not stay.
func TestBacklogOfRequests(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, goes := range []bool{false, true} {
			t.Run(fmt.Sprintf("version %d, goes %v", version, goes), func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					w := newWorld(t)
					n := w.node()
					var control, session = mux.Stream(nil), mux.Session(nil)
					line := []byte(`["res",9,0]` + "\n")
					if version == 1 {
						r := raw1Join(t, n)
						control, session = r.control, r.mux
					} else {
						r := rawJoin(t, n)
						control, session = r.control, r.mux
						line, _ = pxp.Append(nil, pxp.Unknown{MessageType: 99})
					}
					chunk := []byte(strings.Repeat(string(line), 1000))
					if err := control.SetWriteDeadline(time.Now().Add(20 * time.Second)); err != nil {
						t.Fatal(err)
					}
					for sent := 0; sent < 8<<20; {
						k, err := control.Write(chunk)
						sent += k
						if err != nil {
							break
						}
					}
					began := time.Now()
					if goes {
						session.Close()
					}
					for n.NumPeers() > 0 && time.Since(began) < time.Hour {
						time.Sleep(time.Second)
					}
					if took := time.Since(began); took > time.Minute {
						t.Errorf("still a peer for %v", took)
					}
				})
			})
		}
	}
}

// Signals outside a circuit have no meaning in version 1, and are no way round
// the rate of requests.
func TestVersion1UpgradeFlood(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		r := raw1Join(t, n)
		began := time.Now()
		for range 250 { // 50 at once, then 20 a second
			_ = r.say(`["upgrade","1",{"transport":"webrtc","signal":{"type":"offer","sdp":"x"}}]`)
		}
		_ = r.say(`["getpeers","2","test"]`)
		if l := r.line(); l != `["res","2",[null,[]]]` {
			t.Errorf("getpeers: %s", l)
		}
		if took := time.Since(began); took < 9*time.Second {
			t.Errorf("250 signals took %v, at 20 a second after 50 that is 10 s", took)
		}
	})
}

// As at the original, a second hello changes nothing.
func TestVersion1SecondHello(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		r := raw1Join(t, w.node())
		r.hello()
		_ = r.say(`["getpeers","2","test"]`)
		if l := r.line(); l != `["res","2",[null,[]]]` {
			t.Errorf("getpeers after a second hello: %s", l)
		}
	})
}

// Who dials by version 2 a node of version 1 only is told so.
func TestDialVersion1Only(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		only, plain := w.node(withV1(exchange.V1Only)), w.node()
		if _, err := plain.Connect(context.Background(), plain.dial(only)); !errors.Is(err, exchange.ErrVersion1) {
			t.Errorf("Connect: %v, want ErrVersion1", err)
		}
	})
}

// Who dials by version 1 with another network's name is answered, and not told ours.
func TestVersion1TellsStrangersNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		r := raw1Door(t, w.node())
		_ = r.say(`["hello","0",[1,{"pxp":true,"relay":true,"webrtc":true},["elsewhere"]]]`)
		if l := r.line(); !strings.HasSuffix(l, ",[]]]") || strings.Contains(l, "test") {
			t.Errorf("a stranger got %q", l)
		}
	})
}

// A node asks an original for peers and is named itself, which it leaves alone:
// it had told the original who it is by another session. Anybody else may say
// the same of himself, and is taken for somebody like any other.
func TestVersion1NodeIsNobodyElse(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node()
		r := raw1Door(t, n)
		r.hello()
		info, _, _ := strings.Cut(strings.TrimPrefix(r.line(), `["hello","0",[1,`), `,["test"]]]`)
		if !strings.Contains(info, `"node":"`) || n.NumPeers() != 0 {
			t.Fatalf("connectInfo %s", info)
		}
		if _, err := r.mux.Open(context.Background(), "data:test"); err != nil {
			t.Fatal(err)
		}
		_ = r.say(`["connect","1","test"]`)
		if l := r.line(); l != `["res","1",null]` {
			t.Fatalf("connect: %s", l)
		}
		n.accept()
		for _, own := range []bool{true, false} {
			named := info
			if !own {
				named = strings.Replace(info, `"node":"`, `"node":"x`, 1)
			}
			met := make(chan error, 1)
			go func() { // ended by the answers
				_, err := n.GetNewPeer(context.Background())
				met <- err
			}()
			var nonce string
			if _, err := fmt.Sscanf(r.line(), `["getpeers",%q,"test"]`, &nonce); err != nil {
				t.Fatal(err)
			}
			_ = r.say(`["res",%q,[null,[{"id":"deadbeef","network":"test","connectInfo":%s}]]]`, nonce, named)
			if !own {
				if l := r.line(); !strings.HasPrefix(l, `["relay","`) {
					t.Errorf("somebody else is not met: %s", l)
				}
				n.Close()
			}
			if err := <-met; own != errors.Is(err, exchange.ErrNoCandidates) {
				t.Errorf("own %v: GetNewPeer: %v", own, err)
			}
		}
	})
}

// A peer of version 1 that asks more than it may is read more slowly, like any other. But nothing tells it to wait, so one
// that does not stop is ended at once, else we would not see for DeadAfter that it has gone.
func TestVersion1AsksTooMuch(t *testing.T) {
	unharmed(t, func(t *testing.T, _ *world, victim *node) {
		some := raw1Join(t, victim)
		for range 200 { // burst 50, then 20 a second
			_ = some.say(`["x","1",null]`)
		}
		began := time.Now()
		many := raw1Join(t, victim)
		for many.say(`["x","1",null]`) == nil {
		}
		e := waitEvent(victim, "left", func(exchange.PeerLeft) bool { return true })
		if !isLimit("RequestsPerSecond")(e.Err) {
			t.Errorf("left with %v", e.Err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("gone after %v", took)
		}
		time.Sleep(5 * time.Second)
		if n := victim.NumPeers(); n != 2 {
			t.Errorf("%d peers, want the honest one and that which asked a little much", n)
		}
	})
}
