// Package attack is a library of hostile peers. Each [Attack] plays one against a node that it reaches by a [Target], over
// sockets or over a network in memory, at a chosen rate: with the packages of this module where these do what it wants,
// by hand where they refuse. Its tests run each against an exchange of their own and check what SECURITY.md promises;
// the command fuzz/dos runs them against a process and measures.
package attack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/peer-exchange/exchange/identity"
)

// Attack is one way to trouble a node. Attacks are made by this package, see [All]; they are not changed.
type Attack struct {
	Name  string // one word of its group and one of its own: "hello/silence"
	Does  string // what the hostile peer does
	Meets string // the limit or rule that it meets: a field of exchange.Limits, or words
	Rate  int    // actions a second that fuzz/dos chooses; 0: as fast as they go

	play func(ctx context.Context, p *player)
}

// Target is a node under attack. Its fields are not changed while an attack runs.
type Target struct {
	Network string      // the network's name, which has no secret
	ID      identity.ID // the node's
	Victim  identity.ID // an honest peer of the node, whom some attacks pretend to be

	// Dial opens a socket to the node from the attacker's address of that number, which counts from 0 to 65535. It is
	// called by several goroutines at once.
	Dial func(ctx context.Context, address int) (net.Conn, error)

	// DialWeb is Dial to the HTTP server where the node serves WebSockets, by Path. Nil: it serves none.
	DialWeb func(ctx context.Context, address int) (net.Conn, error)
	Path    string
}

// ErrNoWeb is returned by [Attack.Run] for an attack on WebSockets when the target has none.
var ErrNoWeb = errors.New("attack: the target serves no WebSockets")

// Run attacks the target until ctx is done, and returns what came of it when everything that it opened is closed and its
// goroutines have ended. It does about rate actions a second; 0 is as many as go, a negative rate the attack's own.
// What the target refuses is no error: the attack goes on.
func (a Attack) Run(ctx context.Context, target Target, rate int) (Tally, error) {
	if a.Web() && target.DialWeb == nil {
		return Tally{}, ErrNoWeb
	}
	if rate < 0 {
		rate = a.Rate
	}
	p := newPlayer(target, rate)
	stop := context.AfterFunc(ctx, p.close) // ends whatever blocks
	a.play(ctx, p)
	stop()
	p.close()
	return p.result(), nil
}

// Web says whether the attack is on the HTTP server.
func (a Attack) Web() bool { return group(a.Name) == "web" }

// WebRTC says whether the attack is on a target that has WebRTC on loopback.
func (a Attack) WebRTC() bool { return group(a.Name) == "webrtc" }

// Asks says whether the attack is on a target that looks for peers.
func (a Attack) Asks() bool { return group(a.Name) == "discovery" || group(a.Name) == "between" }

func group(name string) string {
	for i, r := range name {
		if r == '/' {
			return name[:i]
		}
	}
	return name
}

// All returns the attacks, group by group.
func All() []Attack {
	return slices.Concat(beforeHello, webAttacks, carrierAttacks, controlAttacks, muxAttacks, v1Attacks, discoveryAttacks, relayAttacks, betweenAttacks, webrtcAttacks, nameAttacks)
}

// Find returns the attack of that name, or an error that says what there is.
func Find(name string) (Attack, error) {
	var names []string
	for _, a := range All() {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return Attack{}, fmt.Errorf("attack: no %q among %q", name, names)
}
