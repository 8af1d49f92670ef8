package mux

import (
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// session implements [Session].
type session struct {
	core

	// Set by newSession.
	client  bool
	backlog int // of the library: streams opened and not yet acknowledged, and opened by the peer and not yet attached

	opening  sync.Mutex // held while the library opens a stream, so that ids appear in order
	attached sync.WaitGroup

	// The core's lock guards what follows.
	yamux *yamux.Session

	streams map[uint32]*stream // until they are settled
	opened  [2]int             // streams that are not settled, and those that Open is about to open
	highest [2]uint32          // ids
	pending *stream            // of Open

	queue     []*stream // for Accept
	attaching bool      // the goroutine attach runs
	handed    int       // streams that the library has not yet given to attach
	waiting   int       // streams that we opened and the library has seen no ACK of
	notes     []byte
	releasing int // ACKs in notes

	out  sender
	late int // bytes that may still come for streams that were reset

	pings    bucket // of the peer
	pingOpen bool   // ours is not answered yet
	pingID   uint32
	pingSent time.Time
	rtt      time.Duration
}

func newSession(carrier net.Conn, cfg *Config, client bool) (Session, error) {
	s := &session{
		client:  client,
		streams: make(map[uint32]*stream),
		pings:   bucket{perSecond: pingsPerSecond},
		out:     sender{urgent: lane{limit: urgentLaneBytes}, bulk: lane{limit: bulkLaneBytes}, batch: 1},
	}
	err := s.init(carrier, cfg, s.endAll)
	if err != nil {
		return nil, err
	}
	s.backlog = 2 * s.cfg.MaxStreams
	s.out.wake.L = &s.mu
	s.out.start = func() { go s.write() } // the session's own, see there
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
		Logger:                 slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// sideOf returns which side gives out that id.
func (s *session) sideOf(id uint32) int {
	if (id%2 == 1) == s.client {
		return ours
	}
	return theirs
}

// Stats implements [Session].
func (s *session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats()
	stats.Streams, stats.Queued, stats.RTT = len(s.streams), s.out.queued(), s.rtt
	return stats
}
