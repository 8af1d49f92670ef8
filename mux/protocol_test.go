package mux_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
)

// What a peer must not send ends the session, with an error that says why and a last word to the peer.
func TestViolation(t *testing.T) {
	many := func(n int, f func(i uint32) []byte) (frames [][]byte) {
		for i := range n {
			frames = append(frames, f(uint32(i)))
		}
		return frames
	}
	full := make([]byte, mux.MaxFrameBytes)
	tests := map[string]struct {
		frames [][]byte
		want   string // a limit, or part of a problem
	}{
		"version":                 {[][]byte{{1, data, 0, syn, 0, 0, 0, 1, 0, 0, 0, 0}}, "version"},
		"type":                    {[][]byte{frame(4, 0, 0, 0)}, "unknown type"},
		"flag":                    {[][]byte{frame(window, 16|syn, 1, 0)}, "unknown flag"},
		"giant frame":             {[][]byte{opening(1), frame(data, 0, 1, mux.MaxFrameBytes+1)}, mux.LimitFrameBytes},
		"giant frame, no stream":  {[][]byte{frame(data, 0, 1, 1<<32-1)}, mux.LimitFrameBytes},
		"id of our side":          {[][]byte{frame(window, syn, 2, 0)}, "not the peer's"},
		"id zero":                 {[][]byte{frame(window, syn, 0, 0)}, "not the peer's"},
		"duplicate SYN":           {[][]byte{opening(1), opening(1)}, "grow"},
		"ids go back":             {[][]byte{opening(3), opening(1)}, "grow"},
		"SYN with ACK":            {[][]byte{frame(window, syn|ack, 1, 0)}, "SYN with ACK"},
		"data without SYN":        {[][]byte{dataFrame(0, 1, []byte("x"))}, "no such stream"},
		"data on id zero":         {[][]byte{dataFrame(0, 0, []byte("x"))}, "no such stream"},
		"window of ours unopened": {[][]byte{frame(window, 0, 2, 1)}, "no such stream"},
		"ACK of its own stream":   {[][]byte{opening(1), frame(window, ack, 1, 0)}, "unexpected ACK"},
		"data after FIN":          {[][]byte{opening(1), frame(window, fin, 1, 0), dataFrame(0, 1, []byte("x"))}, "after FIN"},
		"FIN after FIN":           {[][]byte{opening(1), frame(window, fin, 1, 0), frame(window, fin, 1, 0)}, "after FIN"},
		"data after RST": {[][]byte{opening(1), frame(window, rst, 1, 0), dataFrame(0, 1, full), dataFrame(0, 1, full),
			dataFrame(0, 1, full), dataFrame(0, 1, full)}, mux.LimitResetBytes},
		"window exceeded": {slices.Concat([][]byte{opening(1)}, many(4, func(uint32) []byte { return dataFrame(0, 1, full) })), mux.LimitStreamWindow},
		"window exceeded by one": {slices.Concat([][]byte{opening(1)}, many(3, func(uint32) []byte { return dataFrame(0, 1, full) }),
			[][]byte{dataFrame(0, 1, full[:len(full)-2+1])}), mux.LimitStreamWindow},
		"window overflow":      {[][]byte{opening(1), frame(window, 0, 1, 1<<32-1)}, "overflows"},
		"pings":                {many(300, func(i uint32) []byte { return frame(ping, syn, 0, i) }), mux.LimitPings},
		"answers to no ping":   {many(300, func(i uint32) []byte { return frame(ping, ack, 0, i) }), mux.LimitPings},
		"ping of a stream":     {[][]byte{frame(ping, syn, 1, 0)}, "ping with a stream"},
		"ping without a flag":  {[][]byte{frame(ping, 0, 0, 0)}, "SYN or ACK"},
		"streams":              {many(1000, func(i uint32) []byte { return opening(2*i + 1) }), mux.LimitStreamRate},
		"streams and resets":   {many(1000, func(i uint32) []byte { return frame(window, syn|rst, 2*i+1, 0) }), mux.LimitStreamRate},
		"go away, flags":       {[][]byte{frame(goAway, syn, 0, 0)}, "go away with"},
		"go away, unknown":     {[][]byte{frame(goAway, 0, 0, 3)}, "unknown code"},
		"half of a header":     {[][]byte{{0, 0, 0}, nil}, io.ErrUnexpectedEOF.Error()},
		"half of a data frame": {[][]byte{opening(1), frame(data, 0, 1, 5, 'x'), nil}, io.ErrUnexpectedEOF.Error()},
		"protocol error":       {[][]byte{frame(goAway, 0, 0, 1)}, "protocol error"},
		"internal error":       {[][]byte{frame(goAway, 0, 0, 2)}, "internal error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, peer := serveRaw(t, nil)
			for _, f := range test.frames {
				if f == nil {
					peer.Conn.(*memnet.Conn).CloseWrite()
				}
				peer.send(f)
			}
			<-s.Done()
			err := s.Err()
			var limit *mux.LimitError
			var protocol *mux.ProtocolError
			var remote *mux.RemoteError
			switch {
			case errors.As(err, &limit):
				if limit.Limit != test.want || limit.Value <= limit.Max {
					t.Errorf("got %v", err)
				}
				peer.expect(goAway, 0, 0)
			case errors.As(err, &protocol):
				if !strings.Contains(protocol.Problem, test.want) {
					t.Errorf("got %v", err)
				}
				if g := peer.expect(goAway, 0, 0); g.length != 1 {
					t.Errorf("go away %d, want 1", g.length)
				}
			case errors.As(err, &remote) || errors.Is(err, io.ErrUnexpectedEOF):
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v", err)
				}
			default:
				t.Errorf("got %v", err)
			}
			if _, err := io.Copy(io.Discard, peer); err != nil {
				t.Errorf("the carrier was not closed: %v", err)
			}
		})
	}
}

