package main

import (
	"net"
	"sync"
	"time"
)

// delayTCP is a long line in front of a TCP listener: what is written at one
// end arrives at the other after delay, at any rate. The kernel's handshake
// with it takes no time, so the line charges for it: nothing that is sent
// before the one round trip of a TCP handshake leaves earlier than after it,
// and the listener hears of the connection half a round trip later still.
type delayTCP struct {
	listener net.Listener
	target   string
	delay    time.Duration
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	over  bool
}

func newDelayTCP(target string, delay time.Duration) (*delayTCP, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &delayTCP{listener: l, target: target, delay: delay, conns: make(map[net.Conn]struct{})}
	d.wg.Go(func() { // ended by close, which waits
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !d.track(c) {
				return
			}
			d.wg.Go(func() { d.carry(c) }) // ends with c
		}
	})
	return d, nil
}

func (d *delayTCP) address() string { return d.listener.Addr().String() }

// close ends all connections too.
func (d *delayTCP) close() {
	d.listener.Close()
	d.mu.Lock()
	d.over = true
	for c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
}

func (d *delayTCP) track(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		c.Close()
		return false
	}
	d.conns[c] = struct{}{}
	return true
}

func (d *delayTCP) forget(c net.Conn) {
	c.Close()
	d.mu.Lock()
	delete(d.conns, c)
	d.mu.Unlock()
}

func (d *delayTCP) carry(near net.Conn) {
	defer d.forget(near)
	established := time.Now().Add(2 * d.delay)
	there := newDelayed()
	defer there.clock.close()
	var reading sync.WaitGroup
	reading.Go(func() { there.fill(near, d.delay, established) }) // ends when near does; waited for below
	defer reading.Wait()
	there.clock.sleepUntil(established.Add(d.delay))
	far, err := net.Dial("tcp", d.target)
	if err != nil || !d.track(far) {
		near.Close()
		return
	}
	defer d.forget(far)
	back := newDelayed()
	defer back.clock.close()
	var both sync.WaitGroup
	both.Go(func() { back.fill(far, d.delay, time.Time{}) }) // ends when far does
	both.Go(func() { there.drain(far) })                     // ends when near has
	back.drain(near)
	// One direction that has ended ends the other: nothing here half-closes
	// and goes on.
	near.Close()
	both.Wait()
}

// delayed is one direction: what was read, and when it is due. It has no
// bound: the windows of those who use the line are it.
type delayed struct {
	clock *alarm // of who drains

	mu     sync.Mutex
	some   sync.Cond
	chunks []chunk
	ended  bool
	due    time.Time // when the end arrives
}

type chunk struct {
	data []byte
	due  time.Time
}

const chunkBytes = 256 << 10

func newDelayed() *delayed {
	d := &delayed{clock: newAlarm()}
	d.some.L = &d.mu
	return d
}

// fill reads from c until it ends. Nothing leaves before from.
func (d *delayed) fill(c net.Conn, delay time.Duration, from time.Time) {
	due := func() time.Time {
		now := time.Now()
		if now.Before(from) {
			now = from
		}
		return now.Add(delay)
	}
	buf := make([]byte, chunkBytes)
	for {
		n, err := c.Read(buf)
		d.mu.Lock()
		if n > 0 {
			d.chunks = append(d.chunks, chunk{append([]byte(nil), buf[:n]...), due()})
		}
		if err != nil {
			d.ended, d.due = true, due()
		}
		d.some.Signal()
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// drain writes to c what is due, and closes it at the end.
func (d *delayed) drain(c net.Conn) {
	defer c.Close()
	for {
		d.mu.Lock()
		for len(d.chunks) == 0 && !d.ended {
			d.some.Wait()
		}
		if len(d.chunks) == 0 {
			due := d.due
			d.mu.Unlock()
			d.clock.sleepUntil(due)
			return
		}
		next := d.chunks[0]
		d.chunks = d.chunks[1:]
		d.mu.Unlock()
		d.clock.sleepUntil(next.due)
		if _, err := c.Write(next.data); err != nil {
			return
		}
	}
}
