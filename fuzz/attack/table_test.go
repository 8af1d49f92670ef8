package attack_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/fuzz/attack"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// long is enough for a peer to be sent away that asks too much for DeadAfter.
const long = 60 * time.Second

var table = []expected{
	{name: "hello/silence", lasts: 15 * time.Second, why: is(exchange.ErrTimeout)},
	{name: "hello/silences", lasts: 15 * time.Second, why: is(exchange.ErrTimeout)},
	{name: "hello/drip", lasts: 15 * time.Second, why: is(exchange.ErrTimeout)},
	{name: "hello/half", lasts: 15 * time.Second, why: is(exchange.ErrTimeout)},
	{name: "hello/length", why: is(secure.ErrHandshake)},
	{name: "hello/magic", why: is(exchange.ErrNotPXP)},
	{name: "hello/connect", why: is(exchange.ErrLost)},
	{name: "hello/handshakes", why: is(exchange.ErrWrongNetwork), bye: pxp.CodeWrongNetwork},
	{name: "hello/replay", why: is(secure.ErrHandshake)},
	{name: "hello/points", why: is(secure.ErrHandshake)},
	{name: "hello/signature", why: is(secure.ErrIdentity)},
	{name: "hello/identity", why: is(secure.ErrIdentity)},
	{name: "hello/stolen", why: is(secure.ErrIdentity), also: func(_ attack.Tally, m most) error {
		if !because(m.errs, is(secure.ErrHandshake)) {
			return fmt.Errorf("nobody failed the handshake: %v", m.errs)
		}
		return nil
	}},
	{name: "hello/session", lasts: 15 * time.Second, why: is(exchange.ErrTimeout)},

	{name: "control/nested", why: protocol, bye: pxp.CodeProtocol},
	{name: "control/elements", why: protocol, bye: pxp.CodeProtocol},
	{name: "control/strings", why: protocol, bye: pxp.CodeProtocol},
	{name: "control/length", why: protocol, bye: pxp.CodeProtocol},
	{name: "control/skipped", code: pxp.CodeOK, also: slowed(5 * time.Second)},
	{name: "control/unknown", lasts: long, rate: 200, why: limit("RequestsPerSecond"), code: pxp.CodeUnsupported, also: slowed(long)},
	{name: "control/notices", lasts: long, rate: 200, why: limit("RequestsPerSecond")},
	{name: "control/answers", why: protocol, bye: pxp.CodeProtocol},
	{name: "control/duplicates", code: pxp.CodeLimit, also: slowed(5 * time.Second)},
	{name: "control/pings", lasts: long, rate: 200, why: limit("RequestsPerSecond"), code: pxp.CodeOK, also: slowed(long)},
	{name: "control/queries", code: pxp.CodeLimit, also: slowed(5 * time.Second)},
	{name: "control/unread", lasts: long, why: limit("RequestsPerSecond")},
	{name: "control/hello", why: protocol, bye: pxp.CodeProtocol},
	{name: "control/joins", why: is(exchange.ErrLost)},
	{name: "control/places", why: limit("Peers"), bye: pxp.CodeLimit, also: peers(exchange.DefaultLimits().Peers)},
	{name: "control/address", why: limit("PeersPerAddress"), bye: pxp.CodeLimit, also: peers(1 + exchange.DefaultLimits().PeersPerAddress)},

	{name: "mux/streams", rate: 2000, lasts: 2 * time.Second, why: limit(mux.LimitStreamRate), goAway: true},
	{name: "mux/names", rate: 2000, lasts: 2 * time.Second, why: limit(mux.LimitStreamRate), goAway: true},
	{name: "mux/nameless", also: func(_ attack.Tally, m most) error { return promised(m, hostilePeers*(64+2)+2) }},
	{name: "mux/unread", rate: 200, also: func(_ attack.Tally, m most) error { return promised(m, 2*hostilePeers+2) }},
	{name: "mux/grow", rate: 4000, also: func(_ attack.Tally, m most) error {
		if most := int64(exchange.DefaultLimits().ExchangeBytes) * 3 / 4; m.stats.PromisedBytes > most || m.stats.PromisedBytes < 8<<20 {
			return fmt.Errorf("%d bytes were promised; windows should grow, and not beyond %d", m.stats.PromisedBytes, most)
		}
		return nil
	}},
	{name: "mux/overrun", why: limit(mux.LimitStreamWindow), goAway: true},
	{name: "mux/giant", why: limit(mux.LimitFrameBytes), goAway: true},
	{name: "mux/closed", why: muxProtocol, goAway: true},
	{name: "mux/dead", why: limit(mux.LimitResetBytes), goAway: true},
	{name: "mux/unopened", why: muxProtocol, goAway: true},
	{name: "mux/parity", why: muxProtocol, goAway: true},
	{name: "mux/alive", rate: 1, lasts: long}, // it keeps its place
	{name: "mux/pongs", rate: 500, why: limit(mux.LimitPings), goAway: true},
	{name: "mux/closing"},
	{name: "mux/pings", rate: 2000, lasts: 2 * time.Second, why: limit(mux.LimitPings), goAway: true},
	{name: "mux/windows", rate: 500},
	{name: "mux/empty", rate: 500},

	{name: "v1/nested", why: protocol},
	{name: "v1/line", why: protocol},
	{name: "v1/values", why: protocol},
	{name: "v1/unknown", lasts: long, rate: 200, why: limit("RequestsPerSecond")},
	{name: "v1/upgrades", lasts: long, rate: 200, why: limit("RequestsPerSecond")},
	{name: "v1/unread", lasts: long, rate: 200, why: limit(mux.LimitUnreadBytes), also: func(_ attack.Tally, m most) error {
		return promised(m, hostilePeers*(16+2)+2)
	}},
	{name: "v1/giant"},
	{name: "v1/streams", rate: 2000, lasts: 2 * time.Second, why: limit(mux.LimitStreamRate)},
	{name: "v1/dead"},

	{name: "discovery/crowd", asks: true, lasts: 20 * time.Second, why: func(err error) bool { return errors.Is(err, exchange.ErrTimeout) }},
	{name: "discovery/itself", asks: true, lasts: 20 * time.Second, also: func(_ attack.Tally, m most) error {
		if !because(m.logged, is(exchange.ErrNoCandidates)) {
			return fmt.Errorf("the victim was told of nobody, and says %v", m.logged)
		}
		return nil
	}},
	{name: "discovery/dead", asks: true, lasts: 20 * time.Second, why: func(err error) bool {
		var e *exchange.RemoteError
		return errors.As(err, &e) && e.Code == pxp.CodeUnknownToken
	}},
	{name: "discovery/churn", rate: 200, why: is(exchange.ErrLost)},
	{name: "discovery/guess", code: pxp.CodeUnknownToken},
	{name: "discovery/reuse", code: pxp.CodeUnknownToken},
	{name: "discovery/others", code: pxp.CodeUnknownToken},
	{name: "discovery/introduce", code: pxp.CodeLimit},

	{name: "relay/left", also: circuits},
	{name: "relay/idle", lasts: long, also: circuits},
	{name: "relay/bytes", also: relayed},
	{name: "relay/unread", lasts: long, also: circuits},
	{name: "relay/unanswered", lasts: 20 * time.Second, code: pxp.CodeUnreachable, also: circuits},
	{name: "relay/oneself", code: pxp.CodeSelf},
	{name: "relay/self", code: pxp.CodeDuplicate},

	{name: "between/altered", asks: true, lasts: 10 * time.Second, why: attack.NotAuthentic, also: noticed},
	{name: "between/truncated", asks: true, lasts: 10 * time.Second, why: attack.NotAuthentic, also: noticed},
	{name: "between/left-out", asks: true, lasts: 10 * time.Second, why: is(secure.ErrAuthentication), also: noticed},
	{name: "between/replayed", asks: true, lasts: 10 * time.Second, why: attack.NotAuthentic, also: noticed},
	{name: "between/reordered", asks: true, lasts: 10 * time.Second, why: is(secure.ErrAuthentication), also: noticed},
	{name: "between/returned", asks: true, lasts: 10 * time.Second, why: attack.NotAuthentic, also: noticed},
	{name: "between/swapped", asks: true, lasts: 10 * time.Second, why: attack.NotAuthentic, also: noticed},
	{name: "between/itself", asks: true, lasts: 10 * time.Second, why: is(secure.ErrIdentity), also: noticed},
	{name: "between/mirror", asks: true, lasts: 10 * time.Second, why: is(secure.ErrIdentity)},
	{name: "between/cut", asks: true, lasts: 10 * time.Second, why: is(exchange.ErrLost)},

	{name: "names/agent"},
	{name: "names/bye", why: func(err error) bool { var e *exchange.RemoteError; return errors.As(err, &e) }},
	{name: "names/streams"},
	{name: "names/magic", why: is(exchange.ErrNotPXP)},
}

