package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/secure"
)

// web is a network in memory in which URLs lead to nodes.
type web struct {
	t *testing.T

	mu    sync.Mutex
	doors map[string]*memnet.Listener // by address
	hole  map[string]bool             // addresses that never answer
	dials map[string][]time.Time      // by address: when it was dialed
	now   int                         // dials under way
	most  int                         // the most that were
	fails map[string][]error          // by URL: what was reported
}

func newWeb(t *testing.T) *web {
	return &web{t: t, doors: make(map[string]*memnet.Listener), hole: make(map[string]bool), dials: make(map[string][]time.Time), fails: make(map[string][]error)}
}

var errDead = errors.New("nobody there")

// serve makes ex reachable at address, until the returned function is called.
func (w *web) serve(address string, ex *exchange.Exchange) (stop func()) {
	l := memnet.Listen(address, nil)
	w.mu.Lock()
	w.doors[address] = l
	w.mu.Unlock()
	go ex.Serve(l) // ended by stop or the exchange
	return func() {
		w.mu.Lock()
		delete(w.doors, address)
		w.mu.Unlock()
		_ = l.Close()
	}
}

// join starts a Keeper of ex that dials in w.
func (w *web) join(ex *exchange.Exchange, cfg Config) *Keeper {
	w.t.Helper()
	cfg.OnError = func(url string, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fails[url] = append(w.fails[url], err)
	}
	k, err := join(ex, &cfg, func(ctx context.Context, u URL) (*exchange.Conn, error) { return w.dial(ctx, ex, u) })
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { k.Close() })
	return k
}

func (w *web) dial(ctx context.Context, ex *exchange.Exchange, u URL) (*exchange.Conn, error) {
	w.mu.Lock()
	w.dials[u.address()] = append(w.dials[u.address()], time.Now())
	w.now++
	w.most = max(w.most, w.now)
	door, hole := w.doors[u.address()], w.hole[u.address()]
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now--
	}()
	if hole {
		ctx, cancel := context.WithTimeout(ctx, socketTime)
		defer cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if door == nil {
		return nil, errDead
	}
	socket, err := door.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return ex.ConnectWith(ctx, socket, &exchange.ConnectConfig{Peer: u.Peer})
}

// count returns how often the addresses were dialed.
func (w *web) count(addresses ...string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range addresses {
		n += len(w.dials[a])
	}
	return n
}

func (w *web) reported(url string) []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.fails[url])
}

