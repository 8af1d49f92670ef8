package exchange_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
)

func TestConfigIsChecked(t *testing.T) {
	fields := reflect.TypeFor[exchange.Limits]()
	for i := range fields.NumField() {
		var l exchange.Limits
		reflect.ValueOf(&l).Elem().Field(i).SetInt(-1)
		ex, err := exchange.New("test", &exchange.Config{Limits: l})
		if err == nil {
			ex.Close()
		}
		if err == nil || !strings.Contains(err.Error(), fields.Field(i).Name) {
			t.Errorf("negative %s: %v; want an error that names it", fields.Field(i).Name, err)
		}
	}
	for what, cfg := range map[string]*exchange.Config{
		"DeadAfter":      {Limits: exchange.Limits{KeepAlive: time.Minute}},
		"Candidates":     {Limits: exchange.Limits{Candidates: 9}},
		"SessionBytes":   {Limits: exchange.Limits{SessionBytes: 1 << 20}},
		"StreamWindow":   {Limits: exchange.Limits{StreamWindow: 1}},
		"ExchangeBytes":  {Limits: exchange.Limits{ExchangeBytes: 1}},
		"SessionBytes: ": {Limits: exchange.Limits{Streams: 128}}, // which need more
		"StreamBurst":    {Limits: exchange.Limits{StreamBurst: 1}},
		"Limits.Peers":   {Limits: exchange.Limits{Peers: 257, ExchangeBytes: 256 << 20}}, // of 1 MiB each
		"Config.Agent":   {Agent: strings.Repeat("x", 129)},
		"Config.Agent: ": {Agent: "\xff"},
	} {
		ex, err := exchange.New("test", cfg)
		if err == nil {
			ex.Close()
		}
		if err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(what, ": ")) {
			t.Errorf("bad %s: %v; want an error that names it", what, err)
		}
	}
	for _, network := range []string{"", strings.Repeat("x", 251), "\xff"} {
		if ex, err := exchange.New(network, nil); err == nil {
			ex.Close()
			t.Errorf("network %q was taken", network)
		}
	}
}

// A thousand peers fit, without anything else being said.
func TestManyPeers(t *testing.T) {
	ex, err := exchange.New("test", &exchange.Config{Limits: exchange.Limits{Peers: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	ex.Close()
}

func TestSample(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node()
		for range 20 {
			rawJoin(t, a)
		}
		r := rawJoin(t, a)
		seen := make(map[[32]byte]int)
		tokens := make(map[pxp.Token]bool)
		for range 8 {
			cands := r.query()
			if len(cands) != 8 {
				t.Fatalf("%d candidates of 20, want 8", len(cands))
			}
			for _, c := range cands {
				if c.Peer == r.key.ID() {
					t.Error("the asker was offered to itself")
				}
				if tokens[c.Token] {
					t.Error("a token was given twice")
				}
				seen[c.Peer]++
				tokens[c.Token] = true
			}
			time.Sleep(5 * time.Second)
		}
		// 64 draws of 20: fewer than 15 different ones is less likely than 1 in 10⁶.
		if len(seen) < 15 {
			t.Errorf("8 queries named only %d of 20 peers: the sample is not random", len(seen))
		}
	})
}

func TestOutstandingRequests(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{Requests: 1}))
		r := rawJoin(t, a)
		slow := make(chan error, 1)
		go func() {
			_, err := a.GetNewPeer(context.Background())
			slow <- err
		}()
		ask := expect[pxp.GetPeers](r)
		_, err := a.GetNewPeer(context.Background())
		var limit *exchange.LimitError
		if !errors.As(err, &limit) || limit.Limit != "Requests" {
			t.Errorf("a second request where one may wait: %v", err)
		}
		r.send(pxp.Res{ID: ask.ID})
		if err := <-slow; !errors.Is(err, exchange.ErrNoCandidates) {
			t.Errorf("the first: %v", err)
		}
	})
}

func TestMeetingsLimit(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{Meetings: 2}))
		r := rawJoin(t, a)
		for i, want := range []pxp.Code{pxp.CodeOK, pxp.CodeOK, pxp.CodeLimit} {
			r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{byte(i)}, From: identity.ID{byte(i + 1)}})
			if res := expect[pxp.Res](r); res.Code != want {
				t.Errorf("meeting %d: %v, want %v", i+1, res.Code, want)
			}
		}
		time.Sleep(11 * time.Second) // nobody came: they end by HandshakeTime
		r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{9}, From: identity.ID{9}})
		if res := expect[pxp.Res](r); res.Code != pxp.CodeOK {
			t.Errorf("after the others ended: %v", res.Code)
		}
	})
}

