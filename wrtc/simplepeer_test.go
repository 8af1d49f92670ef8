//go:build !js

package wrtc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
)

// inSimpleLab runs f in a lab whose hosts speak as simple-peer.
func inSimpleLab(t *testing.T, f func(t *testing.T, l *lab)) {
	t.Helper()
	inLab(t, nil, func(t *testing.T, l *lab) {
		l.a, l.b = dialects["simple-peer"](l.a), dialects["simple-peer"](l.b)
		f(t, l)
	})
}

func pionOf(c Conn) *pionLink { return c.(*conn).link.(*pionLink) }

// The channel and the signals are those of simple-peer.
func TestSimplePeerShape(t *testing.T) {
	inSimpleLab(t, func(t *testing.T, l *lab) {
		var offer, answer Signal
		sa, sb := wires()
		record := func(description *Signal) func(Signal) []Signal {
			return func(s Signal) []Signal {
				switch s.Kind {
				case Offer, Answer:
					*description = s
				case End:
					t.Error("end of candidates sent")
				}
				return []Signal{s}
			}
		}
		sa.change, sb.change = record(&offer), record(&answer)
		ra, rb := both(t.Context(), l.a, l.b, sa, sb)
		if ra.err != nil || rb.err != nil {
			t.Fatal(ra.err, rb.err)
		}
		for _, want := range []string{" UDP/DTLS/SCTP webrtc-datachannel\r\n", "\r\na=sctp-port:5000\r\n", "\r\na=max-message-size:262144\r\n"} {
			if !strings.Contains(offer.Text, want) || !strings.Contains(answer.Text, want) {
				t.Errorf("no %q in\n%s\n%s", want, offer.Text, answer.Text)
			}
		}
		if !strings.Contains(offer.Text, "a=setup:actpass") || !strings.Contains(answer.Text, "a=setup:active") {
			t.Errorf("setup in\n%s\n%s", offer.Text, answer.Text)
		}
		for _, c := range []Conn{ra.conn, rb.conn} {
			dc := pionOf(c).dc
			if label := dc.Label(); !regexp.MustCompile("^[0-9a-f]{40}$").MatchString(label) || dc.Protocol() != "" || *dc.ID() != 1 || checkChannel(dc) != nil {
				t.Errorf("channel %q, protocol %q, id %d, %v", label, dc.Protocol(), *dc.ID(), checkChannel(dc))
			}
		}
		if a, b := pionOf(ra.conn).dc.Label(), simplePeer.label(); a != pionOf(rb.conn).dc.Label() || a == b {
			t.Errorf("labels %q, %q, then %q", a, pionOf(rb.conn).dc.Label(), b)
		}
		if l.a.Name() != "webrtc" {
			t.Error(l.a.Name())
		}
		closeBoth(ra.conn, rb.conn)
	})
}

func TestSimplePeerMessages(t *testing.T) {
	const most = 262144
	for _, c := range []struct {
		name string
		size int
		text bool
		ok   bool
	}{
		{"empty", 0, false, true}, // nothing, not the end
		{"one byte", 1, false, true},
		{"largest", most, false, true},
		{"too large", most + 1, false, false},
		{"text", 5, true, false},
		{"empty text", 0, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inSimpleLab(t, func(t *testing.T, l *lab) {
				sa, sb := wires()
				sb.change = func(s Signal) []Signal { // so that pion lets the sender break the rule
					s.Text = strings.Replace(s.Text, "max-message-size:262144", "max-message-size:300000", 1)
					return []Signal{s}
				}
				ra, rb := both(t.Context(), l.a, l.b, sa, sb)
				if ra.err != nil || rb.err != nil {
					t.Fatal(ra.err, rb.err)
				}
				a, b := ra.conn, rb.conn
				_, err := a.Write([]byte("before"))
				check(t, err)
				msg := randomBytes(c.size)
				_, err = pionOf(a).raw.WriteDataChannel(msg, c.text)
				check(t, err)
				_, _ = a.Write([]byte("after")) // may fail: the other end may be gone
				check(t, b.SetReadDeadline(time.Now().Add(time.Second)))
				got, err := io.ReadAll(b)
				if want := "before" + string(msg) + "after"; c.ok && (string(got) != want || !errors.Is(err, os.ErrDeadlineExceeded)) {
					t.Errorf("read %d bytes, want %d, %v", len(got), len(want), err)
				}
				if !c.ok && (string(got) != "before" || !errors.Is(err, ErrFailed)) {
					t.Errorf("read %q, %v", got, err)
				}
				closeBoth(a, b)
			})
		})
	}
}

