package attack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/bootstrap"
	"github.com/peer-exchange/exchange/fuzz/attack"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
)

// brief is for what has to wait until a time is over; the others have the default, however busy the machine is.
const brief = time.Second

var webrtcTable = []struct {
	name  string
	brief bool
	why   func(error) bool
	bye   pxp.Code
	opens bool
	also  func(attack.Tally) error
}{
	{name: "webrtc/rubbish", why: signal, bye: pxp.CodeProtocol},
	{name: "webrtc/lines", brief: true, why: is(exchange.ErrTimeout), bye: pxp.CodeTimeout},
	{name: "webrtc/candidates", why: protocol},
	{name: "webrtc/crowded", why: signal, bye: pxp.CodeProtocol},
	// From the one address that the victim has; the other eleven are refused or lead nowhere.
	{name: "webrtc/third", brief: true, why: is(exchange.ErrTimeout), also: func(t attack.Tally) error {
		if most := 8 * t.Carried; t.Packets == 0 || t.Packets > most {
			return fmt.Errorf("%d packets came to a third party in %d attempts, want some, and 8 each at most", t.Packets, t.Carried)
		}
		return nil
	}},
	{name: "webrtc/never", brief: true, why: is(exchange.ErrTimeout)},
	{name: "webrtc/fingerprint", why: is(wrtc.ErrFailed)},
	{name: "webrtc/silence", brief: true, why: is(exchange.ErrTimeout)},
	{name: "webrtc/channels", why: is(wrtc.ErrFailed), opens: true},
	{name: "webrtc/message", why: is(wrtc.ErrFailed), opens: true},
	{name: "webrtc/text", why: is(wrtc.ErrFailed), opens: true},
	{name: "webrtc/flood", why: muxProtocol, opens: true},
}

func signal(err error) bool {
	var e *wrtc.SignalError
	return errors.As(err, &e)
}

// TestWebRTCAttacks runs the attacks on signaling and channels over loopback, each until the victim has said what is expected,
// and checks that an honest peer is well meanwhile and that nothing is left afterwards.
func TestWebRTCAttacks(t *testing.T) {
	tested := make(map[string]bool)
	for _, want := range webrtcTable {
		tested[want.name] = true
		t.Run(want.name, func(t *testing.T) {
			a, err := attack.Find(want.name)
			if err != nil {
				t.Fatal(err)
			}
			v := newLive(t, want.brief)
			times := 1
			if want.bye != pxp.CodeOK { // each failure is an event and a line of the log; after so many one lane has begun again
				times = 2*hostilePeers + 1
			}
			tally := v.attacked(a, want.why, times)
			if want.bye != pxp.CodeOK && tally.Byes[want.bye] == 0 {
				t.Errorf("nobody was told %v, but %v", want.bye, tally.Byes)
			}
			if want.opens && tally.Channels == 0 {
				t.Error("no channel opened")
			}
			if want.also != nil {
				if err := want.also(tally); err != nil {
					t.Error(err)
				}
			}
			if t.Failed() {
				t.Logf("%+v", tally)
			}
		})
	}
	for _, a := range attack.All() {
		if a.WebRTC() && !tested[a.Name] {
			t.Errorf("%s has no row in the table", a.Name)
		}
	}
}

// live is an exchange under attack over loopback, with an honest peer.
type live struct {
	*exchange.Exchange
	t            *testing.T
	url          bootstrap.URL
	here, theirs net.Conn // the honest peer's data stream, at its end and at the victim's
	honest       *exchange.Exchange

	mu   sync.Mutex
	errs []error
	more chan struct{} // capacity 1
}

