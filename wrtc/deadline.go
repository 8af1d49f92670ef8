package wrtc

import (
	"sync"
	"time"
)

// deadline is one direction's deadline of a connection: a channel that is closed while it has passed. As net.Pipe does it.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer
	passed chan struct{} // never nil; replaced when the deadline moves on
}

func newDeadline() *deadline { return &deadline{passed: make(chan struct{})} }

// set moves the deadline; the zero time takes it away. The timer's function only closes a channel, it never outlives its deadline.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.passed // the timer fired: wait for it to close the channel
	}
	d.timer = nil
	closed := isDone(d.passed)
	if t.IsZero() {
		if closed {
			d.passed = make(chan struct{})
		}
		return
	}
	if left := time.Until(t); left > 0 {
		if closed {
			d.passed = make(chan struct{})
		}
		passed := d.passed
		d.timer = time.AfterFunc(left, func() { close(passed) })
		return
	}
	if !closed {
		close(d.passed)
	}
}

// wait returns the channel that is closed when the present deadline has passed.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.passed
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