// Nothing but what was written is on the channel, in messages of at most MessageSize: JavaScript would take anything else for data.
func TestSimplePeerWrites(t *testing.T) {
	w := newWebRTC(t, loopback()).SimplePeer().(*WebRTC)
	x, y := barePair(t, w)
	defer y.shut()
	x.conn.link = x
	x.start()
	want := randomBytes(100_000)
	closed := make(chan error, 1)
	go func() {
		_, err := x.conn.Write(want)
		closed <- errors.Join(err, x.conn.Close())
	}()
	var got []byte
	buf := make([]byte, 1<<20)
	for {
		n, text, err := y.raw.ReadDataChannel(buf)
		if err == io.EOF {
			break
		}
		check(t, err)
		if text || n == 0 || n > defaultMessageSize {
			t.Errorf("message of %d bytes, text %v", n, text)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	check(t, <-closed)
}

// The other end closes its PeerConnection without a word: everything that had arrived, then io.EOF.
func TestSimplePeerGone(t *testing.T) {
	gone := func(t *testing.T, a, b Conn) {
		want := randomBytes(2 * maxQueued)
		_, err := a.Write(want)
		check(t, err)
		pionOf(a).setLow(0)
		a.(*conn).drain(nil)
		check(t, pionOf(a).pc.Close())
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %d bytes, want %d, %v", len(got), len(want), err)
		}
		if _, err := b.Write([]byte{1}); !errors.Is(err, ErrPeerClosed) {
			t.Errorf("write: %v", err)
		}
		check(t, b.Close())
		_ = a.Close()
	}
	t.Run("abort", func(t *testing.T) {
		inSimpleLab(t, func(t *testing.T, l *lab) {
			a, b := pair(t, l.a, l.b)
			gone(t, a, b)
		})
	})
	t.Run("over DTLS", func(t *testing.T) { // only there does pion close by itself
		w := newWebRTC(t, loopback()).SimplePeer()
		a, b := pair(t, w, w)
		gone(t, a, b)
	})
}

// A peer that neither reads nor goes away costs Close no more than linger.
func TestSimplePeerLingers(t *testing.T) {
	inSimpleLab(t, func(t *testing.T, l *lab) {
		a, b := pair(t, l.a, l.b)
		go func() { _, _ = a.Write(make([]byte, 64<<20)) }()
		synctest.Wait()
		time.Sleep(10 * time.Second)
		start := time.Now()
		if err := a.Close(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(start); took < linger || took > linger+time.Second {
			t.Errorf("close took %v", took)
		}
		_ = b.Close()
	})
}

// A peer that never opens a channel, though it is connected.
func TestSimplePeerNoChannel(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		sa, sb := wires()
		start := time.Now()
		ra, rb := both(t.Context(), l.a, l.b.SimplePeer(), sa, sb) // the offerer's channel is not announced
		var ne *NegotiateError
		if rb.conn != nil || !errors.As(rb.err, &ne) || ne.Phase != PhaseOpen || ne.Role != Answerer || !errors.Is(rb.err, ErrTimeout) {
			t.Errorf("%v, %v", rb.conn, rb.err)
		}
		if took := time.Since(start); took < defaultOpenTimeout || took > defaultOpenTimeout+time.Second {
			t.Errorf("took %v", took)
		}
		check(t, ra.err)
		_ = ra.conn.Close()
	})
}

