package attack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/fuzz/attack"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
)

// victim is an exchange under attack: a node that echoes, with an honest peer. It lives in a bubble.
type victim struct {
	*exchange.Exchange
	t      *testing.T
	door   *memnet.Listener
	honest *exchange.Conn // the honest peer's end
	served sync.WaitGroup
	asks   bool // looks for peers while it is attacked
	log    bytes.Buffer

	mu     sync.Mutex
	events []exchange.Event
	logged []error
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{t: t, door: memnet.Listen("victim", &memnet.PipeConfig{Buffer: 256 << 10})}
	log := slog.New(keeping{slog.NewTextHandler(&v.log, &slog.HandlerOptions{Level: slog.LevelDebug}), v})
	v.Exchange = newExchange(t, &exchange.Config{Logger: log, OnEvent: func(e exchange.Event) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.events = append(v.events, e)
	}})
	v.served.Go(func() { _ = v.Serve(v.door) }) // ends with the exchange
	v.served.Go(v.echo)                         // likewise
	t.Cleanup(func() { v.Close(); v.served.Wait() })

	honest := newExchange(t, nil)
	t.Cleanup(func() { honest.Close() })
	socket, err := v.door.DialFrom(t.Context(), "192.0.2.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if v.honest, err = honest.Connect(t.Context(), socket); err != nil {
		t.Fatal(err)
	}
	return v
}

// keeping keeps the errors that are logged.
type keeping struct {
	slog.Handler
	v *victim
}

func (k keeping) Handle(ctx context.Context, r slog.Record) error {
	k.v.mu.Lock()
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			k.v.logged = append(k.v.logged, err)
		}
		return true
	})
	k.v.mu.Unlock()
	return k.Handler.Handle(ctx, r)
}

// newExchange returns an exchange of the test's network whose direct connections never come to be.
func newExchange(t *testing.T, config *exchange.Config) *exchange.Exchange {
	t.Helper()
	if config == nil {
		config = &exchange.Config{}
	}
	if config.Transport == nil {
		config.Transport = attack.Talker
	}
	ex, err := exchange.New("test", config)
	if err != nil {
		t.Fatal(err)
	}
	return ex
}

// echo sends back what data streams bring, as pxp node --echo does.
func (v *victim) echo() {
	var streams sync.WaitGroup
	defer streams.Wait()
	for {
		conn, err := v.Listener().Accept()
		if err != nil {
			return
		}
		streams.Go(func() { // ends with its session
			_, _ = io.Copy(conn, conn)
			conn.Close()
		})
	}
}

// target is the victim as attackers see it.
func (v *victim) target() attack.Target {
	return attack.Target{
		Network: "test", ID: v.ID(), Victim: v.honest.LocalAddr().(exchange.Addr).Peer,
		Dial: func(ctx context.Context, address int) (net.Conn, error) {
			return v.door.DialFrom(ctx, fmt.Sprintf("10.0.%d.%d:1", address>>8&255, address&255))
		},
	}
}

// errorsOf returns why handshakes failed and peers other than the honest one left.
func (v *victim) errorsOf() (errs []error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.events {
		switch e := e.(type) {
		case exchange.StepDone:
			if e.Err != nil {
				errs = append(errs, e.Err)
			}
		case exchange.PeerLeft:
			errs = append(errs, e.Err)
		}
	}
	return errs
}

