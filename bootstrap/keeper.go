package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
)

// maxDials is how many seeds are dialed at once.
const maxDials = 3

// Keeper keeps an exchange connected. See [Join].
type Keeper struct {
	// immutable after Join
	ex   *exchange.Exchange
	cfg  Config
	dial func(ctx context.Context, u URL) (*exchange.Conn, error)

	ctx    context.Context // of the dials
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended

	// owned by run
	seeds   []*seed
	cache   *cache
	dials   int         // under way
	results chan result // capacity maxDials, one for each dial; never closed
}

// result is how a dial ended.
type result struct {
	seed *seed
	conn *exchange.Conn
	err  error
}

// Join keeps ex connected until the Keeper or ex is closed: while it has fewer
// peers than [exchange.Exchange.Target], and at least one, the seeds are
// dialed in random order, those that failed less often first, at most three at once, and those of the cache once
// all of Config.Seeds have been tried. Peers that are found go to
// [exchange.Exchange.Listener]. An exchange that has what it wants dials
// nobody, nor is a seed dialed whose peer is connected already. One of
// Config.Seeds that was reached and then lost is the exception: it is dialed
// until it is back, so that a network that outlived its bootstrap node is one
// network again when that returns.
//
// A seed that failed is dialed again after a random time between
// Config.MinBackoff and a limit that doubles from there to Config.MaxBackoff,
// for ever; so is one whose peer left soon after it was reached.
//
// Join returns at once. It fails when a seed is no URL to dial or the
// configuration makes no sense.
func Join(ex *exchange.Exchange, config *Config) (*Keeper, error) {
	return join(ex, config, func(ctx context.Context, u URL) (*exchange.Conn, error) { return dial(ctx, ex, u) })
}

func join(ex *exchange.Exchange, config *Config, dial func(context.Context, URL) (*exchange.Conn, error)) (*Keeper, error) {
	cfg, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	k := &Keeper{ex: ex, cfg: cfg, dial: dial, done: make(chan struct{}), results: make(chan result, maxDials)}
	if err := k.addSeeds(); err != nil {
		return nil, err
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	// Owned by k: ended by Close or the exchange, Close waits.
	go k.run()
	return k, nil
}

func (k *Keeper) addSeeds() error {
	known := make(map[URL]*seed)
	for _, text := range k.cfg.Seeds {
		u, err := ParseURL(text)
		if err == nil {
			err = u.dialable()
		}
		if err != nil {
			return fmt.Errorf("bootstrap: Config.Seeds: %w", err)
		}
		if known[u] == nil {
			known[u] = &seed{url: u, peer: u.Peer}
			k.seeds = append(k.seeds, known[u])
		}
	}
	k.cache = openCache(k.cfg.Cache, k.cfg.Logger)
	for _, e := range k.cache.entries {
		if s := known[e.url]; s != nil {
			s.peer = e.peer
		} else {
			k.seeds = append(k.seeds, &seed{url: e.url, peer: e.peer, cached: true})
		}
	}
	return nil
}

// Close stops dialing and waits until nothing of the Keeper is left. Peers that
// were found stay. It is idempotent.
func (k *Keeper) Close() error {
	k.cancel()
	<-k.done
	return nil
}

func (k *Keeper) run() {
	defer close(k.done)
	var dialing sync.WaitGroup
	defer dialing.Wait()
	defer k.drain()
	defer k.cancel()
	for {
		changed := k.ex.PeersChanged()
		timer := time.NewTimer(k.step(time.Now(), &dialing))
		select {
		case <-changed:
		case <-timer.C:
		case r := <-k.results:
			k.ended(r, time.Now())
		case <-k.ctx.Done():
			timer.Stop()
			return
		case <-k.ex.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// step begins the dials that are due, and returns when to look again if nothing
// happens before. That is after MaxBackoff at the latest: a new target of the
// exchange is not announced.
func (k *Keeper) step(now time.Time, dialing *sync.WaitGroup) time.Duration {
	for _, s := range k.seeds {
		s.noticeLoss(k, now)
	}
	wait := k.cfg.MaxBackoff
	satisfied := k.satisfied()
	var due []*seed
	for _, s := range k.seeds {
		switch {
		case !k.eligible(s) || satisfied && !s.missed():
		case s.next.After(now):
			wait = min(wait, s.next.Sub(now))
		default:
			due = append(due, s)
		}
	}
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	slices.SortStableFunc(due, func(a, b *seed) int { return cmp.Compare(a.fails, b.fails) })
	for _, s := range due[:min(len(due), maxDials-k.dials)] {
		k.dials++
		s.dialing = true
		// Owned by run: ended by k.ctx, run waits.
		dialing.Go(func() {
			conn, err := k.dial(k.ctx, s.url)
			k.results <- result{s, conn, err}
		})
	}
	return wait
}

func (k *Keeper) satisfied() bool { return k.ex.NumPeers() >= max(1, k.ex.Target()) }

// eligible says whether s may be dialed when its time has come.
func (k *Keeper) eligible(s *seed) bool {
	return !s.dialing && !k.connected(s.peer) && (!s.cached || k.givenTried())
}

func (k *Keeper) connected(id identity.ID) bool { return !id.IsZero() && k.ex.Peer(id) != nil }

// givenTried says whether every seed of the configuration has had its chance.
func (k *Keeper) givenTried() bool {
	for _, s := range k.seeds {
		if !s.cached && !s.tried && !k.connected(s.peer) {
			return false
		}
	}
	return true
}

// ended takes what a dial resulted in.
func (k *Keeper) ended(r result, now time.Time) {
	k.dials--
	s := r.seed
	s.dialing, s.tried = false, true
	connected, known := whoIsConnected(r.err)
	switch {
	case r.err == nil:
		s.reached(r.conn.Peer().ID(), now)
		if !s.url.V1 { // whose peers are nobody in particular
			k.cache.remember(s.url, s.peer, now)
		}
		k.cfg.Logger.Info("seed reached", "url", s.url, "peer", s.peer)
		k.ex.Deliver(r.conn)
	case known:
		s.reached(connected, now)
		if !s.url.V1 { // whose peers are nobody in particular
			k.cache.remember(s.url, s.peer, now)
		}
	case k.ctx.Err() != nil || errors.Is(r.err, exchange.ErrClosed):
		s.failed(k, now)
	case s.wrong || isWrong(r.err): // whatever it does, it was the wrong one before
		reported := s.wrong
		s.wrong = true
		s.fails++
		s.next = now.Add(k.cfg.MaxBackoff)
		if !reported {
			k.report(s, r.err)
		}
	default:
		s.failed(k, now)
		k.report(s, r.err)
	}
}

// whoIsConnected returns the peer that a seed led to though there is a session
// with it, whichever end said so.
func whoIsConnected(err error) (identity.ID, bool) {
	var here *exchange.ConnectedError
	var there *exchange.RemoteError
	switch {
	case errors.As(err, &here):
		return here.Peer, true
	case errors.Is(err, exchange.ErrConnected) && errors.As(err, &there):
		return there.Peer, true
	}
	return identity.ID{}, false
}

func (k *Keeper) report(s *seed, err error) {
	k.cfg.Logger.Warn("seed not reached", "url", s.url, "error", err, "next", s.next)
	if k.cfg.OnError != nil {
		k.cfg.OnError(s.url.String(), err)
	}
}

// drain takes the results of the dials that are under way.
func (k *Keeper) drain() {
	for ; k.dials > 0; k.dials-- {
		if r := <-k.results; r.conn != nil {
			k.ex.Deliver(r.conn)
		}
	}
}