// settle lets time pass, and everything that it brings about happen.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// A dead seed is dialed at growing intervals with jitter, for ever.
func TestKeeperBacksOff(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		begin := time.Now()
		w.join(newNode(t, testNetwork), Config{Seeds: []string{"tcp://a:1", "tcp://b:1"}})
		settle(time.Hour)
		for _, address := range []string{"a:1", "b:1"} {
			times := w.dials[address]
			if !times[0].Equal(begin) {
				t.Errorf("%s: first dialed after %v", address, times[0].Sub(begin))
			}
			// Half a minute on average: 120 an hour, or 60 at the least.
			if n := len(times); n < 60 || n > 200 {
				t.Errorf("%s: dialed %d times in an hour, want 60 to 200", address, n)
			}
			limit, distinct := 2*time.Second, map[time.Duration]bool{}
			for i := 1; i < len(times); i++ {
				gap := times[i].Sub(times[i-1])
				distinct[gap] = true
				if gap < time.Second || gap > limit {
					t.Errorf("%s: gap %d is %v, want 1s to %v", address, i, gap, limit)
				}
				limit = min(2*limit, time.Minute)
			}
			if len(distinct) < len(times)/2 {
				t.Errorf("%s: %d different gaps of %d: no jitter", address, len(distinct), len(times)-1)
			}
			if n := len(w.reported("tcp://" + address)); n != len(times) {
				t.Errorf("%s: %d errors reported of %d", address, n, len(times))
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		fails int
		most  time.Duration
	}{{0, 1}, {1, 2}, {2, 4}, {5, 32}, {6, 60}, {7, 60}, {1 << 20, 60}} {
		low, high := time.Hour, time.Duration(0)
		for range 1000 {
			d := backoff(time.Second, time.Minute, test.fails)
			low, high = min(low, d), max(high, d)
		}
		most := test.most * time.Second
		if low < time.Second || high > most {
			t.Errorf("after %d failures: %v to %v, want 1s to %v", test.fails, low, high, most)
		}
		// The whole range is used: 1000 draws miss a tenth of it with a chance of 1e-46.
		if spread := most - time.Second; high < most-spread/10 || low > time.Second+spread/10 {
			t.Errorf("after %d failures: only %v to %v", test.fails, low, high)
		}
	}
	if d := backoff(time.Nanosecond, 1<<62, 1<<30); d < 0 {
		t.Errorf("overflow: %v", d)
	}
}

// Three are dialed at once, and all get their turn.
func TestKeeperDialsThreeAtOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		var seeds, addresses []string
		for i := range 10 {
			address := fmt.Sprintf("h:%d", i+1)
			seeds, addresses = append(seeds, "tcp://"+address), append(addresses, address)
			w.hole[address] = true
		}
		w.join(newNode(t, testNetwork), Config{Seeds: seeds})
		settle(time.Second)
		if n := w.count(addresses...); n != 3 {
			t.Errorf("%d dialed at first, want 3", n)
		}
		settle(39 * time.Second) // four rounds of ten seconds
		for _, a := range addresses {
			if w.count(a) == 0 {
				t.Errorf("%s was not dialed", a)
			}
		}
		if w.most != 3 {
			t.Errorf("%d dialed at once, want 3", w.most)
		}
	})
}

func TestKeeperRandomOrder(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		firsts := map[string]bool{}
		for range 20 { // the same three of ten each time with a chance of 1e-39
			w := newWeb(t)
			var seeds []string
			for i := range 10 {
				seeds = append(seeds, fmt.Sprintf("tcp://h:%d", i+1))
				w.hole[fmt.Sprintf("h:%d", i+1)] = true
			}
			k := w.join(newNode(t, testNetwork), Config{Seeds: seeds})
			settle(time.Second)
			var first []string
			for a := range w.dials {
				first = append(first, a)
			}
			slices.Sort(first)
			firsts[strings.Join(first, " ")] = true
			k.Close()
		}
		if len(firsts) < 2 {
			t.Errorf("always the same first: %v", firsts)
		}
	})
}

// With a peer there is no dialing; when it is lost there is.
func TestKeeperRedialsAfterLoss(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		key := newKey(t)
		a := newNode(t, testNetwork)
		b := newNode(t, testNetwork, withKey(key))
		stop := w.serve("b:1", b)
		w.join(a, Config{Seeds: []string{"tcp://b:1", "tcp://dead:1"}})
		if c := acceptConn(t, a); c.Peer().ID() != b.ID() {
			t.Errorf("met %v", c.Peer().ID())
		}
		settle(time.Second)
		before := w.count("b:1", "dead:1")
		settle(time.Hour)
		if n := w.count("b:1", "dead:1") - before; n != 0 {
			t.Errorf("dialed %d times while connected", n)
		}
		stop()
		b.Close()
		settle(time.Minute)
		if n := w.count("b:1"); n < 2 {
			t.Errorf("dialed %d times after the loss", n)
		}
		second := newNode(t, testNetwork, withKey(key))
		w.serve("b:1", second)
		began := time.Now()
		acceptConn(t, a)
		if d := time.Since(began); d > time.Minute {
			t.Errorf("found again after %v", d)
		}
	})
}

// A peer that leaves as soon as it was reached is not dialed any more often
// than a dead one.
func TestKeeperPeerThatLeaves(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		a, b := newNode(t, testNetwork), newNode(t, testNetwork)
		w.serve("b:1", b)
		go func() { // ended by the exchange
			for {
				c, err := b.Listener().Accept()
				if err != nil {
					return
				}
				_ = c.(*exchange.Conn).Peer().Close()
			}
		}()
		w.join(a, Config{Seeds: []string{"tcp://b:1"}})
		settle(time.Hour)
		if n := w.count("b:1"); n < 50 || n > 200 {
			t.Errorf("dialed %d times in an hour, want 50 to 200", n)
		}
	})
}

