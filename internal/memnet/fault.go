package memnet

import (
	"syscall"
	"time"
)

// Freeze stops delivery in both directions and says so to nobody: a black hole, or a peer that was sent SIGSTOP. What has
// arrived can be read, writes succeed until the buffer is full, and a close of one end is not noticed at the other. Thaw
// ends it.
func (c *Conn) Freeze() { c.freeze(c.in, c.out) }

// FreezeOut is [Conn.Freeze] for one direction: what this end writes, or that it closes, no longer arrives.
func (c *Conn) FreezeOut() { c.freeze(c.out) }

func (c *Conn) freeze(halves ...*half) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	now := time.Now()
	for _, h := range halves {
		h.freeze(now)
	}
}

// Thaw ends Freeze and FreezeOut, whichever end they were called on. What was due meanwhile arrives at once; nothing is lost.
func (c *Conn) Thaw() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.in.frozen, c.out.frozen = false, false
	c.link.change.Broadcast()
}

// Cut breaks the pipe at once, for both ends: blocked and later calls of Read and Write fail with err, what is in flight or
// unread is lost. A nil err is [syscall.ECONNRESET]. Only the first Cut counts. The ends must still be closed.
func (c *Conn) Cut(err error) {
	if err == nil {
		err = syscall.ECONNRESET
	}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.link.cut == nil {
		c.link.cut = err
	}
	c.link.change.Broadcast()
}