// Further channels of the other end are refused and do no harm, in either role; too many end the connection.
func TestFurtherChannels(t *testing.T) {
	for _, role := range []Role{Offerer, Answerer} {
		t.Run(role.String(), func(t *testing.T) {
			inLabs(t, nil, func(t *testing.T, l *lab) {
				a, b := pair(t, l.a, l.b)
				victim, other := a, b
				if role == Answerer {
					victim, other = b, a
				}
				open := func() bool {
					dc, err := pionOf(other).pc.CreateDataChannel("another", nil)
					check(t, err)
					opened := make(chan error, 1)
					dc.OnOpen(func() {
						go func() { // ended with the channel: pion waits for this function
							raw, err := dc.Detach()
							if err == nil {
								_, _ = raw.Write([]byte("to nobody"))
								_, err = raw.Read(make([]byte, 10))
							}
							opened <- err
						}()
					})
					select {
					case err := <-opened:
						if err == nil {
							t.Error("another channel gave data")
						}
					case <-time.After(time.Minute):
						t.Error("another channel stays open")
						return false
					}
					return true
				}
				defer closeBoth(a, b)
				if !open() {
					return
				}
				check(t, victim.SetReadDeadline(time.Now().Add(time.Minute)))
				go func() { _, _ = other.Write([]byte("still here")) }()
				buf := make([]byte, 10)
				if _, err := io.ReadFull(victim, buf); err != nil || string(buf) != "still here" {
					t.Errorf("read %q, %v", buf, err)
				}
				for range maxRefused - 1 {
					open()
				}
				_, err := victim.Write(buf)
				check(t, err)
				open()
				check(t, victim.SetReadDeadline(time.Now().Add(time.Minute))) // in case too many are not too many
				if _, err := victim.Read(buf); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "more than 8 channels") {
					t.Errorf("read: %v", err)
				}
			})
		})
	}
}

// offers is an offerer by hand, with channels of any kind.
func offers(t *testing.T, l *lab, s Signaler, channels ...*webrtc.DataChannelInit) *pionLink {
	t.Helper()
	w := dialects["simple-peer"](l.a)
	c := newConn(&w.cfg, w.dialect)
	made, err := w.newLink(Offerer, c, &progress{wake: make(chan struct{}, 1)}, w.policy())
	check(t, err)
	x := made.(*pionLink)
	c.link = x
	for i, init := range channels {
		dc, err := x.pc.CreateDataChannel(fmt.Sprint("channel ", i), init)
		check(t, err)
		dc.OnOpen(func() {
			raw, err := dc.Detach()
			if err == nil {
				_, err = fmt.Fprint(raw, "hello from channel ", *dc.ID())
			}
			if err != nil {
				t.Log("channel", i, err) // it may be refused by then
			}
		})
	}
	check(t, offer(x.pc))
	synctest.Wait() // gathered
	check(t, s.Send(t.Context(), Signal{Kind: Offer, Text: x.localSDP()}))
	return x
}

func TestSimplePeerChannelKinds(t *testing.T) {
	no, zero := false, uint16(0)
	for _, c := range []struct {
		name     string
		channels []*webrtc.DataChannelInit
		ok       bool
	}{
		{"default", []*webrtc.DataChannelInit{nil}, true},
		{"two at once", []*webrtc.DataChannelInit{nil, nil}, true},
		{"not ordered", []*webrtc.DataChannelInit{{Ordered: &no}}, false},
		{"not reliable", []*webrtc.DataChannelInit{{MaxRetransmits: &zero}}, false},
		{"not reliable in time", []*webrtc.DataChannelInit{{MaxPacketLifeTime: &zero}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inSimpleLab(t, func(t *testing.T, l *lab) {
				sa, sb := wires()
				done := make(chan result, 1)
				go func() {
					conn, err := l.b.Negotiate(t.Context(), Answerer, sb)
					done <- result{conn, err}
				}()
				x := offers(t, l, sa, c.channels...)
				s, err := sa.Receive(t.Context())
				check(t, err)
				check(t, x.accept(s.Text))
				r := <-done
				switch {
				case c.ok && r.err != nil:
					t.Error(r.err)
				case c.ok: // of two the first one's bytes, and no others
					check(t, r.conn.SetReadDeadline(time.Now().Add(time.Second)))
					if got, err := io.ReadAll(r.conn); string(got) != "hello from channel 1" || !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("read %q, %v", got, err)
					}
					_ = r.conn.Close()
				case r.conn != nil || !errors.Is(r.err, ErrFailed) || !strings.Contains(r.err.Error(), "not ordered and reliable"):
					t.Errorf("%v, %v", r.conn, r.err)
				}
				x.shut()
			})
		})
	}
}

