//go:build lab

package lab

import (
	"syscall"
	"testing"
	"time"
)

// The nodes of these tests take a peer for dead after this long.
const deadAfter = 3 * time.Second

// By then it must be noticed, however busy the machine is: less than the 45 s that are the default.
const noticeTime = 30 * time.Second

// trio is three nodes: a and b have met by way of boot, which is the only one behind no NAT.
type trio struct {
	*Lab
	boot, a, b *Node
}

func newTrio(t *testing.T) *trio {
	t.Helper()
	l := New(t, Topology{
		NATs:  []NAT{{Name: "nat", Kind: PortRestricted}},
		Hosts: []Host{{Name: "boot"}, {Name: "a", Behind: "nat"}, {Name: "b"}},
	})
	url := "tcp://" + l.Addr("boot").String() + ":8000"
	n := &trio{Lab: l}
	dead := deadAfter.String()
	n.boot = l.Node("boot", "--listen", url, "--dead-after", dead)
	n.boot.ID()
	n.b = l.Node("b", "--bootstrap", url, "--dead-after", dead)
	n.b.joined(n.boot)
	n.a = l.Node("a", "--bootstrap", url, "--dead-after", dead, "--target", "2")
	n.a.joined(n.boot)
	n.a.joined(n.b)
	n.b.joined(n.a)
	return n
}

func (n *Node) joined(other *Node) {
	n.t.Helper()
	id := other.ID()
	n.Wait(other.name+" as a peer", patience, func(e Event) bool { return e.Event == "peer" && e.Peer == id })
}

// lost waits until a node takes another for dead, which nothing was heard of from about since on.
func (n *Node) lost(other *Node, since time.Time) {
	n.t.Helper()
	id := other.ID()
	e := n.Wait(other.name+" gone", noticeTime, func(e Event) bool { return e.Event == "gone" && e.Peer == id && e.At.After(since) })
	took := e.At.Sub(since)
	n.t.Logf("%s noticed that %s is gone after %v: %s, %s", n.name, other.name, took.Round(time.Millisecond), e.Reason, e.Detail)
	if e.Reason != "dead" {
		n.t.Errorf("%s takes %s for %q (%s), want \"dead\"", n.name, other.name, e.Reason, e.Detail)
	}
	// Its last word may have come up to a third of the time before. It may not be given up
	// before its time.
	if took < deadAfter/2 {
		n.t.Errorf("%s noticed after %v, and should wait for %v", n.name, took, deadAfter)
	}
}

// A process that is stopped keeps its sockets open, and its kernel acknowledges what comes: only the keepalive can tell.
func TestFrozen(t *testing.T) {
	t.Parallel()
	n := newTrio(t)
	since := time.Now()
	n.b.Signal(syscall.SIGSTOP)
	n.boot.lost(n.b, since) // by TCP
	n.a.lost(n.b, since)    // by WebRTC
	// It does not know that it slept, and finds its way back by its bootstrap node; a takes it again.
	woken := time.Now()
	n.b.Signal(syscall.SIGCONT)
	again := func(who, whom *Node) {
		id := whom.ID()
		who.Wait(whom.name+" again", patience, func(e Event) bool { return e.Event == "peer" && e.Peer == id && e.At.After(woken) })
	}
	again(n.boot, n.b)
	again(n.a, n.b)
}

// A TCP connection of which nothing gets through in either direction, and nobody says so.
func TestHalfOpenTCP(t *testing.T) {
	t.Parallel()
	n := newTrio(t)
	since := time.Now()
	n.Drop("b", "meta l4proto tcp")
	n.boot.lost(n.b, since)
	n.b.lost(n.boot, since)
	if e, gone := n.a.Find(0, func(e Event) bool { return e.Event == "gone" && e.Peer == n.b.ID() }); gone {
		t.Errorf("the path by UDP went, too: %s", e)
	}
	n.Heal("b")
	n.b.Wait("its bootstrap node again", patience, func(e Event) bool { return e.Event == "peer" && e.Peer == n.boot.ID() && e.At.After(since) })
}

// One direction only: what b sends arrives, what is sent to it does not.
func TestDeaf(t *testing.T) {
	t.Parallel()
	n := newTrio(t)
	since := time.Now()
	n.Deafen("b", "meta l4proto tcp")
	n.b.lost(n.boot, since)
}

// UDP that disappears on its way.
func TestBlackHoledUDP(t *testing.T) {
	t.Parallel()
	n := newTrio(t)
	since := time.Now()
	n.Drop("b", "meta l4proto udp")
	n.a.lost(n.b, since)
	n.b.lost(n.a, since)
	for _, who := range []*Node{n.a, n.b} {
		if e, gone := who.Find(0, func(e Event) bool { return e.Event == "gone" && e.Peer == n.boot.ID() }); gone {
			t.Errorf("the path by TCP went, too: %s", e)
		}
	}
}
