package interop

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// errOrder is the one fault that is neither ours nor the protocol's: @roamhq/wrtc can give JavaScript the first messages of
// a data channel in the wrong order when they arrive around its 'datachannel' event, that is to the side that was offered
// the channel. The first message is "#PXP#", and its being another shows in the original's words. A meeting that fails in
// just this way may be repeated, once, and is counted; nothing else may. Nor may more than mostRepeats in a run.
//
// Wrong first bytes of a node of this module would look the same: where it offered the channel, its tap must have seen them
// right (and fails the test if they were not).
var errOrder = errors.New("@roamhq/wrtc gave messages in the wrong order")

const (
	orderSymptom = "Invalid magic value, peer not using PXP"
	mostRepeats  = 5
)

var (
	meetings atomic.Int64 // that were tried
	repeated atomic.Int64 // of those
)

// watchOrder returns a context that is done, with errOrder as the cause, when the candidate shows the symptom from now on, and
// with another when it was not in order that it did. The offerer is who makes the channel if it is a node of this module, else nil. Its
// end waits for what it started.
func watchOrder(ctx context.Context, candidate, offerer *Process) (context.Context, func()) {
	first := 0
	if offerer != nil {
		first = len(offerer.Events())
	}
	return unless(ctx, candidate, func(e Event) error {
		switch {
		case e.Event != "error" || e.Error != orderSymptom:
			return nil
		case offerer != nil:
			// What its tap tells comes before the bytes do, but by another pipe.
			soon, cancel := context.WithTimeoutCause(ctx, pipeTime, errNotBegun)
			defer cancel()
			if _, err := offerer.Watch(soon, first, Named("began")); err != nil {
				return err
			}
		}
		return errOrder
	})
}

// pipeTime is for what a process has told before something to be read after it.
const pipeTime = 10 * time.Second

var errNotBegun = errors.New("the candidate could not read what a node of this module began with")

// unless returns a context that is done, with the cause that problem returns, when the process tells something from now on
// that is a problem. Its end waits for what it started.
func unless(ctx context.Context, p *Process, problem func(Event) error) (context.Context, func()) {
	first := len(p.Events())
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		if e, err := p.Watch(ctx, first, func(e Event) bool { return problem(e) != nil }); err == nil {
			cancel(problem(e))
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// repeatOnce makes the attempt, and makes it again if it failed with errOrder. An attempt starts processes of its own.
func repeatOnce(attempt func() error) error {
	meetings.Add(1)
	err := attempt()
	if errors.Is(err, errOrder) {
		if repeated.Add(1) > mostRepeats {
			return fmt.Errorf("more often than %d times in a run: %w", mostRepeats, err)
		}
		meetings.Add(1)
		err = attempt()
	}
	return err
}

func orderReport() string {
	return fmt.Sprintf("%d meetings over WebRTC, %d of them repeated because %v", meetings.Load(), repeated.Load(), errOrder)
}

func TestRepeatOnce(t *testing.T) {
	before := repeated.Load()
	repeated.Store(0) // tests that run beside this one have not begun yet
	defer repeated.Store(before)
	other := errors.New("other")
	for _, test := range []struct{ results, want []error }{
		{[]error{nil}, nil},
		{[]error{errOrder, nil}, nil},
		{[]error{fmt.Errorf("waiting: %w", errOrder), other}, []error{other}},
		{[]error{errOrder, errOrder}, []error{errOrder}},
		{[]error{other}, []error{other}},
	} {
		tried := 0
		err := repeatOnce(func() error { tried++; return test.results[tried-1] })
		if tried != len(test.results) || (err == nil) != (test.want == nil) || err != nil && !errors.Is(err, test.want[0]) {
			t.Errorf("results %v: %v after %d attempts", test.results, err, tried)
		}
		// What this test did is not part of the report.
		meetings.Add(int64(-tried))
		repeated.Add(int64(1 - tried))
	}
	for repeats := range mostRepeats + 1 {
		tried := 0
		err := repeatOnce(func() error {
			if tried++; tried == 1 {
				return errOrder
			}
			return nil
		})
		if allowed := repeats < mostRepeats; (err == nil) != allowed || (tried == 2) != allowed {
			t.Errorf("after %d repeats: %v after %d attempts", repeats, err, tried)
		}
		meetings.Add(int64(-tried))
	}
}