// newLive returns a victim, whose patience is brief or the default.
func newLive(t *testing.T, impatient bool) *live {
	t.Helper()
	v := &live{t: t, more: make(chan struct{}, 1)}
	cfg := &exchange.Config{Logger: slog.New(attack.Noticing(v.failed)), OnEvent: func(e exchange.Event) {
		switch e := e.(type) {
		case exchange.StepDone:
			v.failed(e.Err)
		case exchange.PeerLeft:
			v.failed(e.Err)
		}
	}}
	if impatient {
		cfg.Limits.UpgradeTime = brief
		cfg.Limits.HandshakeTime = brief * 5
	}
	var err error
	if cfg.Transport, err = wrtc.New(&wrtc.Config{Loopback: true, Interface: isLoopback}); err != nil {
		t.Fatal(err)
	}
	v.Exchange = newExchange(t, cfg)
	t.Cleanup(func() { v.Close() })
	l, err := bootstrap.Listen(v.Exchange, "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if v.url, err = bootstrap.ParseURL(l.URL()); err != nil {
		t.Fatal(err)
	}
	v.honest = newExchange(t, nil)
	t.Cleanup(func() { v.honest.Close() })
	if v.here, err = bootstrap.Dial(t.Context(), v.honest, l.URL()); err != nil {
		t.Fatal(err)
	}
	if v.theirs, err = v.Listener().Accept(); err != nil {
		t.Fatal(err)
	}
	return v
}

func isLoopback(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagLoopback != 0
}

func (v *live) failed(err error) {
	if err == nil {
		return
	}
	v.mu.Lock()
	v.errs = append(v.errs, err)
	v.mu.Unlock()
	select {
	case v.more <- struct{}{}:
	default:
	}
}

func (v *live) errors() []error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.errs
}

func (v *live) count(why func(error) bool) (n int) {
	for _, err := range v.errors() {
		if why(err) {
			n++
		}
	}
	return n
}

// roundTrip sends something from the honest peer to the victim and back.
func (v *live) roundTrip() error {
	for _, way := range [][2]net.Conn{{v.here, v.theirs}, {v.theirs, v.here}} {
		if _, err := way[0].Write([]byte("are you well?")); err != nil {
			return err
		}
		if _, err := io.ReadFull(way[1], make([]byte, 13)); err != nil {
			return err
		}
	}
	return nil
}

// attacked runs the attack until the victim has had so many errors for which why is true.
func (v *live) attacked(a attack.Attack, why func(error) bool, times int) attack.Tally {
	v.t.Helper()
	if err := v.roundTrip(); err != nil {
		v.t.Fatal(err)
	}
	others, before := goleak.IgnoreCurrent(), v.Stats()
	ctx, cancel := context.WithTimeout(v.t.Context(), 30*time.Second)
	defer cancel()
	target := attack.Target{Network: "test", ID: v.ID(), Victim: v.honest.ID()}
	target.Dial = func(ctx context.Context, address int) (net.Conn, error) {
		var d net.Dialer
		if runtime.GOOS == "linux" {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 1, byte(address>>8), byte(address))}
		}
		return d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", v.url.Port))
	}
	type result struct {
		tally attack.Tally
		err   error
	}
	done := make(chan result, 1)
	go func() { // ended by cancel, waited for below
		tally, err := a.Run(ctx, target, -1)
		done <- result{tally, err}
	}()
	for v.count(why) < times && ctx.Err() == nil {
		select {
		case <-v.more:
		case <-ctx.Done():
			v.t.Errorf("nobody was sent away for what was expected, but for %v", v.errors())
		}
		if err := v.roundTrip(); err != nil {
			v.t.Errorf("the honest peer: %v", err)
		}
	}
	cancel()
	r := <-done
	if r.err != nil {
		v.t.Fatal(r.err)
	}
	v.recovered(before, others)
	return r.tally
}

// recovered waits until all is as before.
func (v *live) recovered(before exchange.Stats, others goleak.Option) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 30*time.Second)
	defer cancel()
	for {
		left := goleak.Find(others) // which waits a while for them to end
		now := v.Stats()
		same := now.Peers == before.Peers && now.Conns == before.Conns && now.Circuits == before.Circuits && now.PromisedBytes == before.PromisedBytes
		if left == nil && same {
			break
		}
		if ctx.Err() != nil {
			v.t.Fatalf("30 s after the attack: %+v, before it %+v; %v", now, before, left)
		}
	}
	if err := v.roundTrip(); err != nil {
		v.t.Errorf("the honest peer: %v", err)
	}
}
