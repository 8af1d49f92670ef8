package mux_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// inMultiplexBubble runs f with a session and its raw peer in virtual time.
func inMultiplexBubble(t *testing.T, cfg *mux.Config, f func(t *testing.T, s mux.Session, peer *rawPeer)) {
	bubble.Run(t, func(t *testing.T) {
		s, peer := multiplexRaw(t, cfg)
		f(t, s, peer)
		peer.Close()
		s.Close()
		if st := s.Stats(); st.Promised != 0 || st.Buffered != 0 || st.Streams != 0 {
			t.Errorf("left: %+v", st)
		}
	})
}

// mustBreak fails unless the session has ended because of that limit.
func mustBreak(t *testing.T, s mux.Session, limit string) *mux.LimitError {
	t.Helper()
	<-s.Done()
	var e *mux.LimitError
	if err := s.Err(); !errors.As(err, &e) || e.Limit != limit {
		t.Fatalf("got %v, want limit %q", err, limit)
	}
	return e
}

func TestMultiplexFrameLimits(t *testing.T) {
	endless := strings.Repeat("\x80", 10)
	for name, test := range map[string]struct {
		frame string
		limit string
		value int64
	}{
		"header's varint": {endless, mux.LimitVarintBytes, 11},
		"length's varint": {"\x02" + endless, mux.LimitVarintBytes, 11},
		"data":            {"\x02\x81\x80\x80\x80\x04", mux.LimitFrameBytes, 1<<30 + 1},
		"data, unknown":   {"\x7a\x81\x80\x80\x80\x04", mux.LimitFrameBytes, 1<<30 + 1},
		"type 7":          {"\x07\x81\x80\x80\x80\x04", mux.LimitFrameBytes, 1<<30 + 1},
		"beyond 64 bits":  {"\x02" + strings.Repeat("\x80", 9) + "\x02", mux.LimitFrameBytes, 1<<63 - 1},
		"name":            {"\x08\x81\x80\x04", mux.LimitTextBytes, 1<<16 + 1},
		"end":             {"\x04\x81\x80\x04", mux.LimitTextBytes, 1<<16 + 1},
		"destroy":         {"\x06\x81\x80\x04", mux.LimitTextBytes, 1<<16 + 1},
		"destroy of ours": {"\x05\x81\x80\x04", mux.LimitTextBytes, 1<<16 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, peer := multiplexRaw(t, nil)
			st := mustOpen(t, s, "x")
			peer.send(m(0, mOpen, "x"), []byte(test.frame))
			if e := mustBreak(t, s, test.limit); e.Value != test.value || e.Max >= e.Value {
				t.Errorf("got %v", e)
			}
			if _, err := st.Read(make([]byte, 1)); !errors.As(err, new(*mux.LimitError)) {
				t.Errorf("read: %v", err)
			}
			if _, err := s.Open(t.Context(), "y"); !errors.As(err, new(*mux.LimitError)) {
				t.Errorf("open: %v", err)
			}
			if _, err := s.Accept(t.Context()); !errors.As(err, new(*mux.LimitError)) {
				t.Errorf("accept: %v", err)
			}
		})
	}
}

// A frame just within the limit is read as it comes; nothing is set aside for all of it.
func TestMultiplexLargeFrame(t *testing.T) {
	inMultiplexBubble(t, nil, func(t *testing.T, s mux.Session, peer *rawPeer) {
		st := mustOpen(t, s, "x")
		peer.send(m(0, mOpen, "x"), []byte("\x02\x80\x80\x80\x80\x04"), make([]byte, 1<<20))
		time.Sleep(time.Second) // it grows bit by bit
		if st := s.Stats(); st.Buffered != 1<<20 || st.Promised > 2<<20 {
			t.Errorf("%+v", st)
		}
		if n, err := io.ReadFull(st, make([]byte, 1<<20)); err != nil {
			t.Errorf("read %d, %v", n, err)
		}
		if st := s.Stats(); st.Buffered != 0 || st.Promised != mux.Window {
			t.Errorf("%+v", st)
		}
		peer.Close()
		<-s.Done()
		if !errors.Is(s.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("got %v", s.Err())
		}
	})
}

