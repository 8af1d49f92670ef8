package attack

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/peer-exchange/exchange/pxp"
)

// Tally is what came of an attack.
type Tally struct {
	Actions  int              `json:"actions"`         // things done: what the rate counts
	Sockets  int              `json:"sockets"`         // opened
	Failed   int              `json:"failed"`          // not opened, or ended by the target before what was meant
	Peers    int              `json:"peers"`           // sessions that became peers of the target
	Ended    int              `json:"ended"`           // sessions that the target ended
	Byes     map[pxp.Code]int `json:"byes,omitempty"`  // the codes with which it did
	Codes    map[pxp.Code]int `json:"codes,omitempty"` // of its answers to requests
	GoAways  int              `json:"goaways"`         // sessions that its multiplexer ended as against the rules
	Carried  int              `json:"carried"`         // circuits that the attacker was the relay of
	Noticed  int              `json:"noticed"`         // authentication errors of that exchange
	Channels int              `json:"channels"`        // WebRTC's that opened
	Packets  int              `json:"packets"`         // that came to a third party
}

// player is one run of an attack.
type player struct {
	Target
	limit *rate.Limiter
	pong  time.Duration // how long its peers take to answer a ping of the multiplexer
	piece int           // bytes in a frame of its WebSockets; 0: as many as there are

	mu     sync.Mutex
	tally  Tally
	held   []net.Conn // open, oldest first
	closed bool
}

func newPlayer(target Target, perSecond int) *player {
	p := &player{Target: target, limit: rate.NewLimiter(rate.Inf, 1)}
	if perSecond > 0 {
		p.limit = rate.NewLimiter(rate.Limit(perSecond), 1+perSecond/20)
	}
	p.tally.Byes, p.tally.Codes = make(map[pxp.Code]int), make(map[pxp.Code]int)
	return p
}

// next waits for the turn of the next action. It reports false when the attack is over.
func (p *player) next(ctx context.Context) bool {
	if p.limit.Wait(ctx) != nil {
		<-ctx.Done() // it fails when the turn would come too late
		return false
	}
	if ctx.Err() != nil {
		return false
	}
	p.count(func(t *Tally) { t.Actions++ })
	return true
}

func (p *player) count(f func(*Tally)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.tally)
}

// maxHeld is how many sockets an attack keeps open at most; then the oldest is closed.
const maxHeld = 4000

// socket opens a socket from that address. It is closed with the attack at the latest.
func (p *player) socket(ctx context.Context, address int) (net.Conn, error) {
	return p.open(ctx, p.Dial, address)
}

func (p *player) open(ctx context.Context, dial func(context.Context, int) (net.Conn, error), address int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := dial(ctx, address)
	if err != nil {
		p.count(func(t *Tally) { t.Failed++ })
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.Sockets++
	p.held = append(p.held, c)
	if len(p.held) > maxHeld {
		_ = p.held[0].Close()
		p.held = slices.Delete(p.held, 0, 1)
	}
	if p.closed {
		_ = c.Close()
	}
	return c, nil
}

// drop closes a socket.
func (p *player) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = slices.DeleteFunc(p.held, func(other net.Conn) bool { return other == c })
}

// refused waits until the target closes c, and no longer than the attack. What it says meanwhile is thrown away.
func (p *player) refused(ctx context.Context, c net.Conn) {
	_, _ = io.Copy(io.Discard, c)
	if ctx.Err() == nil {
		p.count(func(t *Tally) { t.Failed++ })
	}
	p.drop(c)
}

// lanes runs f in n goroutines and waits for them.
func (p *player) lanes(n int, f func(lane int)) {
	var wg sync.WaitGroup
	for lane := range n {
		wg.Go(func() { f(lane) }) // ended by the attack's context, waited for below
	}
	wg.Wait()
}

// each runs f again and again in n lanes until the attack is over. A lane whose action fails waits a little longer each
// time, so that it does not turn into a flood of something else.
func (p *player) each(ctx context.Context, n int, f func(lane int) error) {
	p.lanes(n, func(lane int) {
		pause := time.Millisecond
		for p.next(ctx) {
			if f(lane) == nil {
				pause = time.Millisecond
				continue
			}
			pause = min(2*pause, 100*time.Millisecond)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	})
}

// close closes what is open, and what will be.
func (p *player) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.held {
		_ = c.Close()
	}
	p.held = nil
}

func (p *player) result() Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tally
}
