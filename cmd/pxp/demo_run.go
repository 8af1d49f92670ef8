package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
)

// demo is one run of the demo.
type demo struct {
	out   *output
	log   logs
	file  *payload
	start time.Time
	facts *facts

	a, b, c   *demoNode
	listeners []*bootstrap.Listener
	speed     float64 // of the transfer, MiB/s

	mu    sync.Mutex
	doing string // for the error when time runs out
	over  bool   // peers may leave now
}

// runDemo runs it. It returns when nothing is left of it.
func runDemo(ctx context.Context, o *demoOptions, out *output, log logs) error {
	file, err := openPayload(ctx, o.file, int64(o.size))
	if err != nil {
		return failed(fmt.Errorf("the file to send: %w", err), "")
	}
	defer file.close()
	d := &demo{out: out, log: log, file: file, start: time.Now(), facts: newFacts()}

	limit := o.timeout
	if limit == 0 {
		limit = demoTimeout(file.bytes)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooSlow)
	defer cancel()
	err = d.run(ctx)
	if errors.Is(err, errTooSlow) {
		return failed(fmt.Errorf("not done within %v: it was at: %s", limit, d.current()),
			"--timeout allows more; --verbose shows what the nodes do")
	}
	if err != nil {
		return failed(fmt.Errorf("%s: %w", d.current(), err), "run it again with --verbose to see what the nodes do")
	}
	d.tellEnd()
	return nil
}

var errTooSlow = errors.New("the time limit of the demo has passed")

func (d *demo) run(ctx context.Context) error {
	err := d.play(ctx)
	if closing := d.close(ctx); err == nil {
		err = closing
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // that is why, whatever came of it
	}
	return err
}

// play is the story from the beginning to the last byte.
func (d *demo) play(ctx context.Context) error {
	d.out.print("Three nodes in this process, each with sockets of its own on loopback.\n\n")
	d.out.emit(&fileEvent{File: d.file.name, Bytes: d.file.bytes, SHA256: d.file.sum})
	d.now("starting three nodes")
	if err := d.startNodes(); err != nil {
		return err
	}
	urls, err := d.listen()
	if err != nil {
		return err
	}
	if err := d.join(ctx, d.b, urls[0]); err != nil {
		return err
	}
	if err := d.join(ctx, d.c, urls[1]); err != nil {
		return err
	}
	conn, err := d.meet(ctx)
	if err != nil {
		return err
	}
	return d.transfer(ctx, conn)
}

// listen makes A listen. The URLs returned name A's peer ID too.
func (d *demo) listen() (urls []string, err error) {
	d.now("A listens on loopback")
	for _, url := range []string{"tcp://127.0.0.1:0", "ws://127.0.0.1:0/pxp"} {
		l, err := bootstrap.Listen(d.a.ex, url)
		if err != nil {
			return nil, err
		}
		d.listeners = append(d.listeners, l)
		urls = append(urls, l.PinnedURL())
		d.out.emit(&listeningEvent{Node: d.a.name, URL: l.URL(), Peer: d.a.ex.ID()})
	}
	return urls, nil
}

// join makes a peer of A of a node, over a socket.
func (d *demo) join(ctx context.Context, n *demoNode, url string) error {
	d.now(n.name + " joins A at " + url)
	d.say(n.name + " joins A at " + url[:strings.IndexByte(url, '#')])
	began := time.Now()
	conn, err := bootstrap.Dial(ctx, n.ex, url)
	if err != nil {
		return err
	}
	n.conns = append(n.conns, conn)
	took := time.Since(began)
	// Both ends must have told of it before the story goes on.
	for _, fact := range []fact{{n, exchange.StepHandshake}, {d.a, exchange.StepHandshake}} {
		if err := d.facts.wait(ctx, fact); err != nil {
			return err
		}
	}
	d.facts.forget(fact{d.a, exchange.StepHandshake})
	d.tellMet(n, conn, took)
	return nil
}

// meet makes C find B.
func (d *demo) meet(ctx context.Context) (*exchange.Conn, error) {
	d.now("C asks A for a peer, to meet it over WebRTC")
	d.say("C asks A for a new peer")
	began := time.Now()
	conn, err := d.c.ex.GetNewPeer(ctx)
	if err != nil {
		return nil, err
	}
	d.c.conns = append(d.c.conns, conn)
	took := time.Since(began)
	if err := d.facts.wait(ctx, fact{d.c, exchange.StepConnect}); err != nil {
		return nil, err
	}
	d.tellMet(d.c, conn, took)
	if id := conn.Peer().ID(); id != d.b.ex.ID() {
		return nil, fmt.Errorf("the peer that C met is %s, not B", id)
	}
	if path := conn.Peer().Path().Carrier; path != exchange.CarrierWebRTC {
		return nil, fmt.Errorf("the path from C to B is %s, not %s", path, exchange.CarrierWebRTC)
	}
	return conn, nil
}

// transfer sends the file from B to C, over the stream whose end at C is conn.
func (d *demo) transfer(ctx context.Context, conn *exchange.Conn) error {
	d.now("B sends the file to C")
	sent := make(chan error, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { conn.Reset() })
	defer stop()
	// Ended by cancel; its result is waited for.
	go func() {
		err := d.b.send(ctx, d.file, d.c.ex.ID())
		if err != nil {
			cancel(fmt.Errorf("sending: %w", err))
		}
		sent <- err
	}()
	err := d.receive(conn)
	if err != nil {
		err = orCause(ctx, fmt.Errorf("receiving: %w", err))
		cancel(err)
	} else {
		err = conn.Close()
	}
	if sending := <-sent; err == nil && sending != nil {
		err = orCause(ctx, sending)
	}
	return err
}

func (d *demo) receive(conn *exchange.Conn) error {
	called := time.Now()
	var bar *progress
	rec, err := receiveFile(conn, func() {
		d.out.emit(&stepEvent{
			Node: d.c.name, Step: stepFirstByte, Milliseconds: milliseconds(time.Since(called)),
			Peer: d.b.ex.ID(), Via: d.a.ex.ID(), asker: true, says: stepSays[stepFirstByte],
		})
		bar = newProgress(d.out, d.file.bytes)
	}, func(n int64) { bar.at(n) })
	if bar != nil {
		bar.end()
	}
	if err != nil {
		return err
	}
	d.speed = mebibytesPerSecond(rec.got, rec.took)
	d.out.emit(&receivedEvent{
		Bytes: rec.got, Milliseconds: milliseconds(rec.took), MebibytesPerSecond: math.Round(d.speed*100) / 100,
		SHA256: rec.sum, Announced: rec.SHA256, Expected: d.file.sum,
	})
	return rec.check(d.file)
}

// close ends all nodes: in order when ctx lives, else at once.
func (d *demo) close(ctx context.Context) error {
	d.mu.Lock()
	d.over = true
	d.mu.Unlock()
	for _, l := range d.listeners {
		l.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	nodes := d.nodes()
	errs := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { errs <- n.close(ctx) }() // waited for below
	}
	var err error
	for range nodes {
		err = errors.Join(err, <-errs)
	}
	return err
}

// closeTime bounds the orderly end.
const closeTime = 10 * time.Second

// say tells people something that is no event.
func (d *demo) say(text string) { d.out.print(d.out.prefix() + text + "\n") }

func (d *demo) now(doing string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doing = doing
}

func (d *demo) current() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.doing
}