// A peer that sends data although it has not answered the offerer's channel: nothing waits for ever, and the data is not lost.
func TestSimplePeerFloodedBeforeOpen(t *testing.T) {
	inSimpleLab(t, func(t *testing.T, l *lab) {
		c := newConn(&l.a.cfg, l.a.dialect)
		c.link = nil
		done := make(chan bool)
		go func() {
			for c.deliver(make([]byte, maxQueued), maxQueued, true) {
			}
			close(done)
		}()
		synctest.Wait() // the queue is full, the reader waits
		c.fail(errors.New("negotiation failed"))
		<-done
	})
}

// readSignals are signals as they were recorded from npm packages, one JSON object a line.
func readSignals(t *testing.T, file string) (list []Signal) {
	t.Helper()
	f, err := os.Open(file)
	check(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var s struct {
			Type, SDP string
			Candidate *struct {
				Candidate, SDPMid string
				SDPMLineIndex     uint16
			}
		}
		check(t, json.Unmarshal(lines.Bytes(), &s))
		switch {
		case s.Candidate != nil:
			list = append(list, Signal{Kind: Candidate, Text: s.Candidate.Candidate, Mid: s.Candidate.SDPMid, Line: s.Candidate.SDPMLineIndex})
		case s.Type == "offer":
			list = append(list, Signal{Kind: Offer, Text: s.SDP})
		case s.Type == "answer":
			list = append(list, Signal{Kind: Answer, Text: s.SDP})
		default:
			t.Fatalf("%s: %s", file, lines.Bytes())
		}
	}
	if len(list) < 2 {
		t.Fatalf("%s: %d signals", file, len(list))
	}
	return list
}

// What simple-peer sends over @roamhq/wrtc and what werift makes is accepted, candidates before their description included: the negotiation gets
// as far as looking for the recorded peer.
func TestRecordedSignals(t *testing.T) {
	for _, library := range []string{"roamhq", "werift"} {
		for _, role := range []Role{Offerer, Answerer} {
			for _, late := range []bool{false, true} {
				name := fmt.Sprintf("%s %v, description late %v", library, role, late)
				t.Run(name, func(t *testing.T) {
					inSimpleLab(t, func(t *testing.T, l *lab) {
						recorded := readSignals(t, fmt.Sprintf("testdata/%s-%v.json", library, role))
						if late {
							recorded = append(recorded[1:], recorded[0])
						}
						sa, sb := wires()
						for _, s := range recorded {
							check(t, sb.Send(t.Context(), s))
						}
						mine := Offerer + Answerer - role
						_, err := l.a.Negotiate(t.Context(), mine, sa)
						var ne *NegotiateError
						if !errors.As(err, &ne) || ne.Phase != PhaseICE || !errors.Is(err, ErrTimeout) {
							t.Error(err)
						}
						s, err := sb.Receive(t.Context())
						if check(t, err); mine == Answerer && !strings.Contains(s.Text, "a=setup:active") {
							t.Errorf("answer:\n%s", s.Text)
						}
					})
				})
			}
		}
	}
}

// Candidates inside a description and the same ones again, as simple-peer sends them, up to MaxCandidates of each; a passive TCP one is
// skipped.
func TestSimplePeerRepeatsCandidates(t *testing.T) {
	for _, extra := range []int{0, 1} {
		inSimpleLab(t, func(t *testing.T, l *lab) {
			line := func(i int) string {
				return fmt.Sprintf("candidate:%d 1 tcp 1518280447 192.0.2.1 %d typ host tcptype passive generation 0", i, 9+i)
			}
			sa, sb := wires()
			sb.change = func(s Signal) []Signal {
				if s.Kind != Answer {
					return nil // it is inside
				}
				list := []Signal{s}
				for i := strings.Count(s.Text, "a=candidate:"); i < defaultMaxCandidates; i++ {
					list[0].Text += "a=" + line(i) + "\r\n"
				}
				for i := range defaultMaxCandidates + extra {
					list = append(list, Signal{Kind: Candidate, Text: line(i), Mid: "0"})
				}
				return list
			}
			ra, rb := both(t.Context(), l.a, l.b, sa, sb)
			var se *SignalError
			if extra > 0 && (!errors.As(ra.err, &se) || !strings.Contains(se.Problem, "more than 64 candidates")) || extra == 0 && ra.err != nil {
				t.Errorf("%d candidates too many: %v", extra, ra.err)
			}
			for _, r := range []result{ra, rb} {
				if r.conn != nil {
					_ = r.conn.Close()
				}
			}
		})
	}
}