// hostilePeers is how many peers an attack of members plays.
const hostilePeers = 4

// promised checks that no more than so many windows of new streams were promised.
func promised(m most, windows int64) error {
	if m.stats.PromisedBytes > windows*mux.Window {
		return fmt.Errorf("%d bytes were promised, want %d windows at most", m.stats.PromisedBytes, windows)
	}
	return nil
}

// peers checks that there were no more than so many.
func peers(max int) func(attack.Tally, most) error {
	return func(_ attack.Tally, m most) error {
		if m.stats.Peers > max {
			return fmt.Errorf("%d peers, want %d at most", m.stats.Peers, max)
		}
		return nil
	}
}

// circuits checks that there were some, and no more than each pair of the attacker's peers and the honest one may have.
func circuits(_ attack.Tally, m most) error {
	peers := 2*hostilePeers + 1 // the attacker plays both ends
	if n := m.stats.Circuits; n == 0 || n > peers*exchange.DefaultLimits().CircuitsPerPeer {
		return fmt.Errorf("%d circuits", n)
	}
	return nil
}

// relayed checks that no circuit carried more than its limit.
func relayed(_ attack.Tally, m most) error {
	if most := exchange.DefaultLimits().CircuitBytes * int64(m.stats.CircuitsEnded); m.stats.RelayedBytes == 0 || m.stats.RelayedBytes > most {
		return fmt.Errorf("%d bytes through %d circuits", m.stats.RelayedBytes, m.stats.CircuitsEnded)
	}
	return nil
}

// noticed checks that both ends of the circuits that were carried have noticed what was done to them: the target as asker,
// which is why, and as candidate, and the other one in both parts.
func noticed(t attack.Tally, m most) error {
	most := t.Carried * 9 / 10 // some are under way when it ends
	if t.Carried < 100 || t.Noticed < most {
		return fmt.Errorf("of %d circuits the other end found %d not authentic", t.Carried, t.Noticed)
	}
	found := 0
	for _, err := range m.logged {
		if attack.NotAuthentic(err) {
			found++
		}
	}
	if found < most {
		return fmt.Errorf("of %d circuits the victim found %d not authentic", t.Carried, found)
	}
	return nil
}
