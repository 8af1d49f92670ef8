package attack_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/fuzz/attack"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
)

// expected is what an attack comes to.
type expected struct {
	name  string
	rate  int           // actions a second; 0: 20
	lasts time.Duration // 0: 5 s

	why    func(error) bool               // why the attacker was not admitted or left; nil: it stays
	bye    pxp.Code                       // what it is told
	code   pxp.Code                       // what one of its requests is answered
	also   func(attack.Tally, most) error // may be nil
	asks   bool                           // the victim looks for peers meanwhile
	goAway bool                           // its multiplexer says that a rule was broken
}

func protocol(err error) bool {
	var e *exchange.ProtocolError
	return errors.As(err, &e)
}

func limit(name string) func(error) bool {
	return func(err error) bool {
		var e *exchange.LimitError
		var m *mux.LimitError
		return errors.As(err, &e) && e.Limit == name || errors.As(err, &m) && m.Limit == name
	}
}

func muxProtocol(err error) bool {
	var e *mux.ProtocolError
	return errors.As(err, &e)
}

// slowed checks that a peer was not answered more than it may ask.
func slowed(lasts time.Duration) func(attack.Tally, most) error {
	return func(t attack.Tally, _ most) error {
		limits := exchange.DefaultLimits()
		answered := 0
		for _, n := range t.Codes {
			answered += n
		}
		if allowed := t.Peers * (limits.RequestBurst + 1 + limits.RequestsPerSecond*int(lasts/time.Second)); answered > allowed || answered == 0 {
			return fmt.Errorf("%d requests were answered, at most %d may be", answered, allowed)
		}
		return nil
	}
}

// TestAttacks runs each attack against an exchange and checks what it comes to: why the attacker went, what it was told,
// that an honest peer noticed nothing and that all is as before within 5 s.
func TestAttacks(t *testing.T) {
	for _, want := range table {
		t.Run(want.name, func(t *testing.T) {
			a, err := attack.Find(want.name)
			if err != nil {
				t.Fatal(err)
			}
			bubble.Run(t, func(t *testing.T) { want.check(newVictim(t), a) })
		})
	}
}

func (want expected) check(v *victim, a attack.Attack) {
	if want.rate == 0 {
		want.rate = 20
	}
	if want.lasts == 0 {
		want.lasts = 5 * time.Second
	}
	v.asks = want.asks
	tally, seen := v.attacked(a, want.rate, want.lasts)
	errs := v.errorsOf()
	switch {
	case want.why == nil:
		if tally.Ended > 0 {
			v.t.Errorf("%d sessions of the attacker were ended: %v", tally.Ended, errs)
		}
	case !because(errs, want.why):
		v.t.Errorf("nobody was sent away for what was expected, but for %v", errs[:min(len(errs), 5)])
	}
	if want.goAway && tally.GoAways == 0 {
		v.t.Error("nobody was told to go away")
	}
	if want.bye != pxp.CodeOK && tally.Byes[want.bye] == 0 {
		v.t.Errorf("nobody was told %v, but %v", want.bye, tally.Byes)
	}
	if (want.code != pxp.CodeOK || want.why == nil && len(tally.Codes) > 0) && tally.Codes[want.code] == 0 {
		v.t.Errorf("no request was answered %v: %v", want.code, tally.Codes)
	}
	if want.also != nil {
		if err := want.also(tally, seen); err != nil {
			v.t.Error(err)
		}
	}
	if v.t.Failed() {
		v.t.Logf("%+v; at most %+v", tally, seen)
	}
}

// Every attack has a test.
func TestAllAreTested(t *testing.T) {
	tested := make(map[string]bool)
	for _, want := range table {
		tested[want.name] = true
	}
	for _, a := range attack.All() {
		if !tested[a.Name] && !a.Web() && !a.WebRTC() { // TestWebAttacks, TestWebRTCAttacks

			t.Errorf("%s has no row in the table", a.Name)
		}
	}
}
