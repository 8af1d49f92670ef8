package exchange

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/peer-exchange/exchange/identity"
	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// A request is known until it is answered or given up, however many others there
// were, and no longer.
func TestWire1Requests(t *testing.T) {
	l := DefaultLimits()
	w := newWire1(nil, "test", nil)
	c := newControl(new(sink), w, identity.ID{1}, &l, time.Now)
	begin := func() *waiter {
		w, err := c.begin(context.Background(), func(id uint32) pxp.Message { return pxp.Relay{ID: id, Token: pxp.Token{'a'}} }, nil)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	slow := begin()
	for range 1000 {
		begin().forget()
	}
	if len(w.asked) != 1 {
		t.Errorf("%d requests are remembered, one is waited for", len(w.asked))
	}
	if err := w.take([]byte(`["res","0",null]`)); err != nil {
		t.Fatal(err)
	}
	if res, ok := w.ready[0].(pxp.Res); !ok || res.ID != slow.id {
		t.Errorf("its answer is read as %#v", w.ready[0])
	}
	if err := w.take([]byte(`["res","1",null]`)); err != nil || w.ready[1] != pxp.Message(ignored) {
		t.Errorf("an answer to one that was given up: %#v, %v", w.ready[1], err)
	}
}

// What the remote asks is bounded by what we have not answered.
func TestWire1Unanswered(t *testing.T) {
	w := newWire1(nil, "test", nil)
	ask := func(n int) error { return w.take(fmt.Appendf(nil, `["relay",%d,["ada3ce4a"]]`, n)) }
	for i := range maxWire1Asked {
		if err := ask(i); err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
	}
	var limit *LimitError
	for _, line := range []string{`["relay",999,["ada3ce4a"]]`, `["getpeers",999,"elsewhere"]`} {
		if err := w.take([]byte(line)); !errors.As(err, &limit) {
			t.Errorf("%s, one too many: %v, want a LimitError", line, err)
		}
	}
	if _, err := w.append(nil, pxp.Res{ID: 1}); err != nil {
		t.Fatal(err)
	}
	if err := ask(999); err != nil {
		t.Errorf("after one was answered: %v", err)
	}
}

// Which candidates without a name are left out is left to chance: the same one
// each time would never be met.
func TestUnmetIsRandom(t *testing.T) {
	for _, version := range []int{v1.Version, pxp.Version} {
		relay := &Peer{s: &session{version: version, remote: identity.ID{1}}}
		met := &Peer{s: &session{version: version, remote: identity.ID{2}, path: Path{Via: relay.ID()}}}
		other := &Peer{s: &session{version: version, remote: identity.ID{3}}}
		ex := &Exchange{peers: map[identity.ID]*Peer{met.ID(): met, other.ID(): other}, limits: DefaultLimits()}
		if version == pxp.Version {
			ex.metBehind(relay, met.ID())
			ex.metBehind(relay, identity.ID{4}) // has left
		}
		named := pxp.Candidate{Peer: identity.ID{5}}
		left := make(map[pxp.Token]int)
		for range 100 {
			all := []pxp.Candidate{{Token: pxp.Token{1}}, {Token: pxp.Token{2}}}
			if version == pxp.Version {
				all = append(all, named)
			}
			got := ex.unmet(relay, all)
			if len(got) != len(all)-1 {
				t.Fatalf("version %d: %d of %d candidates are left, one was met", version, len(got), len(all))
			}
			for _, c := range got {
				left[c.Token]++
			}
		}
		if left[pxp.Token{1}] == 0 || left[pxp.Token{2}] == 0 {
			t.Errorf("version %d: in 100 draws the candidates were left %v times", version, left)
		}
		if version == pxp.Version && left[pxp.Token{}] != 100 {
			t.Errorf("one with a name was left out %d times", 100-left[pxp.Token{}])
		}
	}
}

// What a relay can make us remember is bounded.
func TestBehindIsBounded(t *testing.T) {
	l := DefaultLimits()
	relay, kept := &Peer{s: &session{remote: identity.ID{1}}}, identity.ID{2}
	ex := &Exchange{peers: map[identity.ID]*Peer{kept: {s: new(session)}}, limits: l}
	ex.metBehind(relay, kept)
	for i := range 10 * l.Peers {
		ex.metBehind(relay, identity.ID{3, byte(i), byte(i >> 8)})
	}
	if n := len(relay.behind); n > 2*l.Peers {
		t.Errorf("%d are remembered, %d may be peers", n, l.Peers)
	}
	if _, ok := relay.behind[kept]; !ok {
		t.Error("a peer was forgotten")
	}
}

// An original that is asked for one candidate twice can end, so who names one
// twice is not asked again.
func TestCandidateNamedTwice(t *testing.T) {
	w := newWire1(nil, "n", &v1.ConnectInfo{})
	name := func(ids ...string) int {
		m := v1.Res{OK: true, List: true}
		for _, id := range ids {
			m.Candidates = append(m.Candidates, v1.Candidate{ID: id, Network: "n", Info: &v1.ConnectInfo{PXP: true, Relay: true, WebRTC: true}})
		}
		return len(w.answer(wire1Ask{1, true}, m).(pxp.Res).Candidates)
	}
	if got := name("a", "b", "a"); got != 2 {
		t.Errorf("%d candidates are taken, want 2", got)
	}
	if got := name("b", "c"); got != 1 {
		t.Errorf("%d candidates are taken later, want 1", got)
	}
	for i := range 2 * maxWire1Named {
		name(fmt.Sprint(i))
	}
	if len(w.named) > maxWire1Named {
		t.Errorf("%d ids are kept", len(w.named))
	}
}

// The shape of an answer must be that of the request (PXP §16.5.7).
func TestWire1ShapeOfAnswers(t *testing.T) {
	list := func(id uint32) pxp.Message { return pxp.GetPeers{ID: id} }
	for name, tt := range map[string]struct {
		request func(id uint32) pxp.Message
		args    string
		granted bool
	}{
		"getpeers null":            {list, `null`, false},
		"getpeers false":           {list, `false`, false},
		"getpeers text":            {list, `"no"`, false},
		"getpeers refused":         {list, `["no"]`, false},
		"getpeers [null]":          {list, `[null]`, false},
		"getpeers none":            {list, `[null,[]]`, true},
		"relay null":               {func(id uint32) pxp.Message { return pxp.Relay{ID: id, Token: pxp.Token{'a'}} }, `null`, true},
		"relay list":               {func(id uint32) pxp.Message { return pxp.Relay{ID: id, Token: pxp.Token{'a'}} }, `[null,[]]`, false},
		"incoming list":            {func(id uint32) pxp.Message { return pxp.Incoming{ID: id, Token: pxp.Token{'a'}} }, `[null,[]]`, false},
		"connect list":             {func(id uint32) pxp.Message { return pxp.Connect{ID: id} }, `[null,[]]`, false},
		"connect [null]":           {func(id uint32) pxp.Message { return pxp.Connect{ID: id} }, `[null]`, false},
		"connect 0, as JavaScript": {func(id uint32) pxp.Message { return pxp.Connect{ID: id} }, `0`, true},
	} {
		w := newWire1(nil, "test", nil)
		if _, err := w.append(nil, tt.request(7)); err != nil {
			t.Fatal(err)
		}
		if err := w.take([]byte(`["res","0",` + tt.args + `]`)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		res, ok := w.ready[0].(pxp.Res)
		if !ok || res.ID != 7 || (res.Code == pxp.CodeOK) != tt.granted || !tt.granted && res.Reason == "" {
			t.Errorf("%s: read as %#v, want granted %v", name, w.ready[0], tt.granted)
		}
	}
}
