package mux

import (
	"sync"
	"time"
)

// deadline is one direction's deadline. The condition's lock guards it.
type deadline struct {
	at     time.Time
	passed bool
	timer  *time.Timer // made when first needed, then reused
}

// set sets the deadline and wakes who waits on cond, so that they look at it again. It does so again when t has come.
func (d *deadline) set(t time.Time, cond *sync.Cond) {
	d.stop()
	d.at = t
	d.passed = !t.IsZero() && time.Until(t) <= 0
	if !t.IsZero() && !d.passed {
		if d.timer == nil {
			d.timer = time.AfterFunc(time.Until(t), func() { d.fire(cond) })
		} else {
			d.timer.Reset(time.Until(t))
		}
	}
	cond.Broadcast()
}

// fire runs in the timer's goroutine. It may have been on its way when the deadline was moved, hence the second look.
func (d *deadline) fire(cond *sync.Cond) {
	cond.L.Lock()
	defer cond.L.Unlock()
	if d.at.IsZero() || d.passed {
		return
	}
	if left := time.Until(d.at); left > 0 {
		d.timer.Reset(left)
		return
	}
	d.passed = true
	cond.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at = time.Time{}
}
