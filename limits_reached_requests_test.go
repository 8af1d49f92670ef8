package exchange_test

import (
	"context"
	"errors"
	"sync"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
)

// This file is how members reach limits by what they ask, and by what they leave
// unanswered.

// obliging is a hostile peer that looks like an honest one: it answers pings and
// comes to each circuit.
type obliging struct {
	*raw
	answers chan pxp.Res    // capacity enough
	ends    chan mux.Stream // of circuits; capacity enough
}

func (v *besieged) obliging() *obliging {
	v.t.Helper()
	o := &obliging{v.peer(v.address()), make(chan pxp.Res, 1<<10), make(chan mux.Stream, 1<<10)}
	go o.run() // ends with the session
	return o
}

func (o *obliging) run() {
	for {
		m, err := o.receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case pxp.Ping:
			o.say(pxp.Res{ID: m.ID})
		case pxp.Res:
			o.answers <- m
		case pxp.Incoming:
			o.say(pxp.Res{ID: m.ID})
			if s, err := o.mux.Open(context.Background(), pxp.RelayStream(m.Token)); err == nil {
				_, _ = s.Write(nil)
				o.ends <- s
			}
		}
	}
}

func (o *obliging) say(m pxp.Message) {
	b, _ := pxp.Append(nil, m)
	_, _ = o.control.Write(b)
}

func (o *obliging) query() []pxp.Candidate {
	o.say(pxp.GetPeers{ID: o.id(), Max: 8})
	return (<-o.answers).Candidates
}

func (o *obliging) relay(token pxp.Token) pxp.Code {
	o.say(pxp.Relay{ID: o.id(), Token: token})
	return (<-o.answers).Code
}

// token is one for another.
func (o *obliging) token(to *obliging) pxp.Token {
	for {
		for _, c := range o.query() {
			if c.Peer == to.key.ID() {
				return c.Token
			}
		}
	}
}

// circuit asks for one to another, and opens its end.
func (o *obliging) circuit(to *obliging) (pxp.Code, mux.Stream) {
	token := o.token(to)
	near := o.openRelay(token)
	return o.relay(token), near
}

func reachRequestTime(v *besieged) {
	v.peer(v.address())
	began := time.Now()
	if _, err := v.GetNewPeer(context.Background()); !errors.Is(err, exchange.ErrTimeout) {
		v.t.Errorf("GetNewPeer: %v, want ErrTimeout", err)
	}
	v.took("asking", began, v.limits.RequestTime, v.limits.RequestTime+time.Second)
}

func reachUpgradeTime(v *besieged) {
	r := v.peer(v.address())
	v.web.fault.Store(fault(waitForEnd))
	began := time.Now()
	done := make(chan error, 1)
	go func() {
		_, err := v.GetNewPeer(context.Background())
		done <- err
	}()
	inner := r.beCandidate(newKey(v.t), "test")
	v.hostile = append(v.hostile, inner)
	v.code("no answer to an offer", inner.expectEnd().Code, pxp.CodeTimeout)
	if err := <-done; !errors.Is(err, exchange.ErrTimeout) {
		v.t.Errorf("GetNewPeer: %v, want ErrTimeout", err)
	}
	v.took("the upgrade", began, v.limits.UpgradeTime, v.limits.UpgradeTime+2*time.Second)
}

func reachRequests(v *besieged) {
	v.peer(v.address())
	var wg sync.WaitGroup
	for range v.limits.Requests {
		wg.Go(func() { _, _ = v.GetNewPeer(context.Background()) })
		synctest.Wait()
	}
	if _, err := v.GetNewPeer(context.Background()); !isLimit("Requests")(err) {
		v.t.Errorf("one request more: %v", err)
	}
	wg.Wait()
}

func reachRequestsPerSecond(v *besieged) {
	r := v.peer(v.address())
	began := time.Now()
	flooded := make(chan struct{})
	go func() { // ends with the session
		defer close(flooded)
		b, _ := pxp.Append(nil, pxp.Ping{ID: 7})
		for {
			if _, err := r.control.Write(b); err != nil {
				return
			}
		}
	}()
	answers := 0
	for {
		m, err := r.receive()
		if err != nil {
			break
		}
		switch m := m.(type) {
		case pxp.Res:
			answers++
		case pxp.Bye:
			v.code("asking too much", m.Code, pxp.CodeLimit)
		}
	}
	<-flooded
	if err := v.left(r.key.ID()); !isLimit("RequestsPerSecond")(err) {
		v.t.Errorf("left with %v", err)
	}
	v.took("the flood", began, v.limits.DeadAfter, v.limits.DeadAfter+2*time.Second)
	want := v.limits.RequestBurst + v.limits.RequestsPerSecond*int(time.Since(began)/time.Second)
	if answers < want*9/10 || answers > want+v.limits.RequestsPerSecond {
		v.t.Errorf("%d requests were answered, about %d may be", answers, want)
	}
}

func reachQueryEvery(v *besieged) {
	r := v.peer(v.address())
	ask := func(want pxp.Code) {
		v.t.Helper()
		r.send(pxp.GetPeers{ID: r.id(), Max: 8})
		v.code("getpeers", expect[pxp.Res](r).Code, want)
	}
	for range v.limits.QueryBurst {
		ask(pxp.CodeOK)
	}
	ask(pxp.CodeLimit)
	time.Sleep(v.limits.QueryEvery)
	ask(pxp.CodeOK)
	ask(pxp.CodeLimit)
}

