package mux

import "time"

// deadline is one direction's deadline. The session's lock guards it.
type deadline struct {
	at     time.Time
	passed bool
	timer  *time.Timer // made when first needed, then reused
}

// set sets the deadline and wakes who waits in w, so that they look at it again. It does so again when t has come.
func (d *deadline) set(t time.Time, w *waiters) {
	d.stop()
	d.at = t
	d.passed = !t.IsZero() && time.Until(t) <= 0
	if !t.IsZero() && !d.passed {
		if d.timer == nil {
			d.timer = time.AfterFunc(time.Until(t), func() { d.fire(w) })
		} else {
			d.timer.Reset(time.Until(t))
		}
	}
	w.wake()
}

// fire runs in the timer's goroutine. It may have been on its way when the deadline was moved, hence the second look.
func (d *deadline) fire(w *waiters) {
	w.L.Lock()
	defer w.L.Unlock()
	if d.at.IsZero() || d.passed {
		return
	}
	if left := time.Until(d.at); left > 0 {
		d.timer.Reset(left)
		return
	}
	d.passed = true
	w.wake()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at = time.Time{}
}
