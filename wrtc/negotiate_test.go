//go:build !js

package wrtc

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A bad signal ends the negotiation of its victim with an error that names it, at once and without a trace.
func TestHostileSignals(t *testing.T) {
	candidate := Signal{Kind: Candidate, Text: "candidate:1 1 udp 1 192.0.2.1 1 typ host"}
	repeat := func(s Signal, n int) (list []Signal) {
		for range n {
			list = append(list, s)
		}
		return list
	}
	type hostile struct {
		name    string
		role    Role // of the victim
		signals []Signal
		problem string
	}
	cases := []hostile{
		{"answer to the answerer", Answerer, []Signal{{Kind: Answer, Text: goodSDP}}, "sent to the answerer"},
		{"offer to the offerer", Offerer, []Signal{{Kind: Offer, Text: goodSDP}}, "sent to the offerer"},
		{"second offer", Answerer, []Signal{{Kind: Offer, Text: goodSDP}, {Kind: Offer, Text: goodSDP}}, "second offer"},
		{"second answer", Offerer, repeat(Signal{Kind: Answer, Text: swap("actpass", "active")}, 2), "second answer"},
		{"unknown kind", Answerer, []Signal{{Kind: 5}}, "unknown kind"},
		{"no kind", Offerer, []Signal{{}}, "unknown kind"},
		{"long candidate", Answerer, []Signal{{Kind: Candidate, Text: strings.Repeat("x", 1025)}}, "at most 1024"},
		{"long mid", Answerer, []Signal{{Kind: Candidate, Text: candidate.Text, Mid: strings.Repeat("x", 65)}}, "at most 64"},
		{"candidates without end, before the offer", Answerer, repeat(candidate, 65), "more than 64 candidates"},
		{"rubbish without end", Answerer, repeat(Signal{Kind: Candidate, Text: "rubbish"}, 65), "more than 64 candidates"},
		{"ends without end", Answerer, repeat(Signal{Kind: End}, 80), "more than 72 signals"},
		{"pion refuses", Answerer, []Signal{{Kind: Offer, Text: swap("a=mid:0\r\n", "")}}, "refused"},
	}
	for _, c := range badSDPs {
		cases = append(cases, hostile{"offer: " + c.name, Answerer, []Signal{{Kind: Offer, Text: c.sdp}}, c.problem})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inLabs(t, nil, func(t *testing.T, l *lab) {
				sa, sb := wires()
				for _, s := range c.signals {
					sb.out <- s
				}
				start := time.Now()
				conn, err := l.a.Negotiate(t.Context(), c.role, sa)
				var ne *NegotiateError
				var se *SignalError
				if conn != nil || !errors.As(err, &ne) || ne.Role != c.role || !errors.As(err, &se) {
					t.Fatalf("%v, %v", conn, err)
				}
				if !strings.Contains(se.Problem, c.problem) {
					t.Errorf("problem %q, want %q", se.Problem, c.problem)
				}
				if took := time.Since(start); took > time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// Candidates that lie (nobody there) or do not parse do not keep two honest ends from meeting.
func TestLyingCandidates(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		sa, sb := wires()
		sa.change = func(s Signal) []Signal {
			if s.Kind != Offer {
				return []Signal{s}
			}
			list := []Signal{{Kind: Candidate, Text: "rubbish"}, {Kind: Candidate, Text: "candidate:1 1 udp 2130706431 10.0.0.77 7 typ host"}}
			return append(list, s, Signal{Kind: Candidate, Text: "candidate:2 1 udp 2130706431 10.0.0.78 7 typ host", Mid: "0"}, Signal{Kind: End})
		}
		ra, rb := both(t.Context(), l.a, l.b, sa, sb)
		if ra.err != nil || rb.err != nil {
			t.Fatal(ra.err, rb.err)
		}
		closeBoth(ra.conn, rb.conn)
	})
}

// All candidates trickled, some of them before their description.
func TestTrickle(t *testing.T) {
	inLabs(t, nil, func(t *testing.T, l *lab) {
		trickle := func(s Signal) []Signal {
			if s.Kind != Offer && s.Kind != Answer {
				return []Signal{s}
			}
			var list []Signal
			var rest []string
			for _, line := range strings.SplitAfter(s.Text, "\r\n") {
				if c, ok := strings.CutPrefix(line, "a=candidate:"); ok {
					list = append(list, Signal{Kind: Candidate, Text: "candidate:" + strings.TrimSpace(c)})
				} else {
					rest = append(rest, line)
				}
			}
			if len(list) == 0 {
				t.Errorf("no candidates inside the %v", s.Kind)
			}
			s.Text = strings.Join(rest, "")
			return append(list, s)
		}
		sa, sb := wires()
		sa.change, sb.change = trickle, trickle
		ra, rb := both(t.Context(), l.a, l.b, sa, sb)
		if ra.err != nil || rb.err != nil {
			t.Fatal(ra.err, rb.err)
		}
		closeBoth(ra.conn, rb.conn)
	})
}

// Host candidates travel inside the description, followed only by the end of candidates.
func TestCandidatesInDescription(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		var kinds []SignalKind
		sa, sb := wires()
		sa.change = func(s Signal) []Signal { kinds = append(kinds, s.Kind); return []Signal{s} }
		ra, rb := both(t.Context(), l.a, l.b, sa, sb)
		if ra.err != nil || rb.err != nil {
			t.Fatal(ra.err, rb.err)
		}
		if len(kinds) != 2 || kinds[0] != Offer || kinds[1] != End {
			t.Errorf("sent %v", kinds)
		}
		closeBoth(ra.conn, rb.conn)
	})
}