// The target counts, and a seed whose peer is connected is not dialed.
func TestKeeperTarget(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		a := newNode(t, testNetwork)
		a.Maintain(3)
		var seeds, addresses []string
		for i := range 6 {
			address := fmt.Sprintf("h:%d", i+1)
			seeds, addresses = append(seeds, "tcp://"+address), append(addresses, address)
			w.serve(address, newNode(t, testNetwork, refuseRelaying))
		}
		w.join(a, Config{Seeds: seeds})
		settle(time.Hour)
		if n := a.NumPeers(); n < 3 || n > 5 {
			t.Errorf("%d peers, want 3, or up to 5 by dials that were under way", n)
		}
		if n := w.count(addresses...); n != a.NumPeers() {
			t.Errorf("%d dials for %d peers", n, a.NumPeers())
		}
		a.Maintain(6)
		settle(time.Hour)
		if n := w.count(addresses...); n != 6 || a.NumPeers() != 6 {
			t.Errorf("new target: %d dials for %d peers, want 6", n, a.NumPeers())
		}
		a.Maintain(7) // more than there are
		settle(time.Hour)
		if n := w.count(addresses...); n != 6 {
			t.Errorf("%d dials, though each seed's peer is connected", n)
		}
	})
}

func refuseRelaying(c *exchange.Config) { c.RefuseRelaying = true }

// Two seeds that are the same node: the second is reached, too, and left alone
// while its peer is there.
func TestKeeperSameNodeTwice(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		a, b := newNode(t, testNetwork), newNode(t, testNetwork, refuseRelaying)
		a.Maintain(2)
		w.serve("b:1", b)
		w.serve("b:2", b)
		w.join(a, Config{Seeds: []string{"tcp://b:1", "ws://b:2/"}})
		settle(time.Hour)
		if n := w.count("b:1", "b:2"); n < 2 || n > 3 { // the second once more if it came before the first was there
			t.Errorf("%d dials, want one a seed", n)
		}
		for _, url := range []string{"tcp://b:1", "ws://b:2/"} {
			if errs := w.reported(url); len(errs) > 0 {
				t.Errorf("%s: reported %q", url, errs[0])
			}
		}
	})
}

// Seeds that are not what we look for are reported once and dialed once a
// minute.
func TestKeeperWrongSeeds(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		a := newNode(t, testNetwork)
		w.serve("other:1", newNode(t, "another network"))
		w.serve("self:1", a)
		pinned := newNode(t, testNetwork)
		w.serve("pinned:1", pinned)
		seeds := map[string]error{
			"tcp://other:1":                   exchange.ErrWrongNetwork,
			"tcp://self:1":                    exchange.ErrSelf,
			"tcp://pinned:1#" + anID.String(): secure.ErrIdentity,
		}
		var urls []string
		for url := range seeds {
			urls = append(urls, url)
		}
		w.join(a, Config{Seeds: urls})
		settle(time.Hour)
		for url, want := range seeds {
			if errs := w.reported(url); len(errs) != 1 || !errors.Is(errs[0], want) {
				t.Errorf("%s: reported %q, want once: %v", url, errs, want)
			}
			if n := w.count(mustURL(t, url).address()); n < 55 || n > 62 {
				t.Errorf("%s: dialed %d times in an hour, want once a minute", url, n)
			}
		}
	})
}