// What the peer opens before us waits for us for ten seconds, in order.
func TestMultiplexUnclaimed(t *testing.T) {
	inMultiplexBubble(t, nil, func(t *testing.T, s mux.Session, peer *rawPeer) {
		peer.send(m(0, mOpen, "x"), m(0, mData, "first"), m(0, mEnd, ""), m(1, mOpen, "x"), m(1, mData, "second"),
			m(2, mOpen, "gone"), m(2, mData, "lost"), m(2, mDestroy, ""), m(3, mOpen, "late"), m(3, mData, "lost"))
		time.Sleep(9999 * time.Millisecond)
		first := mustOpen(t, s, "x")
		mustReadText(t, first, "first")
		mustReadErr(t, first, io.EOF)
		first.Close()
		second := mustOpen(t, s, "x")
		mustReadErr(t, mustOpen(t, s, "gone"), mux.ErrReset)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n := s.Stats().Streams; n != 1 {
			t.Errorf("%d streams left", n)
		}
		late := mustOpen(t, s, "late")
		peer.send(m(3, mData, "lost too"), m(4, mOpen, "late"), m(4, mData, "new"), m(1, mData, ", goes on"))
		mustReadText(t, second, "second, goes on")
		mustReadText(t, late, "new")
		peer.mustSay(s, m(0, mEndBack, ""), m(0, mOpen, "x"), m(0, mEnd, ""), m(2, mOpen, "gone"), m(2, mEnd, ""))
	})
}

