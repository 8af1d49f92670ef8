package mux_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// flood opens n streams and writes on each as much as the other side takes, for ever.
func flood(t *testing.T, from, to mux.Session, n int) {
	for range n {
		a, _ := open(t, from, to)
		go a.Write(make([]byte, 64<<20))
	}
}

// roundTrip checks that a stream between the two works.
func roundTrip(t *testing.T, from, to mux.Session) {
	t.Helper()
	a, b := open(t, from, to)
	defer a.Close()
	defer b.Close()
	a.Write([]byte("still"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "still" {
		t.Fatalf("got %q, %v", got, err)
	}
}

// A peer whose streams nobody reads fills what it was promised and not a byte more, and others are not held up.
func TestSessionBytes(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := memoryPair(t)
		flood(t, p.client, p.server, 40)
		synctest.Wait()
		st := p.server.Stats()
		if want := 40 * (mux.Window - len("\x04test")); st.Buffered != want {
			t.Errorf("buffered %d, want %d", st.Buffered, want)
		}
		if st.Promised != 40*mux.Window || st.Promised > mux.DefaultSessionBytes {
			t.Errorf("promised %d", st.Promised)
		}
		roundTrip(t, p.client, p.server)
		roundTrip(t, p.server, p.client)
		p.client.Close()
		p.server.Close()
	})
}

// slowPair is a pair over a link of 40 ms round trip.
func slowPair(t testing.TB, client, server *mux.Config) pair {
	a, b := memnet.PipeConfig{Delay: 20 * time.Millisecond, Buffer: 64 << 20}.Pipe()
	return connect(t, a, b, client, server)
}

// pump writes n bytes from a to b and returns how long it took until they were read.
func pump(t *testing.T, a, b mux.Stream, n int64) time.Duration {
	t.Helper()
	start := time.Now()
	go io.CopyN(a, zeros{}, n)
	if _, err := io.CopyN(io.Discard, b, n); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// With 40 ms a window of 256 KiB carries 6.5 MB/s, and one of 16 MiB 400 MB/s.
func TestWindowGrows(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := slowPair(t, nil, nil)
		a, b := open(t, p.client, p.server)
		pump(t, a, b, 64<<20)
		took := pump(t, a, b, 64<<20)
		if rate := 64 / took.Seconds(); rate < 200 {
			t.Errorf("%.0f MiB/s with the window grown", rate)
		}
		st := p.server.Stats()
		if st.Promised != mux.DefaultMaxStreamWindow {
			t.Errorf("window %d, want %d", st.Promised, mux.DefaultMaxStreamWindow)
		}
		if st.RTT != 40*time.Millisecond {
			t.Errorf("round trip %v", st.RTT)
		}
		c, d := open(t, p.client, p.server) // what is left to grow by is less than it asks for
		pump(t, c, d, 32<<20)
		if st := p.server.Stats(); st.Promised > mux.DefaultSessionBytes-126*mux.Window {
			t.Errorf("promised %d to two streams", st.Promised)
		}
		a.Close()
		b.Close()
		c.Close()
		d.Close()
		synctest.Wait()
		time.Sleep(time.Second)
		if st := p.server.Stats(); st.Promised != 0 || st.Buffered != 0 {
			t.Errorf("after Close: %+v", st)
		}
		p.client.Close()
		p.server.Close()
	})
}

// How many round trips of 40 ms it takes until a window has the 8 MiB that 200 MiB/s need. On a busy machine all takes
// longer than the line does: there the reader, when it has caught up, looks again only after a while.
func TestWindowGrowsInTime(t *testing.T) {
	const rtt = 40 * time.Millisecond
	for _, c := range []struct {
		rate int // of the line
		busy time.Duration
		most int // round trips
	}{
		{0, 0, 8},
		{400 << 20, 0, 8},
		{400 << 20, 10 * time.Millisecond, 10},
		{400 << 20, 25 * time.Millisecond, 12},
		{400 << 20, 60 * time.Millisecond, 12},
	} {
		bubble.Run(t, func(t *testing.T) {
			x, y := memnet.PipeConfig{Delay: rtt / 2, Rate: c.rate, Buffer: 64 << 20}.Pipe()
			p := connect(t, x, y, nil, nil)
			a, b := open(t, p.client, p.server)
			go io.Copy(a, zeros{})
			buf := make([]byte, 1<<20)
			for start := time.Now(); p.server.Stats().Promised < 8<<20; {
				if time.Since(start) > time.Duration(c.most)*rtt {
					t.Errorf("%+v: window of %d KiB after so many round trips", c, p.server.Stats().Promised>>10)
					break
				}
				if _, err := b.Read(buf); err != nil {
					t.Fatal(err)
				}
				if p.server.Stats().Buffered == 0 {
					time.Sleep(c.busy)
				}
			}
			p.client.Close()
			p.server.Close()
		})
	}
}

