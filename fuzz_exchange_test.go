package exchange_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
)

// FuzzExchange has hostile peers of both versions do, to a live exchange, what
// the input says: three bytes name an action (actions), who does it, and how many
// operands follow. All of it is in a bubble, so hours cost nothing.
//
// The model is what the hostile peers know about themselves (claim): who has kept
// to the protocol must still be a peer, who has broken it must not. Besides: two
// honest peers stay and are served to the end, then also meet each other through
// the victim; the victim's Stats are its events, within its limits and, with the
// hostile ones gone, what they were; Close leaves nothing (the bubble would not
// end).
func FuzzExchange(f *testing.F) {
	for _, script := range scripts() {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		bubble.Run(t, func(t *testing.T) { newArena(t, script).play() })
	})
}

const (
	numHostile  = 6
	maxActions  = 60
	maxOperands = 65
)

// fewLimits are small enough for six hostile peers to reach.
var fewLimits = exchange.Limits{
	Candidates: 3, Tokens: 4, Circuits: 3, CircuitsPerPeer: 2, CircuitBytes: 32 << 10, Meetings: 3, MeetingsPerPeer: 2,
	Unauthenticated: 5, Streams: 8, StreamBacklog: 2, SessionBytes: 4 << 20, ExchangeBytes: 64 << 20, Peers: 7,
}

// arena is one execution.
type arena struct {
	t                   *testing.T
	w                   *world
	script, operands    []byte // what is left of them
	victim, friend, far *node  // the last two are honest
	x, y                net.Conn
	keys                [numHostile]*identity.Key
	hostile             [numHostile]*hostile // nil: not there
	seeks               int
	promised            int64 // with the honest peers alone
}

// hostileKeys are made once: what they are does not matter.
var hostileKeys = func() (keys [numHostile]*identity.Key) {
	for i := range keys {
		k, err := identity.KeyFromSeed(append(make([]byte, 31), byte(i+1)))
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
}()

func newArena(t *testing.T, script []byte) *arena {
	a := &arena{t: t, w: newWorld(t), script: script, keys: hostileKeys}
	a.victim, a.friend, a.far = a.w.node(withLimits(fewLimits)), a.w.node(), a.w.node()
	a.x, a.y = a.friend.connect(a.victim)
	a.far.connect(a.victim)
	exchangeBytes(t, a.x, a.y)
	t.Cleanup(func() { // also where the test has failed
		for i := range a.hostile {
			a.hangUp(i)
		}
	})
	app, err := a.victim.Listen("app")
	if err != nil {
		t.Fatal(err)
	}
	// Each ends with the victim.
	go echoAll(a.victim.Listener())
	go echoAll(app)
	synctest.Wait()
	a.promised = a.victim.Stats().PromisedBytes
	return a
}

// echoAll is the application of the victim.
func echoAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go echo(c) // ends with its peer, which ends with the victim at the latest
	}
}

func echo(c net.Conn) {
	io.Copy(c, c)
	c.Close()
}

// next returns the next operand; 0 when there is none.
func (a *arena) next() byte {
	if len(a.operands) == 0 {
		return 0
	}
	b := a.operands[0]
	a.operands = a.operands[1:]
	return b
}

// rest returns all operands that are left.
func (a *arena) rest() []byte {
	b := a.operands
	a.operands = nil
	return b
}

func (a *arena) play() {
	for range maxActions {
		if len(a.script) < 3 {
			break
		}
		act, who, n := actions[int(a.script[0])%len(actions)], a.script[1], min(int(a.script[2])%maxOperands, len(a.script)-3)
		a.operands, a.script = a.script[3:3+n:3+n], a.script[3+n:]
		act.do(a, int(who&0x7f)%numHostile)
		if who&0x80 != 0 { // the next action does not wait for what this one leads to
			continue
		}
		synctest.Wait()
		a.check(act.name)
	}
	time.Sleep(time.Minute + time.Second)
	synctest.Wait()
	a.check("the end")
	exchangeBytes(a.t, a.x, a.y)
	for i := range a.hostile {
		a.hangUp(i)
	}
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	a.checkAfter()
}

// wait lets virtual time pass.
func (a *arena) wait(d time.Duration) { time.Sleep(d) }

// check compares the victim with the model.
func (a *arena) check(after string) {
	a.t.Helper()
	s := a.victim.Stats()
	l := a.victim.limits()
	if s.Peers > l.Peers || s.Circuits > l.Circuits || s.Conns < 0 || s.PromisedBytes > int64(l.ExchangeBytes) || s.Joined-s.Left != uint64(s.Peers) {
		a.t.Fatalf("after %s: stats are %+v, limits %+v", after, s, l)
	}
	for _, c := range []net.Conn{a.x, a.y} {
		if err := c.(*exchange.Conn).Peer().Err(); err != nil {
			a.t.Fatalf("after %s: the honest session ended: %v", after, err)
		}
	}
	for i, h := range a.hostile {
		if h == nil {
			continue
		}
		switch gone := h.gone(a.victim); {
		case h.lie() != "":
			a.t.Fatalf("after %s: hostile %d was told OK to %s", after, i, h.lie())
		case gone && h.claim == lives:
			a.t.Fatalf("after %s: hostile %d kept to the protocol and was left: %v", after, i, h.why())
		case !gone && !h.due.IsZero() && time.Now().After(h.due):
			a.t.Fatalf("after %s: hostile %d should be gone since %v", after, i, time.Since(h.due))
		}
	}
}

// limits are fewLimits with the defaults.
func (n *node) limits() exchange.Limits {
	l := exchange.DefaultLimits()
	l.Peers, l.Circuits, l.ExchangeBytes = fewLimits.Peers, fewLimits.Circuits, fewLimits.ExchangeBytes
	return l
}

