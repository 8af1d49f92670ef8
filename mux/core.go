package mux

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lingerTime  = time.Second // how long an ended session waits for the carrier to take what is queued
	readerBytes = 512         // what is read ahead of a frame; the data of large frames is read past it
)

// Sides of a session, as indices.
const (
	ours   = 0
	theirs = 1
)

// core is what a session is in either framing: [session] and [multiplex] embed it.
type core struct {
	// Set by init.
	cfg     Config
	carrier net.Conn
	started time.Time
	endAll  func(error)   // the framing's part of failLocked: the last word, and the end of all streams with that error
	done    chan struct{} // closed by failLocked
	written chan struct{} // closed by the goroutine that writes to the carrier when it ends

	in       *bufio.Reader // of the goroutine that reads the carrier
	received atomic.Int64  // when the carrier last delivered something, since started
	closing  atomic.Bool   // the carrier, by whoever was first
	shutDone chan struct{} // closed when the carrier is

	mu        sync.Mutex // guards what follows, what the framing says, and all streams
	err       error      // why the session has ended
	goingAway bool       // the peer said so
	polite    bool       // the writer closes the carrier, or linger does
	linger    *time.Timer

	rates    [2]bucket // of new streams
	room     sync.Cond // Open waits for it
	arrivals waiters   // for Accept

	spare     chunkPool
	probation bool   // see Admit
	told      string // of what limit refused last spoke
	budget    share  // without a budget on probation
	growth    int    // bytes that streams may hold in addition to those promised
	promised  int
	buffered  int
	bytesIn   uint64
	bytesOut  uint64
}

// init makes c ready, or fails because of cfg.
func (c *core) init(carrier net.Conn, cfg *Config, endAll func(error)) (err error) {
	if c.cfg, err = cfg.withDefaults(carrier); err != nil {
		return err
	}
	c.carrier = carrier
	c.started = time.Now()
	c.endAll = endAll
	c.done = make(chan struct{})
	c.written = make(chan struct{})
	c.shutDone = make(chan struct{})
	c.in = bufio.NewReaderSize(meter{c}, readerBytes)
	c.room.L, c.arrivals.L = &c.mu, &c.mu
	for i := range c.rates {
		c.rates[i].perSecond = float64(c.cfg.StreamsPerSecond)
	}
	c.growth = c.cfg.SessionBytes - 2*c.cfg.MaxStreams*Window
	if c.probation = c.cfg.Probation > 0; !c.probation {
		c.budget.budget = c.cfg.Budget
	}
	return nil
}

// meter reads the carrier and notes when.
type meter struct{ *core }

func (m meter) Read(p []byte) (int, error) {
	n, err := m.carrier.Read(p)
	if n > 0 {
		m.received.Store(int64(time.Since(m.started)))
	}
	return n, err
}

// Done implements [Session].
func (c *core) Done() <-chan struct{} { return c.done }

// Err implements [Session].
func (c *core) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// stats returns the numbers that are counted alike.
func (c *core) stats() Stats {
	return Stats{
		BytesIn:      c.bytesIn,
		BytesOut:     c.bytesOut,
		Buffered:     c.buffered,
		Promised:     c.promised,
		LastReceived: c.started.Add(time.Duration(c.received.Load())),
	}
}

// reserve waits until one more stream may be opened: until hasRoom says so and the rate allows it. It fails with what
// hasRoom fails with.
func (c *core) reserve(ctx context.Context, hasRoom func() (bool, error)) error {
	wake := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.room.Broadcast()
	}
	for watched := false; ; {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case c.err != nil:
			return c.err
		}
		ok, err := hasRoom()
		if err != nil {
			return err
		}
		if ok {
			wait := c.rates[ours].wait(time.Now(), float64(c.cfg.StreamBurst/2))
			if wait == 0 {
				return nil
			}
			defer time.AfterFunc(wait, wake).Stop()
		}
		if !watched {
			watched = true
			defer context.AfterFunc(ctx, wake)()
		}
		c.room.Wait()
	}
}

// refused tells the operator that a stream of the peer was refused, since the peer is not told why: once for each limit in a
// row, and no more than that, because the peer decides how often it happens.
func (c *core) refused(limit string) {
	if c.told == limit {
		return
	}
	c.told = limit
	level := slog.LevelDebug
	if limit == LimitBudgetBytes {
		level = slog.LevelWarn // it is not of this peer's making
	}
	c.cfg.Logger.Log(context.Background(), level, "mux: stream refused", "limit", limit, "peer", c.cfg.RemoteAddr)
}

// countTheirs counts a stream that the peer opens and reports whether the rate allows it. It fails when the peer goes on
// and on.
func (c *core) countTheirs() (bool, error) {
	level, burst := int64(c.rates[theirs].add(time.Now())), int64(c.cfg.StreamBurst)
	if level > 2*burst {
		return false, &LimitError{LimitStreamRate, level, 2 * burst}
	}
	return level <= burst, nil
}