// On loopback a small window carries as much and stays in the cache.
func TestWindowNearby(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		x, y := memnet.PipeConfig{Delay: 200 * time.Microsecond, Buffer: 64 << 20}.Pipe()
		p := connect(t, x, y, nil, nil)
		a, b := open(t, p.client, p.server)
		pump(t, a, b, 16<<20)
		if st := p.server.Stats(); st.Promised != mux.Window {
			t.Errorf("window %d, want %d", st.Promised, mux.Window)
		}
		p.client.Close()
		p.server.Close()
	})
}

// A reader that takes its time is no reason for a larger window.
func TestWindowOfSlowReader(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := slowPair(t, nil, nil)
		a, b := open(t, p.client, p.server)
		go io.CopyN(a, zeros{}, 8<<20)
		buf := make([]byte, 64<<10)
		for n := 0; n < 8<<20; {
			m, err := b.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			n += m
			time.Sleep(time.Duration(m) * time.Second / (1 << 20)) // 1 MiB/s
		}
		if st := p.server.Stats(); st.Promised != mux.Window {
			t.Errorf("window %d, want %d", st.Promised, mux.Window)
		}
		p.client.Close()
		p.server.Close()
	})
}

// Sessions have one budget; none takes more than it leaves, nor grows into what is kept for new streams; all comes back.
func TestBudget(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const limit = 8 << 20
		budget := mux.NewBudget(limit, 0)
		cfg := &mux.Config{Budget: budget}
		one, two := slowPair(t, nil, cfg), slowPair(t, nil, cfg)
		a, b := open(t, one.client, one.server)
		c, d := open(t, two.client, two.server)
		pump(t, a, b, 64<<20)
		pump(t, c, d, 64<<20)
		go a.Write(make([]byte, 64<<20))
		go c.Write(make([]byte, 64<<20))
		time.Sleep(time.Minute)
		// Three of the six MiB that windows may grow into, and half of the other three.
		if used := budget.Used(); used > limit*9/16 || used < limit/2 {
			t.Errorf("used %d of %d", used, limit)
		}
		if held := one.server.Stats().Buffered + two.server.Stats().Buffered; held > limit*9/16 || held < limit/3 {
			t.Errorf("buffered %d", held)
		}
		refuses := func(p pair) {
			t.Helper()
			refused, err := p.client.Open(t.Context(), "one too many")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := refused.Read(make([]byte, 1)); err != mux.ErrReset {
				t.Errorf("stream beyond the budget: %v", err)
			}
			_, err = p.server.Open(t.Context(), "of our own")
			var over *mux.LimitError
			if !errors.As(err, &over) || over.Limit != mux.LimitBudgetBytes || over.Value <= over.Max {
				t.Errorf("open beyond the budget: %v", err)
			}
		}
		open(t, one.client, one.server)
		refuses(one)
		// Of what these two leave, a third session has half.
		three := slowPair(t, nil, cfg)
		left := budget.Limit() - budget.Used()
		for range left / 2 / mux.Window {
			open(t, three.client, three.server)
		}
		refuses(three)
		three.client.Close()
		three.server.Close()
		for _, p := range []pair{one, two} {
			p.client.Close()
			p.server.Close()
		}
		if used := budget.Used(); used != 0 {
			t.Errorf("%d left", used)
		}
	})
}

// Open waits for the limits that the peer has too, so that it never meets them.
func TestOpenWaits(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := memoryPair(t)
		var ends []mux.Stream
		for range mux.DefaultMaxStreams {
			a, b := open(t, p.client, p.server)
			ends = append(ends, a, b)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
		defer cancel()
		if _, err := p.client.Open(ctx, "waits"); err == nil || err.Error() != "enough" {
			t.Fatalf("got %v", err)
		}
		opened := make(chan error)
		go func() {
			_, err := p.client.Open(context.Background(), "waits")
			opened <- err
		}()
		synctest.Wait()
		ends[0].Close()
		ends[1].Close()
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := p.client.Open(context.Background(), "waits")
			opened <- err
		}()
		synctest.Wait()
		p.client.Close()
		if err := <-opened; err == nil {
			t.Fatal("opened on a closed session")
		}
		p.server.Close()
	})
}

// More streams a second than the peer allows are not opened, and none is reset.
func TestOpenRate(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := memoryPair(t)
		start := time.Now()
		const count = 1000
		for range count {
			roundTrip(t, p.client, p.server)
		}
		// All above half of the burst go at 100 a second.
		if took := time.Since(start); took < 8900*time.Millisecond || took > 9100*time.Millisecond {
			t.Errorf("took %v", took)
		}
		p.client.Close()
		p.server.Close()
	})
}

