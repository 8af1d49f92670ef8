package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/wrtc"
)

// demoNode is one of the three.
type demoNode struct {
	name  string
	ex    *exchange.Exchange
	conns []io.Closer
}

func (d *demo) startNodes() error {
	network := "pxp-demo-" + rand.Text() // of this run only
	for _, n := range []struct {
		node **demoNode
		name string
	}{{&d.a, "A"}, {&d.b, "B"}, {&d.c, "C"}} {
		node, err := d.startNode(n.name, network)
		if err != nil {
			return err
		}
		*n.node = node
	}
	for _, n := range d.nodes() {
		d.out.emit(&nodeEvent{Node: n.name, Peer: n.ex.ID()})
	}
	return nil
}

func (d *demo) startNode(name, network string) (*demoNode, error) {
	log := d.log.with(name)
	transport, err := wrtc.New(&wrtc.Config{Loopback: true, Interface: isLoopback, Logger: log.transport})
	if err != nil {
		return nil, err
	}
	n := &demoNode{name: name}
	ready := make(chan struct{}) // n.ex is set
	defer close(ready)
	n.ex, err = exchange.New(network, &exchange.Config{
		Agent:     agentName(),
		Transport: transport,
		Logger:    log.node,
		OnEvent: func(e exchange.Event) {
			<-ready
			d.heard(n, e)
		},
	})
	return n, err
}

// isLoopback keeps the demo's UDP sockets off every other network.
func isLoopback(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagLoopback != 0
}

// nodes returns those that have started.
func (d *demo) nodes() (nodes []*demoNode) {
	for _, n := range []*demoNode{d.a, d.b, d.c} {
		if n != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// called is the name of a node of the demo, by its ID.
func (d *demo) called(id identity.ID) string {
	for _, n := range d.nodes() {
		if n.ex.ID() == id {
			return n.name
		}
	}
	return ""
}

// heard tells of an event of one of the exchanges.
func (d *demo) heard(n *demoNode, e exchange.Event) {
	switch e := e.(type) {
	case exchange.PeerJoined:
		told := newPeerEvent(e.Peer)
		told.Node, told.Name, told.Agent = n.name, d.called(told.Peer), ""
		d.out.emit(told)
	case exchange.PeerLeft:
		d.mu.Lock()
		over := d.over
		d.mu.Unlock()
		if !over {
			told := newGoneEvent(n.ex, e)
			told.Node, told.Name = n.name, d.called(told.Peer)
			d.out.emit(told)
		}
	case exchange.StepDone:
		d.out.emit(d.stepOf(n, e))
		if e.Err == nil {
			d.facts.add(fact{n, e.Step})
		}
	}
}

func (d *demo) stepOf(n *demoNode, e exchange.StepDone) *stepEvent {
	told := &stepEvent{
		Node:         n.name,
		Step:         string(e.Step),
		Milliseconds: milliseconds(e.Took),
		Peer:         e.Peer,
		Via:          e.Via,
		asker:        n == d.c || n == d.b && e.Step == exchange.StepHandshake,
		says:         stepSays[string(e.Step)],
	}
	if e.Err != nil {
		told.Error = printable(e.Err.Error())
	}
	return told
}

func (d *demo) tellMet(n *demoNode, conn *exchange.Conn, took time.Duration) {
	peer := conn.Peer()
	d.out.emit(&metEvent{
		Node: n.name, Peer: peer.ID(), Name: d.called(peer.ID()),
		Path: peer.Path().Carrier, Via: peer.Path().Via, Milliseconds: milliseconds(took),
	})
}

// send sends the file over the data stream of the peer to, who has met n. It ends with ctx.
func (n *demoNode) send(ctx context.Context, file *payload, to identity.ID) error {
	l := n.ex.Listener()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		accepted, err := l.Accept()
		if err != nil {
			return orCause(ctx, err)
		}
		conn := accepted.(*exchange.Conn)
		if conn.Peer().ID() != to {
			conn.Close()
			continue
		}
		stop := context.AfterFunc(ctx, func() { conn.Reset() })
		defer stop()
		defer conn.Close()
		return orCause(ctx, sendFile(conn, file))
	}
}

// close ends the node, in order while ctx lives.
func (n *demoNode) close(ctx context.Context) error {
	for _, c := range n.conns {
		_ = c.Close() // of streams that have done their work, or failed
	}
	if ctx.Err() != nil {
		return n.ex.Close()
	}
	if err := n.ex.Shutdown(ctx); err != nil {
		return fmt.Errorf("closing %s: %w", n.name, err)
	}
	return nil
}