// What was reached is remembered, and dialed by the next Keeper when its seeds
// have failed.
func TestKeeperCache(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		file := filepath.Join(t.TempDir(), "peers")
		b := newNode(t, testNetwork)
		w.serve("b:1", b)
		first := newNode(t, testNetwork)
		k := w.join(first, Config{Seeds: []string{"tcp://b:1"}, Cache: file})
		acceptConn(t, first)
		settle(time.Second)
		k.Close()
		first.Close()
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), " "+b.ID().String()+" tcp://b:1\n") {
			t.Fatalf("cache: %q, %v", text, err)
		}

		w.hole["dead:1"] = true
		second := newNode(t, testNetwork)
		before := w.count("b:1")
		w.join(second, Config{Seeds: []string{"tcp://dead:1"}, Cache: file})
		settle(socketTime - 1)
		if w.count("b:1") != before {
			t.Error("the cache was dialed before the seed had failed")
		}
		acceptConn(t, second)
	})
}

// Only the cache, or nothing at all.
func TestKeeperWithoutSeeds(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		b := newNode(t, testNetwork)
		w.serve("b:1", b)
		file := filepath.Join(t.TempDir(), "peers")
		text := formatCache([]entry{{time.Now().UTC().Truncate(time.Second), b.ID(), mustURL(t, "tcp://b:1")}})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		ex := newNode(t, testNetwork)
		w.join(ex, Config{Cache: file})
		acceptConn(t, ex)
		w.join(newNode(t, testNetwork), Config{})
		settle(time.Hour)
		if n := w.count("b:1"); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
	})
}

// Close, and the end of the exchange, end a Keeper in every phase. The bubble
// sees to it that nothing is left.
func TestKeeperEnds(t *testing.T) {
	for phase, wait := range map[string]time.Duration{"start": 0, "dial": time.Second, "backoff": socketTime + 500*time.Millisecond, "later": time.Hour} {
		for _, by := range []string{"Close", "exchange", "shutdown"} {
			t.Run(phase+"/"+by, func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					w := newWeb(t)
					w.hole["dead:1"] = true
					ex := newNode(t, testNetwork)
					k := w.join(ex, Config{Seeds: []string{"tcp://dead:1"}})
					time.Sleep(wait)
					began := time.Now()
					switch by {
					case "Close":
						k.Close()
						k.Close()
					case "exchange":
						ex.Close()
					case "shutdown":
						if err := ex.Shutdown(t.Context()); err != nil {
							t.Error(err)
						}
					}
					<-k.done
					if d := time.Since(began); d > 0 {
						t.Errorf("ended after %v", d)
					}
				})
			})
		}
	}
}

func TestJoinRefuses(t *testing.T) {
	ex := newNode(t, testNetwork)
	for want, cfg := range map[string]*Config{
		"write tcp://":               {Seeds: []string{"example.org"}},
		"no host to dial":            {Seeds: []string{"tcp://h:1", "tcp://:1"}},
		"must not be negative":       {MinBackoff: -1},
		"is below Config.MinBackoff": {MinBackoff: 2, MaxBackoff: 1},
	} {
		if _, err := Join(ex, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
	k, err := Join(ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
}

// A seed that was reached and lost is dialed until it is back, also by an
// exchange that has enough peers without it; one that was never needed is not.
func TestKeeperMissesLostSeed(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWeb(t)
		hub, other, ex := newNode(t, testNetwork), newNode(t, testNetwork), newNode(t, testNetwork)
		stop := w.serve("hub:1", hub)
		w.serve("other:1", other)
		w.join(ex, Config{Seeds: []string{"tcp://hub:1"}})
		settle(time.Minute)
		conn, err := w.dial(t.Context(), ex, URL{Scheme: "tcp", Host: "other", Port: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		stop()
		hub.Close()
		settle(10 * time.Minute)
		if n := ex.NumPeers(); n != 1 {
			t.Fatalf("%d peers without the hub, want 1", n)
		}
		if n := w.count("hub:1"); n < 10 || n > 60 {
			t.Errorf("the lost hub was dialed %d times in ten minutes", n)
		}
		w.serve("hub:1", newNode(t, testNetwork))
		settle(2 * time.Minute)
		if n := ex.NumPeers(); n != 2 {
			t.Errorf("%d peers after the hub's return, want 2", n)
		}
	})
}