// Somebody in between who puts his fingerprint into a description gets no connection.
func TestFingerprintIsChecked(t *testing.T) {
	for _, kind := range []SignalKind{Offer, Answer} {
		t.Run(kind.String(), func(t *testing.T) {
			inLabs(t, nil, func(t *testing.T, l *lab) {
				forge := func(s Signal) []Signal {
					if s.Kind == kind {
						i := strings.Index(s.Text, "sha-256 ") + len("sha-256 ")
						s.Text = s.Text[:i] + goodFingerprint + s.Text[i+len(goodFingerprint):]
					}
					return []Signal{s}
				}
				sa, sb := wires()
				sa.change, sb.change = forge, forge
				ra, rb := both(t.Context(), l.a, l.b, sa, sb)
				victim, other := rb, ra
				if kind == Answer {
					victim, other = ra, rb
				}
				if victim.conn != nil || victim.err == nil || errors.Is(victim.err, ErrTimeout) {
					t.Errorf("victim: %v, %v", victim.conn, victim.err)
				}
				if other.conn != nil { // its handshake may have been over first; the connection is dead
					if _, err := other.conn.Read(make([]byte, 1)); err == nil || err == io.EOF {
						t.Errorf("other: %v", err)
					}
					_ = other.conn.Close()
				}
			})
		})
	}
}

// stop blocks a negotiation at a phase: it loses what would lead beyond.
var stops = []struct {
	phase Phase
	role  Role
	stop  func(l *lab, sa, sb *wire)
}{
	{PhaseOffer, Answerer, func(_ *lab, sa, _ *wire) { sa.change = func(Signal) []Signal { return nil } }},
	{PhaseAnswer, Offerer, func(_ *lab, _, sb *wire) { sb.change = func(Signal) []Signal { return nil } }},
	{PhaseICE, Offerer, func(l *lab, _, _ *wire) { l.drop.Store(true) }},
	{PhaseICE, Answerer, func(l *lab, _, _ *wire) { l.drop.Store(true) }},
	// STUN passes, DTLS (first byte 20 to 63, RFC 7983) does not.
	{PhaseDTLS, Offerer, func(l *lab, _, _ *wire) { l.dropDTLS.Store(true) }},
	{PhaseDTLS, Answerer, func(l *lab, _, _ *wire) { l.dropDTLS.Store(true) }},
	// DTLS is through, no channel: where SCTP's set-up is not in the descriptions.
	{PhaseOpen, Offerer, func(l *lab, _, _ *wire) { slow(l.a); l.dropData.Store(true) }},
	{PhaseOpen, Answerer, func(l *lab, _, _ *wire) { slow(l.a); l.dropData.Store(true) }},
}

func TestTimeout(t *testing.T) {
	for _, c := range stops {
		t.Run(string(c.phase)+" "+c.role.String(), func(t *testing.T) {
			inLabs(t, nil, func(t *testing.T, l *lab) {
				sa, sb := wires()
				c.stop(l, sa, sb)
				start := time.Now()
				ra, rb := both(t.Context(), l.a, l.b, sa, sb)
				r := ra
				if c.role == Answerer {
					r = rb
				}
				var ne *NegotiateError
				if r.conn != nil || !errors.As(r.err, &ne) || ne.Phase != c.phase || !errors.Is(r.err, ErrTimeout) {
					t.Errorf("%v, %v", r.conn, r.err)
				}
				if took := time.Since(start); took < defaultOpenTimeout || took > defaultOpenTimeout+time.Second {
					t.Errorf("took %v", took)
				}
				if ra.conn != nil || rb.conn != nil {
					t.Error("a connection without the other end")
				}
			})
		})
	}
}