// The bytes that a session sends for each thing that it can say.
func TestWire(t *testing.T) {
	a, b := memnet.PipeConfig{Buffer: 1 << 20}.Pipe()
	s, err := mux.Client(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	peer := &rawPeer{t, b}
	read := func(want ...[]byte) {
		t.Helper()
		all := bytes.Join(want, nil)
		got := make([]byte, len(all))
		if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, all) {
			t.Fatalf("got  %x %v\nwant %x", got, err, all)
		}
	}
	one, err := s.Open(t.Context(), "héllo")
	if err != nil {
		t.Fatal(err)
	}
	one.Write([]byte("data"))
	read(frame(window, syn, 1, 0), dataFrame(0, 1, []byte("\x06héllo")), dataFrame(0, 1, []byte("data")))
	one.CloseWrite()
	read(frame(window, fin, 1, 0))
	two, err := s.Open(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	two.Close()
	read(frame(window, syn, 3, 0), dataFrame(0, 3, []byte("\x01b")), frame(window, fin, 3, 0))
	one.Reset()
	read(frame(window, rst, 1, 0))
	peer.send(frame(ping, syn, 0, 0x01020304))
	read(frame(ping, ack, 0, 0x01020304))
	peer.send(opening(2))
	three, err := s.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	three.Write([]byte("x"))
	g := peer.expect(window, ack, 2)
	if g.length != 0 {
		t.Fatalf("ACK with %v", g)
	}
	peer.expect(data, 0, 2)
	peer.send(frame(ping, ack, 0, 1)) // the first round trip
	go s.Close()
	peer.expect(goAway, 0, 0)
	if _, err := peer.next(); err != io.EOF {
		t.Fatalf("after go away: %v", err)
	}
}

// A stream that we closed takes nothing more: the peer is told once, what is under way is let through, no more.
func TestDataAfterClose(t *testing.T) {
	s, peer := serveRaw(t, nil)
	peer.send(opening(1))
	st, err := s.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st.Close()
	peer.expect(window, fin, 1)
	full := make([]byte, mux.MaxFrameBytes)
	peer.send(dataFrame(0, 1, full))
	peer.expect(window, rst, 1)
	for range 2 { // the window allows for it
		peer.send(dataFrame(0, 1, full), frame(window, 0, 1, 1000), frame(window, fin, 1, 0))
	}
	peer.send(opening(3))
	if _, err := s.Accept(t.Context()); err != nil {
		t.Fatalf("the session did not live on: %v", err)
	}
	if g, err := peer.next(); err != nil || g.kind == window && g.flags == rst {
		t.Fatalf("got %v, %v", g, err)
	}
	peer.send(dataFrame(0, 1, full), dataFrame(0, 1, full))
	<-s.Done()
	var limit *mux.LimitError
	if !errors.As(s.Err(), &limit) || limit.Limit != mux.LimitResetBytes {
		t.Fatalf("got %v", s.Err())
	}
}

// Streams above the limit are reset, those below live, and there is room again when one has ended.
func TestTooManyStreams(t *testing.T) {
	s, peer := serveRaw(t, &mux.Config{MaxStreams: 2})
	peer.send(opening(1), opening(3), opening(5), dataFrame(0, 5, []byte("unheard")))
	peer.expect(window, rst, 5)
	first, err := s.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	peer.expect(window, fin, 1)
	peer.send(frame(window, fin, 1, 0), opening(7), opening(9))
	peer.expect(window, rst, 9)
	for _, name := range []string{"3", "7"} {
		if _, err := s.Accept(t.Context()); err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

// A peer that opens and resets for ever is held to the rate, and leaves nothing behind.
func TestResetStorm(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, peer := serveRaw(t, nil)
		go io.Copy(io.Discard, peer)
		id := uint32(1)
		for range 20 {
			for range 150 {
				peer.send(opening(id), frame(window, rst, id, 0))
				id += 2
			}
			synctest.Wait()
			time.Sleep(2 * time.Second)
		}
		if st := s.Stats(); st.Streams != 0 || st.Buffered != 0 || st.Promised != 0 {
			t.Fatalf("left behind: %+v", st)
		}
		peer.send(opening(id))
		st, err := s.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st.Write([]byte("alive"))
		synctest.Wait()
		peer.send(dataFrame(0, id, []byte("me too")))
		if n, err := st.Read(make([]byte, 10)); n != 6 {
			t.Fatalf("got %d, %v", n, err)
		}
	})
}

// RST after FIN is about the other direction: what came before can be read. RST without FIN is about both.
func TestResetAfterFIN(t *testing.T) {
	s, peer := serveRaw(t, nil)
	peer.send(opening(1), dataFrame(fin, 1, []byte("whole")), frame(window, rst, 1, 0))
	peer.send(opening(3), dataFrame(0, 3, []byte("part")))
	whole, err := s.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(whole); string(got) != "whole" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := whole.Write([]byte("x")); !errors.Is(err, mux.ErrReset) {
		t.Errorf("write: %v", err)
	}
	part, err := s.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	peer.send(frame(window, rst, 3, 0))
	for err == nil {
		_, err = part.Read(make([]byte, 1))
	}
	if !errors.Is(err, mux.ErrReset) {
		t.Errorf("read: %v", err)
	}
}