// As many as MaxStreams wait. More are dropped, with their data, and harm nothing.
func TestMultiplexTooManyUnclaimed(t *testing.T) {
	inMultiplexBubble(t, &mux.Config{MaxStreams: 3}, func(t *testing.T, s mux.Session, peer *rawPeer) {
		st := mustOpen(t, s, "x")
		for i := range int32(10) {
			peer.send(m(i, mOpen, fmt.Sprint("n", i)), m(i, mData, "data"))
		}
		peer.send(m(20, mOpen, "x"), m(20, mData, "expected"))
		mustReadText(t, st, "expected")
		if st := s.Stats(); st.Streams != 4 || st.Promised != 2*mux.Window || st.Buffered != 3*4 {
			t.Errorf("%+v", st)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if st := s.Stats(); st.Streams != 1 || st.Promised != mux.Window || st.Buffered != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// However many streams a session may have, few wait, and all of them share one window, the budget's too.
func TestMultiplexLobby(t *testing.T) {
	budget := mux.NewBudget(6*mux.Window, 0)
	inMultiplexBubble(t, &mux.Config{Budget: budget}, func(t *testing.T, s mux.Session, peer *rawPeer) {
		st := mustOpen(t, s, "x")
		peer.send(m(99, mOpen, "x"))
		for i := range int32(60) {
			peer.send(m(i, mOpen, fmt.Sprint("n", i)))
		}
		for i := range int32(9) {
			peer.send(m(i, mData, strings.Repeat("d", 32<<10)))
		}
		peer.send(m(20, mData, "dropped"), m(99, mData, "behind"))
		time.Sleep(5 * time.Second)
		if st := s.Stats(); st.Streams != 17 || st.Buffered != mux.Window || st.Promised != 2*mux.Window || budget.Used() != 2*mux.Window {
			t.Errorf("%+v, %d of the budget", st, budget.Used())
		}
		// What one frees the others may have. The ninth had waited for it.
		if _, err := mustOpen(t, s, "n3").Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if st := s.Stats(); st.Buffered != 9*32<<10-1+len("behind") || budget.Used() != 3*mux.Window {
			t.Errorf("%+v, %d of the budget", st, budget.Used())
		}
		var e *mux.LimitError
		if _, err := s.Open(t.Context(), "n4"); !errors.As(err, &e) || e.Limit != mux.LimitBudgetBytes {
			t.Errorf("claimed without room: %v", err)
		}
		mustReadText(t, st, "behind")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if st := s.Stats(); st.Streams != 2 || st.Promised != 2*mux.Window {
			t.Errorf("%+v", st)
		}
	})
	if budget.Used() != 0 {
		t.Errorf("%d of the budget left", budget.Used())
	}
}

// What is opened under a name that nobody will open here is dropped with its data.
func TestMultiplexExpect(t *testing.T) {
	cfg := &mux.Config{Expect: func(name string) bool { return name == "late" }}
	inMultiplexBubble(t, cfg, func(t *testing.T, s mux.Session, peer *rawPeer) {
		st := mustOpen(t, s, "x") // what is open needs no leave
		peer.send(m(0, mOpen, "other"), m(0, mData, strings.Repeat("o", 1<<20)), m(1, mOpen, "late"), m(1, mData, "kept"),
			m(2, mOpen, "x"), m(2, mData, "goes on"))
		mustReadText(t, st, "goes on")
		if st := s.Stats(); st.Streams != 2 || st.Buffered != 4 {
			t.Errorf("%+v", st)
		}
		mustReadText(t, mustOpen(t, s, "late"), "kept")
	})
}

// A stream that nobody claims stops the carrier when it is full, but not for longer than it lives.
func TestMultiplexUnclaimedFull(t *testing.T) {
	for _, claim := range []bool{true, false} {
		inMultiplexBubble(t, &mux.Config{UnreadTimeout: time.Second}, func(t *testing.T, s mux.Session, peer *rawPeer) {
			st := mustOpen(t, s, "x")
			size := mux.Window + 1000
			peer.send(m(0, mOpen, "x"), m(1, mOpen, "unclaimed"), m(1, mData, strings.Repeat("u", size)), m(0, mData, "behind"))
			time.Sleep(9 * time.Second)
			if st := s.Stats(); st.Buffered != mux.Window {
				t.Errorf("%d bytes buffered", st.Buffered)
			}
			start := time.Now()
			if claim {
				mustReadText(t, mustOpen(t, s, "unclaimed"), strings.Repeat("u", size))
			}
			mustReadText(t, st, "behind")
			if took := time.Since(start); claim && took != 0 || !claim && took != time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A claimed stream that is full is given the application's time from then on.
func TestMultiplexClaimedWhenFull(t *testing.T) {
	inMultiplexBubble(t, &mux.Config{UnreadTimeout: 3 * time.Second, UnreadBytes: mux.Window}, func(t *testing.T, s mux.Session, peer *rawPeer) {
		peer.send(m(1, mOpen, "unclaimed"), m(1, mData, strings.Repeat("u", mux.Window+1)))
		time.Sleep(5 * time.Second)
		mustOpen(t, s, "unclaimed")
		start := time.Now()
		mustBreak(t, s, mux.LimitUnreadBytes)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestMultiplexOpenRate(t *testing.T) {
	inMultiplexBubble(t, &mux.Config{StreamBurst: 10, StreamsPerSecond: 1}, func(t *testing.T, s mux.Session, peer *rawPeer) {
		for i := range int32(20) {
			peer.send(m(i, mOpen, fmt.Sprint(i)))
		}
		synctest.Wait()
		if n := s.Stats().Streams; n != 10 || s.Err() != nil {
			t.Fatalf("%d streams, %v", n, s.Err())
		}
		peer.send(m(0, mOpen, "again"))
		mustBreak(t, s, mux.LimitStreamRate)
	})
}

// Our own opens keep to half of the burst, and to MaxStreams.
func TestMultiplexOpenWaits(t *testing.T) {
	inMultiplexBubble(t, &mux.Config{StreamBurst: 4, StreamsPerSecond: 1, MaxStreams: 3}, func(t *testing.T, s mux.Session, peer *rawPeer) {
		start := time.Now()
		mustOpen(t, s, "a")
		mustOpen(t, s, "b")
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
		c := mustOpen(t, s, "c")
		if took := time.Since(start).Round(time.Millisecond); took != time.Second {
			t.Errorf("took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Open(ctx, "d"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		opened := make(chan error)
		go func() { _, err := s.Open(t.Context(), "d"); opened <- err }()
		synctest.Wait()
		peer.send(m(0, mOpen, "c"), m(0, mEnd, ""))
		c.Close()
		if err := <-opened; err != nil {
			t.Error(err)
		}
	})
}

func TestMultiplexBudget(t *testing.T) {
	budget := mux.NewBudget(8*mux.Window, 0)
	inMultiplexBubble(t, &mux.Config{Budget: budget}, func(t *testing.T, s mux.Session, peer *rawPeer) {
		st := mustOpen(t, s, "x")
		peer.send(m(0, mOpen, "x"), m(0, mData, strings.Repeat("u", 8*mux.Window)))
		time.Sleep(time.Second) // it grows bit by bit
		if st := s.Stats(); st.Buffered != 3*mux.Window || budget.Used() != 3*mux.Window {
			t.Errorf("%+v, %d of the budget", st, budget.Used())
		}
		mustOpen(t, s, "y")
		var e *mux.LimitError
		if _, err := s.Open(t.Context(), "z"); !errors.As(err, &e) || e.Limit != mux.LimitBudgetBytes {
			t.Errorf("got %v", err)
		}
		mustReadText(t, st, strings.Repeat("u", 8*mux.Window))
		if budget.Used() != 2*mux.Window {
			t.Errorf("%d of the budget", budget.Used())
		}
		peer.send(m(1, mOpen, "1"), m(2, mOpen, "2"), m(3, mOpen, "3"))
		synctest.Wait()
		if budget.Used() != 3*mux.Window || s.Stats().Streams != 5 {
			t.Errorf("%d of the budget, %+v", budget.Used(), s.Stats())
		}
	})
	if budget.Used() != 0 {
		t.Errorf("%d of the budget left", budget.Used())
	}
}

// Nobody reads: up to UnreadBytes are kept, then the carrier is not read and others wait, then the session ends.
func TestMultiplexUnread(t *testing.T) {
	inMultiplexBubble(t, nil, func(t *testing.T, s mux.Session, peer *rawPeer) {
		slow, other := mustOpen(t, s, "slow"), mustOpen(t, s, "other")
		peer.send(m(0, mOpen, "slow"), m(1, mOpen, "other"), m(0, mData, strings.Repeat("s", mux.DefaultUnreadBytes)), m(1, mData, "one"))
		mustReadText(t, other, "one") // it is full and nothing waits for it
		time.Sleep(time.Hour)
		start := time.Now()
		peer.send(m(0, mData, "s"), m(1, mData, "two"))
		other.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := other.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("other: %v", err)
		}
		if st := s.Stats(); st.Buffered != mux.DefaultUnreadBytes || st.Promised != st.Buffered+mux.Window {
			t.Errorf("%+v", st)
		}
		other.SetReadDeadline(time.Time{})
		slow.Read(make([]byte, 1)) // somebody reads after all: the time begins anew, and there is not yet room worth a Read
		e := mustBreak(t, s, mux.LimitUnreadBytes)
		if took := time.Since(start); took != 40*time.Second || e.Value != mux.DefaultUnreadBytes-1 {
			t.Errorf("took %v, %v", took, e)
		}
		if _, err := other.Read(make([]byte, 1)); !errors.As(err, &e) {
			t.Errorf("other: %v", err)
		}
		mustReadText(t, slow, strings.Repeat("s", mux.DefaultUnreadBytes-1)) // what had arrived is still there
	})
}

// A slow reader is no reason to end the session, and closing the stream lets the others go on.
func TestMultiplexSlowReader(t *testing.T) {
	for _, closes := range []bool{true, false} {
		inMultiplexBubble(t, &mux.Config{UnreadBytes: mux.Window}, func(t *testing.T, s mux.Session, peer *rawPeer) {
			slow, other := mustOpen(t, s, "slow"), mustOpen(t, s, "other")
			peer.send(m(0, mOpen, "slow"), m(1, mOpen, "other"), m(0, mData, strings.Repeat("s", 1<<20)), m(1, mData, "one"))
			if closes {
				time.Sleep(29 * time.Second)
				slow.Close()
				mustReadText(t, other, "one")
				return
			}
			for range 1 << 20 / 4096 {
				time.Sleep(29 * time.Second)
				mustReadText(t, slow, strings.Repeat("s", 4096))
			}
			mustReadText(t, other, "one")
		})
	}
}

// SessionBytes bounds all streams together.
func TestMultiplexSessionBytes(t *testing.T) {
	cfg := &mux.Config{MaxStreams: 2, SessionBytes: 6 * mux.Window}
	inMultiplexBubble(t, cfg, func(t *testing.T, s mux.Session, peer *rawPeer) {
		a, b := mustOpen(t, s, "a"), mustOpen(t, s, "b")
		peer.send(m(0, mOpen, "a"), m(1, mOpen, "b"), m(0, mData, strings.Repeat("a", 2*mux.Window)),
			m(1, mData, strings.Repeat("b", 5*mux.Window)))
		time.Sleep(time.Second) // it grows bit by bit
		if st := s.Stats(); st.Buffered != 4*mux.Window || st.Promised != st.Buffered {
			t.Errorf("%+v", st)
		}
		mustReadText(t, a, strings.Repeat("a", 2*mux.Window))
		mustReadText(t, b, strings.Repeat("b", 5*mux.Window))
	})
}

// Data for streams that are closed, or never were, is thrown away and counts for nothing.
func TestMultiplexDeadChannels(t *testing.T) {
	s, peer := multiplexRaw(t, nil)
	closed, st := mustOpen(t, s, "closed"), mustOpen(t, s, "x")
	closed.Close()
	peer.send(m(0, mOpen, "closed"), m(1, mOpen, "x"))
	piece := strings.Repeat("d", 1<<20)
	for range 20 {
		peer.send(m(0, mData, piece), m(2, mData, piece), m(-2, mData, piece), m(0, mDataBack, piece))
	}
	peer.send(m(1, mData, "lives"))
	mustReadText(t, st, "lives")
	if st := s.Stats(); st.Buffered != 0 || st.Promised != mux.Window || st.Streams != 2 {
		t.Errorf("%+v", st)
	}
	peer.mustSay(s, m(0, mOpen, "closed"), m(0, mEnd, ""))
}

// Storms of frames that end streams end those streams, and make us say nothing more than one end each.
func TestMultiplexDestroyStorm(t *testing.T) {
	s, peer := multiplexRaw(t, nil)
	a, b, st := mustOpen(t, s, "a"), mustOpen(t, s, "b"), mustOpen(t, s, "x")
	var storm []byte
	for i := range int32(100) {
		for kind := mEndBack; kind <= mDestroy; kind++ {
			storm = append(storm, m(i%7, kind, strings.Repeat("t", int(i)))...)
		}
	}
	peer.send(m(0, mOpen, "a"), m(1, mOpen, "b"), m(7, mOpen, "x"), m(0, mDestroy, ""), m(1, mDestroy, ""))
	for range 100 {
		peer.send(storm)
	}
	peer.send(m(7, mData, "lives"))
	mustReadText(t, st, "lives")
	mustReadErr(t, a, mux.ErrReset)
	mustReadErr(t, b, mux.ErrReset)
	peer.mustSay(s, m(0, mOpen, "a"), m(0, mEnd, ""), m(1, mOpen, "b"), m(1, mEnd, ""))
}

func TestMultiplexConfig(t *testing.T) {
	for field, cfg := range map[string]mux.Config{
		"UnreadBytes":   {UnreadBytes: mux.Window - 1},
		"UnreadTimeout": {UnreadTimeout: -1},
		"MaxStreams":    {MaxStreams: -1},
	} {
		a, b := memnet.Pipe()
		if _, err := mux.Multiplex(a, &cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
		a.Close()
		b.Close()
	}
}

// Who is on probation gets little, and takes nothing from the budget.
func TestMultiplexProbation(t *testing.T) {
	budget := mux.NewBudget(8*mux.Window, 0)
	cfg := &mux.Config{Probation: 2, Budget: budget}
	inMultiplexBubble(t, cfg, func(t *testing.T, s mux.Session, peer *rawPeer) {
		hello := mustOpen(t, s, "pxp")
		peer.send(m(0, mOpen, "pxp"), m(0, mData, "hello"), m(1, mOpen, "1"), m(2, mOpen, "2"), m(3, mOpen, "3"))
		mustReadText(t, hello, "hello")
		synctest.Wait()
		if st := s.Stats(); st.Streams != 3 || budget.Used() != 0 {
			t.Errorf("%+v, %d of the budget", st, budget.Used())
		}
		mustOpen(t, s, "closed").Close() // promises nothing any more
		s.Admit()
		s.Admit()
		if budget.Used() != 2*mux.Window {
			t.Errorf("%d of the budget", budget.Used())
		}
		peer.send(m(3, mOpen, "3"), m(0, mData, strings.Repeat("d", 2*mux.Window)))
		time.Sleep(time.Second)
		if st := s.Stats(); st.Buffered != 2*mux.Window || budget.Used() != 3*mux.Window {
			t.Errorf("%+v, %d of the budget", st, budget.Used())
		}
	})
	if budget.Used() != 0 {
		t.Errorf("%d of the budget left", budget.Used())
	}
	inMultiplexBubble(t, cfg, func(t *testing.T, s mux.Session, peer *rawPeer) {
		mustOpen(t, s, "pxp")
		peer.send(m(0, mOpen, "pxp"), m(1, mOpen, "1"), m(0, mData, strings.Repeat("d", 40<<10)), m(1, mData, strings.Repeat("d", 24<<10)))
		synctest.Wait()
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		peer.send(m(0, mData, "d"))
		mustBreak(t, s, mux.LimitProbationBytes)
	})
	if budget.Used() != 0 {
		t.Errorf("%d of the budget left", budget.Used())
	}
}