func TestCancel(t *testing.T) {
	cause := errors.New("changed my mind")
	for _, c := range stops {
		t.Run(string(c.phase)+" "+c.role.String(), func(t *testing.T) {
			inLabs(t, nil, func(t *testing.T, l *lab) {
				sa, sb := wires()
				c.stop(l, sa, sb)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(3*time.Second, func() { cancel(cause) })
				start := time.Now()
				ra, rb := both(ctx, l.a, l.b, sa, sb)
				r := ra
				if c.role == Answerer {
					r = rb
				}
				var ne *NegotiateError
				if !errors.As(r.err, &ne) || ne.Phase != c.phase || !errors.Is(r.err, cause) {
					t.Errorf("%v", r.err)
				}
				if took := time.Since(start); took > 4*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		sa, _ := wires()
		if _, err := newWebRTC(t, nil).Negotiate(ctx, Offerer, sa); !errors.Is(err, cause) {
			t.Error(err)
		}
	})
}

// Cancelled at any moment of a negotiation that would succeed: it ends in one of the two ways, and leaves nothing.
func TestCancelAnywhere(t *testing.T) {
	for at := time.Duration(0); at <= 300*time.Millisecond; at += 10 * time.Millisecond {
		inLabs(t, nil, func(t *testing.T, l *lab) {
			ctx, cancel := context.WithTimeout(t.Context(), at)
			defer cancel()
			sa, sb := wires()
			done := make(chan result)
			go func() {
				c, err := l.b.Negotiate(t.Context(), Answerer, sb)
				done <- result{c, err}
			}()
			ca, err := l.a.Negotiate(ctx, Offerer, sa)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("at %v: %v", at, err)
			}
			if ca != nil {
				_ = ca.Close()
			}
			rb := <-done
			if (rb.conn == nil) == (rb.err == nil) {
				t.Errorf("at %v: %v, %v", at, rb.conn, rb.err)
			}
			if rb.conn != nil {
				_ = rb.conn.Close()
			}
		})
	}
}

// The path of the signals breaks: before the descriptions are through that is the end, afterwards it is nothing.
func TestSignalingLost(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		inLabs(t, nil, func(t *testing.T, l *lab) {
			sa, _ := wires()
			close(sa.in)
			start := time.Now()
			if _, err := l.a.Negotiate(t.Context(), Answerer, sa); err == nil || !strings.Contains(err.Error(), "path closed") || time.Since(start) > time.Second {
				t.Error(err)
			}
		})
	})
	t.Run("sending", func(t *testing.T) {
		inLabs(t, nil, func(t *testing.T, l *lab) {
			sa, _ := wires()
			if _, err := l.a.Negotiate(t.Context(), Offerer, broken{sa}); !errors.Is(err, os.ErrPermission) {
				t.Error(err)
			}
		})
	})
	t.Run("after", func(t *testing.T) {
		inLabs(t, nil, func(t *testing.T, l *lab) {
			sa, sb := wires()
			sb.change = func(s Signal) []Signal {
				if s.Kind == Answer {
					defer close(sb.out)
					sb.out <- s
					sb.change = func(Signal) []Signal { return nil }
				}
				return nil
			}
			ra, rb := both(t.Context(), l.a, l.b, sa, sb)
			if ra.err != nil || rb.err != nil {
				t.Fatal(ra.err, rb.err)
			}
			closeBoth(ra.conn, rb.conn)
		})
	})
}

type broken struct{ *wire }

func (broken) Send(context.Context, Signal) error { return os.ErrPermission }

// Both ends close in the same moment, and in orders close to it. No lag is a multiple of the lab's delay: when pion's close and the other end's
// abort fall into one instant of virtual time, one waits for a lock that the other holds, and time stands still.
func TestCloseAtOnce(t *testing.T) {
	for _, lag := range []time.Duration{0, time.Millisecond, 13 * time.Millisecond, 33 * time.Millisecond, time.Second} {
		inLabs(t, nil, func(t *testing.T, l *lab) {
			a, b := pair(t, l.a, l.b)
			_, err := a.Write(make([]byte, 100_000))
			check(t, err)
			_, err = b.Write(make([]byte, 100_000))
			check(t, err)
			done := make(chan error, 1)
			go func() { time.Sleep(lag); done <- b.Close() }()
			if err := errors.Join(a.Close(), <-done); err != nil {
				t.Errorf("%v apart: %v", lag, err)
			}
			synctest.Wait()
		})
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		name string
	}{
		{Config{HighWater: -1}, "HighWater"},
		{Config{LowWater: 2 << 20}, "LowWater"},
		{Config{LowWater: -1}, "LowWater"},
		{Config{MessageSize: 100}, "MessageSize"},
		{Config{MessageSize: 1 << 20}, "MessageSize"},
		{Config{OpenTimeout: -1}, "OpenTimeout"},
		{Config{MaxSDP: 10}, "MaxSDP"},
		{Config{MaxCandidates: -1}, "MaxCandidates"},
		{Config{ICEServers: []ICEServer{{}}}, "ICEServers[0]"},
		{Config{ICEServers: []ICEServer{{URLs: []string{"http://x"}}}}, "ICEServers[0]"},
		{Config{ICEServers: []ICEServer{{URLs: []string{"turn:192.0.2.1:3478"}}}}, "Username"},
	} {
		if _, err := New(&c.cfg); err == nil || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
	if w := newWebRTC(t, &Config{HighWater: 1000}); w.cfg.LowWater != 1000 || w.Name() != "webrtc" {
		t.Errorf("%+v", w.cfg)
	}
	if _, err := newWebRTC(t, nil).Negotiate(t.Context(), 0, nil); err == nil {
		t.Error("role 0 accepted")
	}
}
