package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// teach answers queries with what whom says, grants or refuses circuits, and lets those that it grants hang.
func (r *raw) teach(grants bool, whom func() []identity.ID) {
	token := byte(0)
	for {
		m, err := r.receive()
		if err != nil {
			return
		}
		var res pxp.Res
		switch m := m.(type) {
		case pxp.GetPeers:
			res.ID = m.ID
			for _, id := range whom() {
				token++
				res.Candidates = append(res.Candidates, pxp.Candidate{Peer: id, Token: pxp.Token{token}})
			}
		case pxp.Relay:
			if res.ID = m.ID; !grants {
				res.Code = pxp.CodeUnknownToken
			}
		case pxp.Ping:
			res.ID = m.ID
		default:
			continue
		}
		b, err := pxp.Append(nil, res)
		if err == nil {
			_, err = r.control.Write(b)
		}
		if err != nil {
			return
		}
	}
}

// Peers that name eight who are not there, themselves, the asker, or nobody, do not keep a node from the one that its
// honest peer has, for longer than one of their candidates takes. By the rule of ADR 0010 alone the inventors came first, one
// candidate after the other.
func TestTeachersOfNobody(t *testing.T) {
	invented := func() (ids []identity.ID) {
		for range pxp.MaxCandidates {
			ids = append(ids, newKey(t).ID())
		}
		return ids
	}
	for _, tt := range []struct {
		name   string
		grants bool
		whom   func(v *node, r *raw) []identity.ID
		most   time.Duration
	}{
		{"dead tokens", false, func(*node, *raw) []identity.ID { return invented() }, time.Second},
		{"circuits that hang", true, func(*node, *raw) []identity.ID { return invented() }, 15 * time.Second},
		{"itself", true, func(_ *node, r *raw) []identity.ID { return []identity.ID{r.key.ID()} }, time.Second},
		{"the asker", true, func(v *node, _ *raw) []identity.ID { return []identity.ID{v.ID()} }, time.Second},
		{"nobody", true, func(*node, *raw) []identity.ID { return nil }, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				v, relay, honest := w.node(), w.node(), w.node()
				honest.connect(relay)
				v.connect(relay)
				for range 3 {
					r := rawJoin(t, v)
					go r.teach(tt.grants, func() []identity.ID { return tt.whom(v, r) }) // ends with the session
				}
				began := time.Now()
				conn, err := v.GetNewPeer(context.Background())
				if err != nil || conn.Peer().ID() != honest.ID() {
					t.Fatalf("GetNewPeer: %v, want the honest peer", err)
				}
				if took := time.Since(began); took > tt.most {
					t.Errorf("took %v, want at most %v", took, tt.most)
				}
			})
		})
	}
}

// Peers that name only their friends, who are there and are met, do not keep the honest one away for ever.
func TestTeachersOfFriends(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		v, relay, honest := w.node(), w.node(), w.node()
		honest.connect(relay)
		v.connect(relay)
		hostile := make(map[identity.ID]bool)
		friend := func() *node {
			n := w.node()
			n.NameOnly(func(id identity.ID) bool { return hostile[id] })
			hostile[n.ID()] = true
			return n
		}
		teachers := []*node{friend(), friend()}
		for range 5 {
			n := friend()
			for _, h := range teachers {
				n.connect(h)
			}
		}
		for _, h := range teachers {
			h.connect(v)
		}
		for calls := 1; ; calls++ {
			conn, err := v.GetNewPeer(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if id := conn.Peer().ID(); id == honest.ID() {
				break
			} else if calls > 5 {
				t.Fatalf("call %d met %v, a friend; there were 5", calls, id.Short())
			}
		}
	})
}

// Peers that come and go as fast as they can do not empty a node's table, and do not keep it from finding whom it looks for.
func TestChurn(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		v, relay, honest := w.node(), w.node(), w.node()
		x, y := v.connect(relay)
		v.Maintain(2)
		end := time.Now().Add(time.Minute)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for time.Now().Before(end) {
				var visitors []*raw
				for range 5 {
					r := rawDoor(t, v)
					r.join()
					visitors = append(visitors, r)
				}
				time.Sleep(100 * time.Millisecond)
				for _, r := range visitors {
					r.mux.Close()
				}
			}
		}()
		time.Sleep(20 * time.Second)
		honest.connect(relay)
		time.Sleep(20 * time.Second)
		if v.Peer(honest.ID()) == nil {
			t.Error("20 s after somebody came there to be found it is not")
		}
		<-done
		exchangeBytes(t, x, y)
	})
}

// Those who dial a node get all places but half of its target, and cannot keep it from looking for peers itself
// (DESIGN.md section 5).
func TestPlacesForOurOwn(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const places, target = 10, 6
		w := newWorld(t)
		v := w.node(withLimits(exchange.Limits{Peers: places}))
		v.Maintain(target)
		for range places - target/2 {
			go rawJoin(t, v).idle() // ends with the session
		}
		late := rawDoor(t, v)
		late.send(late.helloMessage(secure.Dialer, "test", ""))
		late.send(pxp.Connect{ID: late.id()})
		if bye := late.expectEnd(); bye.Code != pxp.CodeLimit {
			t.Errorf("bye to one more: %v %q, want limit", bye.Code, bye.Reason)
		}
		relay := w.node()
		v.connect(relay)
		for range 4 {
			w.node().connect(relay)
		}
		time.Sleep(time.Minute)
		dialed := 0
		for p := range v.Peers() {
			if !p.Incoming() {
				dialed++
			}
		}
		if dialed != target/2 || v.NumPeers() != places {
			t.Errorf("of %d peers it dialed %d, want %d of %d", v.NumPeers(), dialed, target/2, places)
		}
	})
}

// One peer cannot fill a node with those whom it introduces.
func TestHalfThroughOneTeacher(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		v := w.node(withLimits(exchange.Limits{Peers: 8}))
		one, other := w.node(), w.node()
		v.connect(one)
		v.connect(other)
		meet := func(via *node) error {
			n := w.node(func(c *exchange.Config) { c.RefuseIncoming = true })
			n.connect(via)
			_, err := n.GetNewPeer(context.Background())
			return err
		}
		for range 4 {
			if err := meet(one); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if err := meet(one); !errors.Is(err, exchange.ErrAllFailed) {
			t.Errorf("a fifth of eight through one peer: %v, want ErrAllFailed", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it was told so after %v", took)
		}
		if err := meet(other); err != nil {
			t.Errorf("one through another: %v", err)
		}
	})
}
