package exchange_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/pxp"
)

// This file is how those who are not peers yet, or do not stay, reach limits.

func reachHandshakeTime(v *besieged) {
	began := time.Now()
	silent, r := v.socket(v.address()), v.stranger(v.address())
	if _, err := r.control.Write(nil); err != nil {
		v.t.Fatal(err)
	}
	v.code("no hello", r.expectEnd().Code, pxp.CodeTimeout)
	v.turnedAway("HandshakeTime", func(err error) bool { return errors.Is(err, exchange.ErrTimeout) })
	_, _ = io.Copy(io.Discard, silent) // until it is closed
	v.took("being silent", began, v.limits.HandshakeTime, v.limits.HandshakeTime+2*time.Second)
}

func reachKeepAlive(v *besieged) {
	r := v.peer(v.address())
	for range 2 {
		began := time.Now()
		m, err := r.receive()
		ping, ok := m.(pxp.Ping)
		if !ok {
			v.t.Fatalf("%#v, %v; want a ping", m, err)
		}
		v.took("the ping", began, v.limits.KeepAlive, v.limits.KeepAlive+time.Second)
		r.send(pxp.Res{ID: ping.ID})
	}
}

func reachDeadAfter(v *besieged) {
	r := v.peer(v.address())
	began := time.Now()
	if err := v.left(r.key.ID()); !errors.Is(err, exchange.ErrDead) {
		v.t.Errorf("left with %v, want ErrDead", err)
	}
	v.took("dying", began, v.limits.DeadAfter, v.limits.DeadAfter+time.Second)
}

// closed waits until a connection is closed, which must be at once.
func (v *besieged) closed(c net.Conn) {
	v.t.Helper()
	began := time.Now()
	_, _ = io.Copy(io.Discard, c)
	v.took("the connection too many", began, 0, 0)
}

func reachUnauthenticated(v *besieged) {
	for range v.limits.Unauthenticated {
		v.socket(v.address())
		synctest.Wait()
	}
	v.closed(v.socket(v.address()))
}

func reachUnauthenticatedPerAddress(v *besieged) {
	from := v.address()
	for range v.limits.UnauthenticatedPerAddress {
		v.socket(from)
		synctest.Wait()
	}
	v.closed(v.socket(from))
	v.peer(v.address()) // another address has nothing to do with it
}

// rubbish connects and does a handshake badly; it returns when that was seen. The
// node may not yet have left the gate by then.
func (v *besieged) rubbish(from string) {
	c := v.socket(from)
	_, _ = c.Write([]byte(pxp.Magic2 + "\xff\xff" + strings.Repeat("x", 100)))
	_, _ = io.Copy(io.Discard, c)
	c.Close()
}

// paced checks that rubbish from some address is looked at so fast, and that
// it is refused for that reason when its turn would come too late.
func (v *besieged) paced(limit string, address func() string, burst, perSecond int) {
	v.t.Helper()
	began := time.Now()
	for range burst {
		v.rubbish(address())
		synctest.Wait() // else the gate may refuse the next, which no rate slows
	}
	v.took("a burst", began, 0, 0)
	for range 2 * perSecond {
		v.rubbish(address())
		synctest.Wait()
	}
	v.took("more", began, 1900*time.Millisecond, 2100*time.Millisecond)
	if perSecond > 2 {
		return // the turn of all that may wait comes in time
	}
	began = time.Now()
	var wg sync.WaitGroup
	for range 8 {
		from := address()
		wg.Go(func() { v.rubbish(from) })
		synctest.Wait()
	}
	wg.Wait()
	v.took("8 at once", began, v.limits.HandshakeTime-time.Second, v.limits.HandshakeTime)
	v.turnedAway(limit, isLimit(limit))
}

func reachHandshakesPerSecond(v *besieged) {
	v.paced("HandshakesPerSecond", v.address, v.limits.HandshakeBurst, v.limits.HandshakesPerSecond)
}

func reachHandshakesPerAddress(v *besieged) {
	from := v.address()
	v.paced("HandshakesPerAddress", func() string { return from }, v.limits.HandshakeBurst/4, v.limits.HandshakesPerAddress)
	began := time.Now()
	v.peer(v.address())
	v.took("joining from another address", began, 0, 0)
}

func reachPeers(v *besieged) {
	for range v.limits.Peers - 1 {
		v.peer(v.address())
	}
	v.code("one more peer", v.refusedJoin(v.address()), pxp.CodeLimit)
	v.turnedAway("Peers", isLimit("Peers"))
	if n := v.NumPeers(); n != v.limits.Peers {
		v.t.Errorf("%d peers, want %d", n, v.limits.Peers)
	}
}

func reachPeersPerAddress(v *besieged) {
	from := v.address()
	for range v.limits.PeersPerAddress {
		v.peer(from)
	}
	v.code("one more peer of one address", v.refusedJoin(from), pxp.CodeLimit)
	v.turnedAway("PeersPerAddress", isLimit("PeersPerAddress"))
	v.peer(v.address())
}
