package mux

import (
	"bufio"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	lingerTime  = time.Second // how long an ended session waits for the carrier to take what is queued
	readerBytes = 1 << 10     // what is read ahead of a frame; the data of large frames is read past it
)

// Sides of a session, as indices.
const (
	ours   = 0
	theirs = 1
)

// session implements [Session].
type session struct {
	// Set by newSession.
	cfg     Config
	carrier net.Conn
	client  bool
	backlog int // of the library: streams opened and not yet acknowledged, and opened by the peer and not yet attached
	started time.Time
	arrival chan struct{} // capacity 1: there may be something in queue; never closed
	done    chan struct{} // closed by failLocked
	written chan struct{} // closed by write when it ends

	in       *bufio.Reader // the library's receive goroutine's, see link.Read
	received atomic.Int64  // when the carrier last delivered something, since started
	opening  sync.Mutex    // held while the library opens a stream, so that ids appear in order
	closing  sync.Once     // of the carrier
	attached sync.WaitGroup

	mu        sync.Mutex // guards what follows, and all streams
	yamux     *yamux.Session
	err       error // why the session has ended
	goingAway bool  // the peer said so
	polite    bool  // the writer closes the carrier, or linger does
	linger    *time.Timer

	streams map[uint32]*stream // until they are settled
	opened  [2]int             // streams that are not settled, and those that Open is about to open
	highest [2]uint32          // ids
	rates   [2]bucket          // of new streams
	pending *stream            // of Open
	room    sync.Cond          // Open waits for it

	queue     []*stream // for Accept
	attaching bool      // the goroutine attach runs
	handed    int       // streams that the library has not yet given to attach
	waiting   int       // streams that we opened and the library has seen no ACK of
	notes     []byte
	releasing int // ACKs in notes

	out       sender
	spare     chunkPool
	probation bool    // see Admit
	budget    *Budget // nil on probation
	growth    int     // bytes that windows may still grow by
	promised  int
	buffered  int
	late      int // bytes that may still come for streams that were reset
	bytesIn   uint64
	bytesOut  uint64

	pings    bucket // of the peer
	pingOpen bool   // ours is not answered yet
	pingID   uint32
	pingSent time.Time
	rtt      time.Duration
}

func newSession(carrier net.Conn, cfg *Config, client bool) (Session, error) {
	c, err := cfg.withDefaults(carrier)
	if err != nil {
		return nil, err
	}
	s := &session{
		cfg:       c,
		carrier:   carrier,
		client:    client,
		backlog:   2 * c.MaxStreams,
		started:   time.Now(),
		arrival:   make(chan struct{}, 1),
		done:      make(chan struct{}),
		written:   make(chan struct{}),
		streams:   make(map[uint32]*stream),
		growth:    c.SessionBytes - 2*c.MaxStreams*Window,
		pings:     bucket{perSecond: pingsPerSecond},
		probation: c.Probation > 0,
		out:       sender{urgent: lane{limit: urgentLaneBytes}, bulk: lane{limit: bulkLaneBytes}, batch: 1},
	}
	if !s.probation {
		s.budget = c.Budget
	}
	s.in = bufio.NewReaderSize(meter{s}, readerBytes)
	s.room.L, s.out.wake.L = &s.mu, &s.mu
	for i := range s.rates {
		s.rates[i].perSecond = float64(c.StreamsPerSecond)
	}
	start := yamux.Server
	if client {
		start = yamux.Client
	}
	s.mu.Lock() // the library's goroutines wait for s to be complete
	defer s.mu.Unlock()
	s.yamux, err = start(link{s}, &yamux.Config{
		AcceptBacklog:          s.backlog,
		KeepAliveInterval:      time.Hour, // not enabled, but must not be zero
		ConnectionWriteTimeout: 1 << 62,   // the link never blocks
		MaxStreamWindowSize:    Window,    // windows are the link's
		Logger:                 slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	})
	if err != nil {
		return nil, err
	}
	go s.write()
	return s, nil
}

// meter reads the carrier and notes when.
type meter struct{ *session }

func (m meter) Read(p []byte) (int, error) {
	n, err := m.carrier.Read(p)
	if n > 0 {
		m.received.Store(int64(time.Since(m.started)))
	}
	return n, err
}

// sideOf returns which side gives out that id.
func (s *session) sideOf(id uint32) int {
	if (id%2 == 1) == s.client {
		return ours
	}
	return theirs
}

// Done implements [Session].
func (s *session) Done() <-chan struct{} { return s.done }

// Err implements [Session].
func (s *session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Stats implements [Session].
func (s *session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Streams:      len(s.streams),
		BytesIn:      s.bytesIn,
		BytesOut:     s.bytesOut,
		Buffered:     s.buffered,
		Promised:     s.promised,
		Queued:       s.out.queued(),
		RTT:          s.rtt,
		LastReceived: s.started.Add(time.Duration(s.received.Load())),
	}
}