func TestCircuitsPerPeer(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{CircuitsPerPeer: 1}))
		r, x, y, asker := rawJoin(t, a), rawJoin(t, a), rawJoin(t, a), rawJoin(t, a)
		for _, target := range []*raw{x, y} {
			go func() {
				if in, err := target.receive(); err == nil {
					target.send(pxp.Res{ID: in.(pxp.Incoming).ID})
				}
			}()
		}
		token := func(r *raw, to *raw) pxp.Token {
			for _, c := range r.query() {
				if c.Peer == to.key.ID() {
					return c.Token
				}
			}
			t.Fatal("not offered")
			return pxp.Token{}
		}
		if code := r.relay(token(r, x)); code != pxp.CodeOK {
			t.Fatalf("first circuit: %v", code)
		}
		if code := r.relay(token(r, y)); code != pxp.CodeLimit {
			t.Errorf("second circuit of one asker where one is allowed: %v", code)
		}
		if code := asker.relay(token(asker, x)); code != pxp.CodeLimit {
			t.Errorf("second circuit to one target where one is allowed: %v", code)
		}
	})
}

func TestStreamBacklog(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{StreamBacklog: 2}))
		b := w.node()
		x, y := b.connect(a)
		l, err := a.Listen("s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Listen("s"); err == nil {
			t.Error("a second listener of one name was given")
		}
		if _, err := a.Listen("a\x00b"); err == nil {
			t.Error("a listener for a name that no stream can have was given")
		}
		var streams []*exchange.Conn
		for range 3 {
			s, err := x.Peer().OpenStream(context.Background(), "s")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			streams = append(streams, s)
			synctest.Wait()
		}
		if _, err := streams[2].Read(make([]byte, 1)); !errors.Is(err, mux.ErrReset) {
			t.Errorf("the third stream where two may wait: %v, want a reset", err)
		}
		for range 2 {
			if _, err := l.Accept(); err != nil {
				t.Error(err)
			}
		}
		l.Close()
		if _, err = a.Listen("s"); err != nil {
			t.Errorf("after Close the name is not free: %v", err)
		}
		exchangeBytes(t, x, y)
	})
}

// What a hello tells the other side.
func TestHello(t *testing.T) {
	a, b := newExchange(&exchange.Config{Agent: "a/1\x1b[2J", RefuseIncoming: true}), newExchange(nil)
	defer a.Close()
	defer b.Close()
	near, far, err := tcpPair()
	if err != nil {
		t.Fatal(err)
	}
	want := near.LocalAddr().String()
	go a.Accept(context.Background(), far)
	conn, err := b.Connect(context.Background(), near)
	if err != nil {
		t.Fatal(err)
	}
	p := conn.Peer()
	if p.Observed() != want {
		t.Errorf("observed at %q, want %q", p.Observed(), want)
	}
	if p.Agent() != "a/1\uFFFD[2J" {
		t.Errorf("agent %q", p.Agent())
	}
	if p.Accepts() {
		t.Error("a peer that refuses to be met is said to accept")
	}
	if p.Path().Carrier != exchange.CarrierTCP || p.Protocol() != 2 {
		t.Errorf("path %v, protocol %d", p.Path(), p.Protocol())
	}
}

// Strangers who open all the streams they can, and peers of circuits likewise,
// take nothing from the budget that peers need.
func TestOutsidersAndBudget(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{Peers: 4, ExchangeBytes: 4 << 20}))
		b := w.node()
		x, y := b.connect(a)
		before := a.Stats().PromisedBytes
		for range 8 {
			c, err := a.door.Dial(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			r := rawDial(t, c, newKey(t))
			for range 50 {
				s, err := r.mux.Open(context.Background(), "x")
				if err != nil {
					break
				}
				_, _ = s.Write([]byte("x"))
			}
		}
		synctest.Wait()
		if n := a.Stats().PromisedBytes; n != before {
			t.Errorf("strangers took %d bytes of the budget", n-before)
		}
		l, err := a.Listen("s")
		if err != nil {
			t.Fatal(err)
		}
		s, err := x.Peer().OpenStream(context.Background(), "s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		exchangeBytes(t, x, y)
		w.node().connect(a)
	})
}

// One peer cannot take all places for meetings, nor introduce somebody twice.
func TestMeetingsPerPeer(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.node(withLimits(exchange.Limits{MeetingsPerPeer: 2}))
		r, other := rawJoin(t, a), rawJoin(t, a)
		introduce := func(r *raw, from byte) pxp.Code {
			r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{from}, From: identity.ID{from}})
			return expect[pxp.Res](r).Code
		}
		for i, want := range []pxp.Code{pxp.CodeOK, pxp.CodeDuplicate, pxp.CodeOK, pxp.CodeLimit} {
			from := []byte{1, 1, 2, 3}[i]
			if got := introduce(r, from); got != want {
				t.Errorf("introduction %d: %v, want %v", i+1, got, want)
			}
		}
		if got := introduce(other, 4); got != pxp.CodeOK {
			t.Errorf("introduced by another peer: %v", got)
		}
	})
}
