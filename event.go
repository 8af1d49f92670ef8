package exchange

import (
	"slices"
	"sync"
	"time"

	"github.com/peer-exchange/exchange/identity"
)

// Event is something that happened on an exchange, for [Config.OnEvent]:
// [PeerJoined], [PeerLeft] or [StepDone].
type Event interface{ event() }

// PeerJoined says that a session with a peer is up.
type PeerJoined struct{ Peer *Peer }

// PeerLeft says that it is down, and why.
type PeerLeft struct {
	Peer *Peer
	Err  error // never nil; [ErrClosed] when this side closed it
}

// Step names a part of meeting a peer.
type Step string

// The steps, in the order in which they happen. A peer reached by a socket
// has only the handshake.
const (
	StepHandshake Step = "handshake" // carrier open until both hellos are verified
	StepQuery     Step = "query"     // getpeers until its answer
	StepCircuit   Step = "circuit"   // relay request until the inner handshake is done
	StepGather    Step = "gather"    // local ICE candidates
	StepICE       Step = "ice"       // connectivity checks
	StepDTLS      Step = "dtls"      // DTLS handshake
	StepChannel   Step = "channel"   // data channel open
	StepConnect   Step = "connect"   // session over the new path, and the data stream
)

// StepDone says that a step ended, well or not.
type StepDone struct {
	Step Step
	Peer identity.ID // whom it is about; zero if not known yet
	Via  identity.ID // the relay, if one is involved
	Took time.Duration
	Err  error // nil: it went well
}

func (PeerJoined) event() {}
func (PeerLeft) event()   {}
func (StepDone) event()   {}

// maxEvents bounds the events waiting for OnEvent.
const maxEvents = 1024

// events hands events to the application's callback from one goroutine, so
// that a slow callback holds up nothing else.
type events struct {
	fn func(Event)

	mu     sync.Mutex
	queue  []Event
	closed bool
	wake   chan struct{} // capacity 1
	done   chan struct{} // closed when run has ended
}

func newEvents(fn func(Event)) *events {
	e := &events{fn: fn, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if fn == nil {
		close(e.done)
		return e
	}
	// Owned by the exchange: ended by close, which waits.
	go e.run()
	return e
}

func (e *events) emit(ev Event) {
	if e.fn == nil {
		return
	}
	e.mu.Lock()
	if len(e.queue) >= maxEvents {
		// Steps are lost first: strangers can cause them. Of peers there are no
		// more than Limits.Peers.
		i := slices.IndexFunc(e.queue, func(old Event) bool { _, ok := old.(StepDone); return ok })
		e.queue = slices.Delete(e.queue, max(i, 0), max(i, 0)+1)
	}
	e.queue = append(e.queue, ev)
	e.mu.Unlock()
	e.signal()
}

func (e *events) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *events) run() {
	defer close(e.done)
	for {
		e.mu.Lock()
		batch, closed := e.queue, e.closed
		e.queue = nil
		e.mu.Unlock()
		for _, ev := range batch {
			e.fn(ev)
		}
		if len(batch) > 0 {
			continue
		}
		if closed {
			return
		}
		<-e.wake
	}
}

// close delivers what is queued, then ends. It waits for the callback.
func (e *events) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.signal()
	<-e.done
}