func reachCandidates(v *besieged) {
	for range 10 {
		v.peer(v.address())
	}
	if got := v.obliging().query(); len(got) != v.limits.Candidates {
		v.t.Errorf("%d candidates, want %d", len(got), v.limits.Candidates)
	}
}

func reachTokens(v *besieged) {
	for range 10 {
		v.obliging()
	}
	o := v.obliging()
	var tokens []pxp.Token
	for len(tokens) <= v.limits.Tokens {
		for _, c := range o.query() {
			tokens = append(tokens, c.Token)
		}
	}
	oldest := len(tokens) - v.limits.Tokens
	v.code("a token that has given way", o.relay(tokens[oldest-1]), pxp.CodeUnknownToken)
	v.code("the oldest token that has not", o.relay(tokens[oldest]), pxp.CodeOK)
}

func reachTokenLife(v *besieged) {
	early, late, target := v.obliging(), v.obliging(), v.obliging()
	one, other := early.token(target), late.token(target)
	time.Sleep(v.limits.TokenLife - time.Second)
	v.code("a token in time", early.relay(one), pxp.CodeOK)
	time.Sleep(2 * time.Second)
	v.code("a token after its time", late.relay(other), pxp.CodeUnknownToken)
}

func reachCircuits(v *besieged) {
	all := make([]*obliging, 12) // 66 pairs
	for i := range all {
		all[i] = v.obliging()
	}
	n := 0
	for i, a := range all {
		for _, b := range all[:i] {
			if n > v.limits.Circuits {
				return
			}
			want := pxp.CodeOK
			if n++; n > v.limits.Circuits {
				want = pxp.CodeLimit
			}
			code, _ := a.circuit(b)
			v.code("a circuit", code, want)
		}
	}
	v.t.Errorf("%d circuits did not reach the limit", n)
}

func reachCircuitsPerPeer(v *besieged) {
	one := v.obliging()
	for i := range v.limits.CircuitsPerPeer + 1 {
		want := pxp.CodeOK
		if i == v.limits.CircuitsPerPeer {
			want = pxp.CodeLimit
		}
		code, _ := one.circuit(v.obliging())
		v.code("a circuit of one asker", code, want)
	}
	one = v.obliging()
	for i := range v.limits.CircuitsPerPeer + 1 {
		want := pxp.CodeOK
		if i == v.limits.CircuitsPerPeer {
			want = pxp.CodeLimit
		}
		code, _ := v.obliging().circuit(one)
		v.code("a circuit to one target", code, want)
	}
}

func reachCircuitBytes(v *besieged) {
	a, b := v.obliging(), v.obliging()
	code, near := a.circuit(b)
	v.code("a circuit", code, pxp.CodeOK)
	far := <-b.ends
	written := make(chan error, 1)
	go func() { // ends with the circuit
		for {
			if _, err := near.Write(make([]byte, 1<<10)); err != nil {
				written <- err
				return
			}
		}
	}()
	n := 0
	for buf := make([]byte, 32<<10); ; {
		m, err := far.Read(buf)
		if n += m; err != nil {
			if !errors.Is(err, mux.ErrReset) {
				v.t.Errorf("the far end: %v, want a reset", err)
			}
			break
		}
	}
	if err := <-written; !errors.Is(err, mux.ErrReset) {
		v.t.Errorf("the near end: %v, want a reset", err)
	}
	synctest.Wait()
	s := v.Stats()
	if most := v.limits.CircuitBytes; int64(n) > most || s.RelayedBytes > most || s.RelayedBytes < most-64<<10 || s.Circuits != 0 {
		v.t.Errorf("%d bytes came through, %d were relayed, limit %d; %d circuits", n, s.RelayedBytes, most, s.Circuits)
	}
}

func reachCircuitTime(v *besieged) {
	a, b := v.obliging(), v.obliging()
	began := time.Now()
	code, near := a.circuit(b)
	v.code("a circuit", code, pxp.CodeOK)
	wantReset(v.t, near, "a circuit beyond its time")
	v.took("the circuit", began, v.limits.CircuitTime, v.limits.CircuitTime+time.Second)
}

func reachMeetings(v *besieged) {
	var relays []*raw
	n := 0
	introduce := func(r *raw, want pxp.Code) {
		v.t.Helper()
		n++
		r.send(pxp.Incoming{ID: r.id(), Token: pxp.Token{byte(n)}, From: identity.ID{byte(n)}})
		v.code("an introduction", expect[pxp.Res](r).Code, want)
	}
	for left := v.limits.Meetings; left > 0; left -= v.limits.MeetingsPerPeer {
		r := v.peer(v.address())
		relays = append(relays, r)
		for range min(left, v.limits.MeetingsPerPeer) {
			introduce(r, pxp.CodeOK)
		}
		if left > v.limits.MeetingsPerPeer {
			introduce(r, pxp.CodeLimit) // of MeetingsPerPeer
		}
	}
	introduce(v.peer(v.address()), pxp.CodeLimit)    // of Meetings
	time.Sleep(v.limits.HandshakeTime + time.Second) // nobody came
	introduce(relays[0], pxp.CodeOK)
}