func TestConfig(t *testing.T) {
	a, b := memnet.Pipe()
	defer a.Close()
	defer b.Close()
	for field, cfg := range map[string]mux.Config{
		"MaxStreams":       {MaxStreams: -1},
		"MaxStreamWindow":  {MaxStreamWindow: mux.Window - 1},
		"SessionBytes":     {SessionBytes: 128*mux.Window - 1},
		"StreamsPerSecond": {StreamsPerSecond: -1},
		"StreamBurst":      {StreamBurst: 1},
		"NameTimeout":      {NameTimeout: -1},
	} {
		_, err := mux.Client(a, &cfg)
		if want := "mux: Config." + field; err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if _, err := a.Write([]byte("x")); err != nil {
		t.Errorf("the carrier was touched: %v", err)
	}
}

// Streams that are opened and reset while the peer is silent leave room: the library hears of their end from a ping.
func TestOpenAndResetAtQuietPeer(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a, b := memnet.PipeConfig{Buffer: 1 << 20}.Pipe()
		s, err := mux.Client(a, nil)
		if err != nil {
			t.Fatal(err)
		}
		peer := &rawPeer{t, b}
		var answer atomic.Bool
		answer.Store(true)
		go func() {
			for {
				g, err := peer.next()
				if err != nil {
					return
				}
				if g.kind == ping && g.flags == syn && answer.Load() {
					peer.send(frame(ping, ack, 0, g.length))
				}
			}
		}()
		cycle := func(ctx context.Context, n int) error {
			for range n {
				st, err := s.Open(ctx, "x")
				if err != nil {
					return err
				}
				st.Reset()
			}
			return nil
		}
		start := time.Now()
		if err := cycle(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 9100*time.Millisecond {
			t.Errorf("took %v, the rate alone takes 9 s", took)
		}
		answer.Store(false) // a dead peer: Open waits, and heeds its context
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := cycle(ctx, 1000); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		s.Close()
		b.Close()
	})
}

// What a stream was promised comes back also when it ends in the middle of a frame.
func TestBudgetAfterHalfAFrame(t *testing.T) {
	for what, end := range map[string]func(mux.Session, mux.Stream, *rawPeer){
		"reset":         func(_ mux.Session, st mux.Stream, _ *rawPeer) { st.Reset() },
		"close":         func(_ mux.Session, st mux.Stream, _ *rawPeer) { st.Close() },
		"session close": func(s mux.Session, _ mux.Stream, _ *rawPeer) { s.Close() },
		"carrier":       func(_ mux.Session, _ mux.Stream, peer *rawPeer) { peer.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				budget := mux.NewBudget(10<<20, 0)
				s, peer := serveRaw(t, &mux.Config{Budget: budget})
				peer.send(opening(1), frame(data, 0, 1, 1000, make([]byte, 500)...))
				st, err := s.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				end(s, st, peer)
				synctest.Wait()
				peer.send(make([]byte, 500))
				synctest.Wait()
				if what == "close" {
					peer.send(frame(window, fin, 1, 0))
					synctest.Wait()
				}
				st.Close()
				if used, now := budget.Used(), s.Stats(); used != 0 || now.Promised != 0 || now.Buffered != 0 || now.Streams != 0 {
					t.Errorf("%d used, %+v", used, now)
				}
			})
		})
	}
}

// So does what streams were promised whose names had not all arrived when the carrier broke.
func TestBudgetOfNamelessStreams(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		budget := mux.NewBudget(10<<20, 0)
		s, peer := serveRaw(t, &mux.Config{Budget: budget})
		peer.send(dataFrame(syn, 1, []byte("\xffhalf")), frame(window, syn, 3, 0), frame(data, syn, 5, 100, []byte("\xffhalf a frame")...))
		synctest.Wait()
		if used := budget.Used(); used != 3*mux.Window {
			t.Fatalf("%d used by three streams", used)
		}
		peer.Close()
		s.Release()
		if used, now := budget.Used(), s.Stats(); used != 0 || now.Promised != 0 || now.Buffered != 0 || now.Streams != 0 {
			t.Errorf("%d used, %+v", used, now)
		}
	})
}

// A burst of streams above the rate is refused in part; that alone ends no session.
func TestStreamRate(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, peer := serveRaw(t, &mux.Config{StreamBurst: 2, StreamsPerSecond: 1})
		peer.send(opening(1), opening(3), opening(5))
		peer.expect(window, rst, 5)
		for range 2 {
			if _, err := s.Accept(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Streams that arrive together wake as many who accept.
func TestConcurrentAccept(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, peer := serveRaw(t, nil)
		accepted := make(chan error)
		const count = 5
		for range count {
			go func() { _, err := s.Accept(t.Context()); accepted <- err }()
		}
		synctest.Wait()
		var all []byte
		for i := range uint32(count) {
			all = append(all, opening(2*i+1)...)
		}
		peer.send(all)
		for range count {
			if err := <-accepted; err != nil {
				t.Error(err)
			}
		}
	})
}
