package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/secure"
)

// reached is how hostile peers, played by hand, meet one of the limits.
type reached struct {
	limit   string          // a field of exchange.Limits
	changed exchange.Limits // has another value of it
	also    exchange.Limits // of others, for both values
	play    func(v *besieged)
}

// often is for plays that ask for peers again and again.
var often = exchange.Limits{QueryEvery: 1, QueryBurst: 1e6}

var reachedLimits = []reached{
	{"HandshakeTime", exchange.Limits{HandshakeTime: 3 * time.Second}, exchange.Limits{}, reachHandshakeTime},
	{"RequestTime", exchange.Limits{RequestTime: 3 * time.Second}, exchange.Limits{}, reachRequestTime},
	{"UpgradeTime", exchange.Limits{UpgradeTime: 4 * time.Second}, exchange.Limits{}, reachUpgradeTime},
	{"KeepAlive", exchange.Limits{KeepAlive: 4 * time.Second}, exchange.Limits{}, reachKeepAlive},
	{"DeadAfter", exchange.Limits{DeadAfter: 9 * time.Second}, exchange.Limits{KeepAlive: 2 * time.Second}, reachDeadAfter},

	{"Unauthenticated", exchange.Limits{Unauthenticated: 5}, exchange.Limits{}, reachUnauthenticated},
	{"UnauthenticatedPerAddress", exchange.Limits{UnauthenticatedPerAddress: 3}, exchange.Limits{}, reachUnauthenticatedPerAddress},
	{"HandshakesPerSecond", exchange.Limits{HandshakesPerSecond: 2}, exchange.Limits{HandshakeTime: 3 * time.Second}, reachHandshakesPerSecond},
	{"HandshakeBurst", exchange.Limits{HandshakeBurst: 7}, exchange.Limits{}, reachHandshakesPerSecond},
	{"HandshakesPerAddress", exchange.Limits{HandshakesPerAddress: 1}, exchange.Limits{HandshakeTime: 3 * time.Second}, reachHandshakesPerAddress},
	{"Peers", exchange.Limits{Peers: 3}, exchange.Limits{}, reachPeers},
	{"PeersPerAddress", exchange.Limits{PeersPerAddress: 2}, exchange.Limits{}, reachPeersPerAddress},

	{"Requests", exchange.Limits{Requests: 2}, often, reachRequests},
	{"RequestsPerSecond", exchange.Limits{RequestsPerSecond: 5}, exchange.Limits{}, reachRequestsPerSecond},
	{"RequestBurst", exchange.Limits{RequestBurst: 4}, exchange.Limits{}, reachRequestsPerSecond},
	{"QueryEvery", exchange.Limits{QueryEvery: 2 * time.Second}, exchange.Limits{}, reachQueryEvery},
	{"QueryBurst", exchange.Limits{QueryBurst: 1}, exchange.Limits{}, reachQueryEvery},
	{"Candidates", exchange.Limits{Candidates: 2}, exchange.Limits{}, reachCandidates},
	{"Tokens", exchange.Limits{Tokens: 3}, often, reachTokens},
	{"TokenLife", exchange.Limits{TokenLife: 3 * time.Second}, exchange.Limits{}, reachTokenLife},

	{"Circuits", exchange.Limits{Circuits: 2}, exchange.Limits{CircuitsPerPeer: 16, QueryEvery: 1, QueryBurst: 1e6, RequestBurst: 1e6}, reachCircuits},
	{"CircuitsPerPeer", exchange.Limits{CircuitsPerPeer: 1}, often, reachCircuitsPerPeer},
	{"CircuitBytes", exchange.Limits{CircuitBytes: 100_000}, exchange.Limits{}, reachCircuitBytes},
	{"CircuitTime", exchange.Limits{CircuitTime: 5 * time.Second}, exchange.Limits{}, reachCircuitTime},
	{"Meetings", exchange.Limits{Meetings: 2}, exchange.Limits{}, reachMeetings},
	{"MeetingsPerPeer", exchange.Limits{MeetingsPerPeer: 1}, exchange.Limits{}, reachMeetings},

	{"Streams", exchange.Limits{Streams: 4}, exchange.Limits{}, reachStreams},
	{"StreamsPerSecond", exchange.Limits{StreamsPerSecond: 5}, exchange.Limits{}, reachStreamsPerSecond},
	{"StreamBurst", exchange.Limits{StreamBurst: 6}, exchange.Limits{}, reachStreamsPerSecond},
	{"StreamBacklog", exchange.Limits{StreamBacklog: 2}, exchange.Limits{}, reachStreamBacklog},
	{"StreamWindow", exchange.Limits{StreamWindow: 3 * mux.Window}, exchange.Limits{}, reachStreamWindow},
	{"SessionBytes", exchange.Limits{SessionBytes: (128 + 5) * mux.Window}, exchange.Limits{}, reachSessionBytes},
	{"ExchangeBytes", exchange.Limits{ExchangeBytes: 5 << 20, Peers: 5}, exchange.Limits{StreamBacklog: 1e6}, reachExchangeBytes},
}

// Each limit is reached by hostile peers, at its default and at another value: there is an error that names it or the peer is
// slowed, and told so where PXP has a code for it; what it held is given back; and an honest peer of the same node
// notices nothing.
func TestLimitsReached(t *testing.T) {
	for _, row := range reachedLimits {
		t.Run(row.limit, func(t *testing.T) {
			t.Run("default", func(t *testing.T) { row.check(t, row.also) })
			both, changed := row.also, reflect.ValueOf(row.changed)
			for i := range changed.NumField() {
				if !changed.Field(i).IsZero() {
					reflect.ValueOf(&both).Elem().Field(i).Set(changed.Field(i))
				}
			}
			t.Run("changed", func(t *testing.T) { row.check(t, both) })
		})
	}
}