// checkAfter is for when the hostile peers have gone.
func (a *arena) checkAfter() {
	a.t.Helper()
	exchangeBytes(a.t, a.x, a.y)
	s := a.victim.Stats()
	if s.Peers != 2 || s.Conns != 2 || s.Circuits != 0 || s.PromisedBytes > a.promised {
		a.t.Errorf("with the hostile peers gone: %+v, want 2 peers, 2 conns, no circuit and %d bytes promised at most", s, a.promised)
	}
	var joined, left uint64
	a.victim.mu.Lock()
	for _, e := range a.victim.events {
		switch e.(type) {
		case exchange.PeerJoined:
			joined++
		case exchange.PeerLeft:
			left++
		}
	}
	a.victim.mu.Unlock()
	if joined != s.Joined || left != s.Left {
		a.t.Errorf("events: %d joined, %d left; stats are %+v", joined, left, s)
	}
	conn, err := a.friend.GetNewPeer(context.Background())
	if err != nil {
		a.t.Fatalf("afterwards the honest peers do not meet: %v", err)
	}
	theirs := a.far.accept()
	for theirs.Peer().ID() != a.friend.ID() { // a hostile peer came before
		theirs = a.far.accept()
	}
	exchangeBytes(a.t, conn, theirs)
	began := time.Now()
	a.victim.Close()
	if took := time.Since(began); took > 5*time.Second {
		a.t.Errorf("Close took %v", took)
	}
	if s := a.victim.Stats(); s.Peers != 0 || s.Conns != 0 || s.Circuits != 0 || s.PromisedBytes != 0 {
		a.t.Errorf("after Close stats are %+v", s)
	}
}

// hangUp ends a hostile peer, and waits until the victim has noticed.
func (a *arena) hangUp(i int) {
	h := a.hostile[i]
	if h == nil {
		return
	}
	a.hostile[i] = nil
	h.thaw()
	h.close()
	synctest.Wait()
}

// put gives a place to a new hostile peer.
func (a *arena) put(i int, h *hostile) {
	if h == nil {
		return
	}
	a.hangUp(i)
	a.hostile[i] = h
}

// scripts are seeds: stories that go far, of which the fuzzer makes variations.
func scripts() (list [][]byte) {
	code := make(map[string]byte)
	for i, act := range actions {
		code[act.name] = byte(i)
	}
	// Words are the name of an action, who does it, and its operands.
	story := func(words ...any) {
		var s []byte
		count := 0 // where the number of operands stands
		operand := func(b ...byte) {
			s = append(s, b...)
			s[count] += byte(len(b))
		}
		who := false // comes next
		for _, w := range words {
			switch w := w.(type) {
			case string:
				c, found := code[w]
				if !found {
					panic(fmt.Sprintf("no action %q", w))
				}
				s, who = append(s, c), true
			case int:
				if who {
					s, count, who = append(s, byte(w), 0), len(s)+1, false
				} else {
					operand(byte(w))
				}
			case []byte:
				operand(w...)
			}
		}
		list = append(list, s)
	}
	// Each action by peers of both versions that have joined, and that have not.
	for _, act := range actions {
		story("join", 0, "join 1", 1, "join", 2, act.name, 0, 1, 4, 6, act.name, 1, 0, 3, 5, act.name, 2, 2, 0, 0, "time", 0, 4)
		story("dial", 0, act.name, 0, 1, 2, 3, "dial 1", 1, act.name, 1, 0, 0)
	}
	for version := range 2 { // of who asks for the circuit
		join := [2]string{"join", "join 1"}[version]
		// One hostile peer asks for another; through the circuit they upgrade.
		for k := range 4 {
			story(join, 0, "join", 1, "getpeers", 0, 8, "relay", 0, 0, k, 0, "join the circuit", 0, 2, version, "be met", 1, 3, 1,
				"hello", 2, 0, "hello", 3, 0, "upgrade", 2, 0, "upgrade", 3, 1, "time", 0, 2, "write", 2, 0, 200, "hang up", 2)
		}
		// One asks for an honest peer and goes all the way.
		for k := range 4 {
			story(join, 0, "getpeers", 0, 8, "relay", 0, 0, k, 0, "join the circuit", 0, 2, version, "hello", 2, 0, "upgrade", 2, 0,
				"use the channel", 2, 3, version, "hello", 3, 0, "connect", 3, 0, "write", 3, 0, 9, "time", 0, 1)
		}
		// The victim is introduced to one, by itself.
		story(join, 0, "incoming", 0, 2, 7, 0, "be met", 0, 1, 0, "hello", 1, 0, "upgrade", 1, 0, "use the channel", 1, 2, version, "hello", 2, 0, "connect", 2, 0)
		// The victim looks for peers; a hostile relay plays the candidate, too.
		story(join, 0, "victim seeks", 0, "time", 0, 0, "answer", 0, 0, 1, 1, 2, "time", 0, 0, "answer", 0, 0, "be the candidate", 0, 1, version, "hello", 1, 0,
			"upgrade", 1, 1, "time", 0, 5)
		// Tokens of others, used ones, and guesses.
		story(join, 0, "join", 1, "getpeers", 0, 8, "getpeers", 1, 8, "relay", 0, 0, 0, "relay", 0, 2, "relay", 0, 5, 0, "relay", 1, 1, 1, "relay", 1, 3)
	}
	story("raw", 0, 2, []byte{0, 32}, "raw", 1, 1, []byte("\x00\x03pxp"), "raw", 2, 0, []byte("GET / HTTP/1.1"), "time", 0, 4)
	return list
}
