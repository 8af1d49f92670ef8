package main

import (
	"context"
	"sync"

	"github.com/peer-exchange/exchange"
)

// fact is that a node has done a step.
type fact struct {
	node *demoNode
	step exchange.Step
}

// facts lets the story wait for what the exchanges tell.
type facts struct {
	mu      sync.Mutex
	known   map[fact]bool
	changed chan struct{} // closed and replaced by add
}

func newFacts() *facts {
	return &facts{known: make(map[fact]bool), changed: make(chan struct{})}
}

func (f *facts) add(what fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[what] = true
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *facts) forget(what fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.known, what)
}

func (f *facts) wait(ctx context.Context, what fact) error {
	for {
		f.mu.Lock()
		known, changed := f.known[what], f.changed
		f.mu.Unlock()
		if known {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
