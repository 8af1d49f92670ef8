package exchange

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/peer-exchange/exchange/mux"
)

// Limits bounds what peers may make an exchange hold, do and wait for. A zero
// field means its default; a negative one is an error of [New].
type Limits struct {
	HandshakeTime time.Duration // from the first byte to hello; 10 s
	RequestTime   time.Duration // a request on the control stream until its answer; 10 s
	UpgradeTime   time.Duration // from offer to open channel; 15 s
	KeepAlive     time.Duration // a peer of version 2 silent for this long is pinged; 15 s
	DeadAfter     time.Duration // a peer of version 2 silent for this long is gone; 45 s. Version 1 has no ping: its silence ends nothing

	Unauthenticated           int // connections before hello at once; beyond it one of the address that has the most gives way, or none; 128
	UnauthenticatedPerAddress int // of them from one IPv4 address or IPv6 /64; 8
	HandshakesPerSecond       int // handshakes begun with those who connect, on average; beyond it they wait for their turn; 100
	HandshakeBurst            int // and at once, a quarter of it from one address; 200
	HandshakesPerAddress      int // as HandshakesPerSecond, of one IPv4 address or IPv6 /64, loopback excepted; 20
	Peers                     int // sessions with peers; 50. Half of Maintain's target is kept for outgoing ones
	PeersPerAddress           int // of them that connected from one IPv4 address or IPv6 /64, loopback excepted; half of Peers, 25

	Requests          int // requests of ours without an answer, per peer; 64
	RequestsPerSecond int // requests that a peer may send, on average, each KiB begun of a long one counted; beyond it we read slower, after DeadAfter of that we end, in version 1 also when 64 KiB wait; 20
	RequestBurst      int // and at once; 50

	QueryEvery time.Duration // a peer may ask for peers once in this time; 5 s
	QueryBurst int           // and so often at once; 3
	Candidates int           // candidates in one answer, at most 8; 8
	Tokens     int           // candidate tokens outstanding per peer; the oldest gives way; 64
	TokenLife  time.Duration // life of a token; 30 s

	Circuits        int           // circuits through us at once; 64
	CircuitsPerPeer int           // of them per asking peer, and likewise per target; 4
	CircuitBytes    int64         // bytes in both directions through one signaling circuit; 256 KiB
	CircuitTime     time.Duration // life of one signaling circuit; 60 s
	Meetings        int           // incoming circuits that we are an end of, at once; 16
	MeetingsPerPeer int           // of them introduced by one peer; 4

	Streams          int // streams per session that each side may have open; 64
	StreamsPerSecond int // streams that a peer may open, on average; 100
	StreamBurst      int // and at once; 200
	StreamBacklog    int // streams of one name waiting for Accept; 128
	StreamWindow     int // bytes in flight or unread, per stream; 16 MiB
	SessionBytes     int // the same per session, at least 512 KiB for each of Streams; 48 MiB
	ExchangeBytes    int // the same per exchange, at least 1 MiB for each of Peers; half is set aside for Peers in equal parts of 256 KiB; 256 MiB, or 1 MiB for each of Peers if that is more
}

// peerBytes is what a peer needs of ExchangeBytes: half of that is set aside for
// it, which is just enough for its control stream and its data stream.
const peerBytes = 4 * mux.Window

// DefaultLimits returns what zero fields of Limits stand for.
func DefaultLimits() Limits {
	return Limits{
		HandshakeTime: 10 * time.Second,
		RequestTime:   10 * time.Second,
		UpgradeTime:   15 * time.Second,
		KeepAlive:     15 * time.Second,
		DeadAfter:     45 * time.Second,

		Unauthenticated:           128,
		UnauthenticatedPerAddress: 8,
		HandshakesPerSecond:       100,
		HandshakeBurst:            200,
		HandshakesPerAddress:      20,
		Peers:                     50,
		PeersPerAddress:           25,

		Requests:          64,
		RequestsPerSecond: 20,
		RequestBurst:      50,

		QueryEvery: 5 * time.Second,
		QueryBurst: 3,
		Candidates: 8,
		Tokens:     64,
		TokenLife:  30 * time.Second,

		Circuits:        64,
		CircuitsPerPeer: 4,
		CircuitBytes:    256 << 10,
		CircuitTime:     60 * time.Second,
		Meetings:        16,
		MeetingsPerPeer: 4,

		Streams:          64,
		StreamsPerSecond: 100,
		StreamBurst:      200,
		StreamBacklog:    128,
		StreamWindow:     16 << 20,
		SessionBytes:     48 << 20,
		ExchangeBytes:    256 << 20,
	}
}

// withDefaults fills zero fields and refuses what makes no sense. It walks the
// struct so that a new field cannot be forgotten.
func (l Limits) withDefaults() (Limits, error) {
	def := DefaultLimits()
	if l.Peers > 0 {
		def.PeersPerAddress = max(1, l.Peers/2)
		if l.Peers <= math.MaxInt/peerBytes {
			def.ExchangeBytes = max(def.ExchangeBytes, l.Peers*peerBytes)
		}
	}
	v, d := reflect.ValueOf(&l).Elem(), reflect.ValueOf(def)
	for i := range v.NumField() {
		f := v.Field(i)
		switch {
		case f.Int() < 0:
			return l, fmt.Errorf("exchange: Limits.%s is negative: %v", v.Type().Field(i).Name, f.Interface())
		case f.Int() == 0:
			f.Set(d.Field(i))
		}
	}
	if l.DeadAfter <= l.KeepAlive {
		return l, fmt.Errorf("exchange: Limits.DeadAfter (%v) must be above Limits.KeepAlive (%v)", l.DeadAfter, l.KeepAlive)
	}
	for _, least := range []struct {
		field string
		have  int
		want  int
	}{
		{"StreamBurst", l.StreamBurst, 2},
		{"StreamWindow", l.StreamWindow, mux.Window},
		{"SessionBytes", l.SessionBytes, 2 * l.Streams * mux.Window},
	} {
		if least.have < least.want {
			return l, fmt.Errorf("exchange: Limits.%s is %d: at least %d is needed", least.field, least.have, least.want)
		}
	}
	if l.ExchangeBytes/peerBytes < l.Peers {
		return l, fmt.Errorf("exchange: Limits.ExchangeBytes is %d: %d peers (Limits.Peers) need at least %d each", l.ExchangeBytes, l.Peers, peerBytes)
	}
	if l.Candidates > def.Candidates {
		return l, fmt.Errorf("exchange: Limits.Candidates is %d: an answer holds at most %d (PXP §8)", l.Candidates, def.Candidates)
	}
	return l, nil
}