// No limit is without a row, and each row changes its limit.
func TestLimitsAreReached(t *testing.T) {
	fields := reflect.TypeFor[exchange.Limits]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		at := slices.IndexFunc(reachedLimits, func(r reached) bool { return r.limit == name })
		if at < 0 {
			t.Errorf("no hostile peer reaches %s", name)
			continue
		}
		changed := reflect.ValueOf(reachedLimits[at].changed).Field(i)
		if changed.IsZero() || changed.Equal(reflect.ValueOf(exchange.DefaultLimits()).Field(i)) {
			t.Errorf("the row of %s does not change it", name)
		}
	}
}

func (row reached) check(t *testing.T, l exchange.Limits) {
	bubble.Run(t, func(t *testing.T) {
		v := besiege(t, l)
		time.Sleep(67 * time.Second) // all rates are at rest, and no keepalive is under way
		before := v.held()
		row.play(v)
		for _, r := range v.hostile {
			r.mux.Close()
		}
		for _, c := range v.sockets {
			c.Close()
		}
		for over := time.Now(); ; time.Sleep(500 * time.Millisecond) {
			after := v.held()
			if after.stats == before.stats && after.goroutines <= before.goroutines {
				break
			}
			if time.Since(over) > 5*time.Second {
				_, stacks := bubble.Goroutines()
				t.Errorf("5 s after there is %+v, before it was %+v\n%s", after, before, stacks)
				break
			}
		}
		if v.Peer(v.honest.ID()) != v.far.Peer() {
			t.Error("the honest peer has gone")
		}
		exchangeBytes(t, v.near, v.far)
	})
}

// besieged is a node with an honest peer and hostile ones.
type besieged struct {
	*node
	w         *world
	limits    exchange.Limits // all of them
	honest    *node
	near, far *exchange.Conn // the honest peer's end of its data stream, and ours

	addresses int
	hostile   []*raw
	sockets   []net.Conn
}

func besiege(t *testing.T, l exchange.Limits) *besieged {
	t.Helper()
	w := newWorld(t)
	v := &besieged{w: w, limits: exchange.DefaultLimits(), node: w.node(withLimits(l))}
	v.honest = w.node(func(c *exchange.Config) { c.RefuseIncoming = true })
	set := reflect.ValueOf(l)
	for i := range set.NumField() {
		if !set.Field(i).IsZero() {
			reflect.ValueOf(&v.limits).Elem().Field(i).Set(set.Field(i))
		}
	}
	v.near, v.far = v.honest.connect(v.node)
	return v
}

// holds is what a node holds.
type holds struct {
	goroutines int // as bubble.Goroutines counts them
	stats      exchange.Stats
}

func (v *besieged) held() holds {
	synctest.Wait()
	s := v.Stats()
	n, _ := bubble.Goroutines()
	return holds{
		n,
		exchange.Stats{Peers: s.Peers, Conns: s.Conns, Circuits: s.Circuits, PromisedBytes: s.PromisedBytes},
	}
}

// address is one that nobody has used.
func (v *besieged) address() string {
	v.addresses++
	return fmt.Sprintf("10.0.%d.%d:1", v.addresses>>8, v.addresses&255)
}

// socket is a connection of somebody who has said nothing.
func (v *besieged) socket(from string) *memnet.Conn {
	v.t.Helper()
	c, err := v.door.DialFrom(context.Background(), from)
	if err != nil {
		v.t.Fatal(err)
	}
	v.sockets = append(v.sockets, c)
	return c
}

// unbounded are the limits that hostile peers set themselves.
var unbounded = &mux.Config{MaxStreams: 1 << 10, SessionBytes: 1 << 30, StreamsPerSecond: 1e6, StreamBurst: 1e6}

// stranger has proved an identity, and not said hello.
func (v *besieged) stranger(from string) *raw {
	v.t.Helper()
	r := rawDialWith(v.t, v.socket(from), newKey(v.t), unbounded)
	v.hostile = append(v.hostile, r)
	return r
}

// peer has joined, and is not heard of again by itself.
func (v *besieged) peer(from string) *raw {
	v.t.Helper()
	r := v.stranger(from)
	r.join()
	v.accept()
	return r
}

// refusedJoin is what a stranger is told who cannot become a peer.
func (v *besieged) refusedJoin(from string) pxp.Code {
	v.t.Helper()
	r := v.stranger(from)
	r.send(r.helloMessage(secure.Dialer, "test", ""))
	r.send(pxp.Connect{ID: r.id()})
	expect[pxp.Hello](r)
	return expect[pxp.Res](r).Code
}

// turnedAway waits until somebody was not admitted because of what is says.
func (v *besieged) turnedAway(what string, is func(error) bool) {
	v.t.Helper()
	waitEvent(v.node, "not admitted because of "+what, func(e exchange.StepDone) bool {
		return e.Step == exchange.StepHandshake && e.Err != nil && is(e.Err)
	})
}

func isLimit(name string) func(error) bool {
	return func(err error) bool {
		var e *exchange.LimitError
		var m *mux.LimitError
		return errors.As(err, &e) && e.Limit == name || errors.As(err, &m) && m.Limit == name
	}
}

// took checks how long something took.
func (v *besieged) took(what string, began time.Time, least, most time.Duration) {
	v.t.Helper()
	if d := time.Since(began); d < least || d > most {
		v.t.Errorf("%s took %v, want %v to %v", what, d, least, most)
	}
}

func (v *besieged) code(what string, got, want pxp.Code) {
	v.t.Helper()
	if got != want {
		v.t.Errorf("%s: %v, want %v", what, got, want)
	}
}
