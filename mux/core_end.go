package mux

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// fail ends the session because of err, unless it has ended.
func (c *core) fail(err error) {
	c.mu.Lock()
	c.failLocked(err)
	polite := c.polite
	c.mu.Unlock()
	if !polite {
		c.closeCarrier()
	}
}

// failLocked ends the session because of err, unless it has ended. When the framing wants what is queued to be sent, see
// lingers, the writer closes the carrier after it; else the caller must.
func (c *core) failLocked(err error) {
	if c.err != nil {
		return
	}
	var carrier *carrierError
	if errors.As(err, &carrier) && (c.goingAway || carrier.err == io.EOF) {
		err = ErrRemoteClosed
	}
	c.err = err
	close(c.done)
	if c.linger != nil {
		c.linger.Stop()
	}
	c.endAll(fmt.Errorf("mux: session ended: %w", err))
	c.room.Broadcast()
	c.arrivals.wake()
	c.cfg.Logger.Debug("mux: session ended", "reason", err)
}

// lingers leaves the carrier open for what is queued, until a timer closes it when the carrier does not take that.
func (c *core) lingers() {
	c.polite = true
	c.linger = time.AfterFunc(lingerTime, c.closeCarrier)
}

// writeFailed ends the session, but not before its end is read: when it is the peer who closed the carrier, what it wrote
// before is still on the way.
func (c *core) writeFailed(err error) {
	err = &carrierError{"write", err}
	c.linger = time.AfterFunc(lingerTime, func() { c.fail(err) })
}

// awaitEnd waits until the session has ended and its writer too, and closes the carrier.
func (c *core) awaitEnd() {
	<-c.done // the writer may have ended before, see writeFailed
	<-c.written
	c.closeCarrier()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.linger != nil {
		c.linger.Stop()
	}
}

// closeCarrier returns when the carrier is closed. Carriers may wait for time to pass in Close, and virtual time does not pass
// while somebody waits for a lock: so it is not a sync.Once.
func (c *core) closeCarrier() {
	if c.closing.CompareAndSwap(false, true) {
		c.carrier.Close()
		close(c.shutDone)
	}
	<-c.shutDone
}