// roundTrip sends something through the honest peer's data stream and back.
func (v *victim) roundTrip() (time.Duration, error) {
	began := time.Now()
	sent := []byte("are you well?")
	v.honest.SetDeadline(began.Add(time.Minute))
	if _, err := v.honest.Write(sent); err != nil {
		return 0, err
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(v.honest, got); err != nil {
		return 0, err
	}
	if string(got) != string(sent) {
		return 0, fmt.Errorf("got %q back, sent %q", got, sent)
	}
	return time.Since(began), nil
}

// most is the most that the victim held while it was watched.
type most struct {
	stats  exchange.Stats
	slow   time.Duration // of the honest peer's round trips
	logged []error       // by the victim
	errs   []error       // of its events
}

// watch looks at the victim and uses it until stop is called, which returns what was seen.
func (v *victim) watch() (stop func() most) {
	ctx, cancel := context.WithCancel(context.Background())
	var m most
	var watching sync.WaitGroup
	watching.Go(func() { // ended by cancel, waited for by stop
		for ctx.Err() == nil {
			took, err := v.roundTrip()
			if err != nil {
				v.t.Errorf("the honest peer: %v", err)
				return
			}
			s := v.Stats()
			m.slow = max(m.slow, took)
			m.stats.Peers = max(m.stats.Peers, s.Peers)
			m.stats.Circuits = max(m.stats.Circuits, s.Circuits)
			m.stats.Conns = max(m.stats.Conns, s.Conns)
			m.stats.PromisedBytes = max(m.stats.PromisedBytes, s.PromisedBytes)
			time.Sleep(50 * time.Millisecond)
		}
	})
	return func() most {
		cancel()
		watching.Wait()
		return m
	}
}

// held is what the victim holds when nobody troubles it.
type held struct {
	goroutines int // as bubble.Goroutines counts them
	stats      exchange.Stats
}

func (v *victim) held() held {
	synctest.Wait()
	s := v.Stats()
	n, _ := bubble.Goroutines()
	return held{n, exchange.Stats{Peers: s.Peers, Conns: s.Conns, Circuits: s.Circuits, PromisedBytes: s.PromisedBytes}}
}

// attacked runs an attack for a time and checks what holds for every one: the honest peer notices nothing, and within
// 5 s of its end all is as it was before.
func (v *victim) attacked(a attack.Attack, rate int, lasts time.Duration) (attack.Tally, most) {
	v.t.Helper()
	peer := v.Peer(v.target().Victim)
	if v.asks {
		v.Maintain(1) // it has so many
	}
	before := v.held()
	stop := v.watch()
	if v.asks {
		v.Maintain(10)
	}
	ctx, cancel := context.WithTimeout(v.t.Context(), lasts)
	defer cancel()
	tally, err := a.Run(ctx, v.target(), rate)
	if err != nil {
		v.t.Fatal(err)
	}
	seen := stop()
	if v.asks {
		v.Maintain(1)
	}
	time.Sleep(5 * time.Second)
	end := v.Stats()
	seen.stats.CircuitsEnded, seen.stats.RelayedBytes = end.CircuitsEnded, end.RelayedBytes
	after := v.held()
	v.mu.Lock()
	seen.logged = v.logged
	v.mu.Unlock()
	seen.errs = v.errorsOf()
	if after != before {
		v.t.Errorf("5 s after the attack there is %+v, before it was %+v", after, before)
		if after.goroutines > before.goroutines {
			_, stacks := bubble.Goroutines()
			v.t.Logf("%s", stacks)
		}
	}
	if v.Peer(v.target().Victim) != peer {
		v.t.Error("the honest peer has gone")
	}
	if _, err := v.roundTrip(); err != nil {
		v.t.Error(err)
	}
	v.printable()
	if seen.slow > 10*time.Millisecond {
		v.t.Errorf("a round trip of the honest peer took %v", seen.slow)
	}
	if tally.Actions < 4 {
		v.t.Errorf("the attack did not do much: %+v", tally)
	}
	return tally, seen
}

// printable checks that a terminal can show what was logged and what the events say of peers.
func (v *victim) printable() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	text := strings.ReplaceAll(v.log.String(), "\n", "")
	for _, e := range v.events {
		switch e := e.(type) {
		case exchange.PeerJoined:
			text += e.Peer.Agent()
		case exchange.PeerLeft:
			text += e.Err.Error()
		case exchange.StepDone:
			if e.Err != nil {
				text += e.Err.Error()
			}
		}
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }); i >= 0 {
		v.t.Errorf("logs or events contain %q", text[max(0, i-100):min(i+100, len(text))])
	}
}

// because says whether any of the errors is what f looks for.
func because(errs []error, f func(error) bool) bool { return slices.ContainsFunc(errs, f) }

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}
