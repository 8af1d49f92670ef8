package mux

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Names of limits that only [Multiplex] has, as [LimitError] has them. LimitFrameBytes and LimitStreamRate are its too.
const (
	LimitVarintBytes = "bytes of a varint"
	LimitTextBytes   = "bytes of a frame that is not data"
	LimitUnreadBytes = "bytes of a stream that nobody reads"
	LimitChannels    = "channels opened in one session"
)

// Multiplex starts a session in the framing of wire version 1, that of the npm package multiplex@6, whose streams are
// shared streams (PXP version 1). Both ends call Multiplex. The carrier, cfg and the error are as with [Client].
//
// A stream belongs to both sides alike: each calls Open with the same name. There are no streams that only the peer
// began, so Accept blocks until the session has ended. What else differs from [Client] and [Server]:
//
//   - Open sends nothing at all, and nothing goes out before the first Write (also one of no bytes), CloseWrite, Close
//     or Reset. It fails with a [*NameError] while the name is in use: by a stream that is not closed, or by one closed
//     less than a minute ago that the peer has never written to. What the peer sends on a name before we open it waits
//     for us, for [Config.NameTimeout], as much as [Window] holds on as many streams as [Config.MaxStreams]; beyond
//     that it is lost, as it is with the original from the beginning.
//   - Frames of all streams are sent in the order of the Writes. None overtakes, because peers rely on that.
//   - There is no flow control. A stream that holds [Config.UnreadBytes], or less when [Config.SessionBytes] or
//     [Config.Budget] have no more to give, stops the reading of the carrier: the session's other streams wait too. When
//     nobody reads that stream for [Config.UnreadTimeout], the session ends with a [*LimitError].
//   - Reset is the same as Close. The peer reads io.EOF after either, since a frame that tells it of more would make the
//     original drop the whole connection. For the same reason nobody tells a peer that writes to a stream that we have
//     closed; what it sends is thrown away.
//   - A peer's destroy frame is [ErrReset], on that stream only. So is its opening a channel again that it had not ended.
//   - A session's end says nothing to the peer but that the carrier is closed. There are no pings, and no [Stats.RTT].
func Multiplex(carrier net.Conn, cfg *Config) (Session, error) {
	c, err := cfg.withDefaults(carrier)
	if err != nil {
		return nil, err
	}
	s := &multiplex{
		cfg:     c,
		carrier: carrier,
		started: time.Now(),
		done:    make(chan struct{}),
		written: make(chan struct{}),
		read:    make(chan struct{}),
		streams: make(map[*shared]struct{}),
		names:   make(map[string]*shared),
		local:   make(map[uint32]*shared),
		remote:  make(map[int32]*shared),
		growth:  c.SessionBytes - 2*c.MaxStreams*Window,

		probation: c.Probation > 0,
	}
	if !s.probation {
		s.budget = c.Budget
	}
	s.in = bufio.NewReaderSize(s, readerBytes)
	s.room.L, s.drained.L, s.out.wake.L, s.out.flushed.L = &s.mu, &s.mu, &s.mu, &s.mu
	for i := range s.rates {
		s.rates[i].perSecond = float64(c.StreamsPerSecond)
	}
	go s.receiveAll() // ends when the carrier is closed; Close waits for it
	go s.sendAll()    // ends when the session does; Close waits for it
	return s, nil
}

// multiplex implements [Session] for wire version 1.
type multiplex struct {
	// Set by Multiplex.
	cfg     Config
	carrier net.Conn
	started time.Time
	done    chan struct{} // closed by failLocked
	written chan struct{} // closed by sendAll when it ends
	read    chan struct{} // closed by receiveAll when it ends

	in       *bufio.Reader // receiveAll's
	received atomic.Int64  // when the carrier last delivered something, since started
	closing  sync.Once     // of the carrier

	mu     sync.Mutex // guards what follows, and all streams
	err    error      // why the session has ended
	polite bool       // sendAll closes the carrier, or linger does
	linger *time.Timer

	streams   map[*shared]struct{} // until they are settled
	names     map[string]*shared   // streams that have their name in use
	local     map[uint32]*shared   // by the channel that we write on
	remote    map[int32]*shared    // by the channel that the peer writes on
	unclaimed []*shared            // opened by the peer and not by us, in that order
	opened    int                  // streams that we have opened and that are not settled
	next      uint32               // the next channel that we write on
	rates     [2]bucket            // of opens
	room      sync.Cond            // Open waits for it

	full      *shared     // the stream that receiveAll waits for: it has no room for more
	drained   sync.Cond   // receiveAll waits for it
	patience  time.Time   // until when somebody must read full
	impatient *time.Timer // ends the session then
	delay     *time.Timer // gives it room for more

	out       frameQueue
	spare     chunkPool
	probation bool    // see Admit
	budget    *Budget // nil on probation
	growth    int     // bytes that streams may hold in addition to those promised
	promised  int
	buffered  int
	bytesIn   uint64
	bytesOut  uint64
}

// Read reads the carrier for s.in and notes when.
func (s *multiplex) Read(p []byte) (int, error) {
	n, err := s.carrier.Read(p)
	if n > 0 {
		s.received.Store(int64(time.Since(s.started)))
	}
	return n, err
}

// Accept implements [Session].
func (s *multiplex) Accept(ctx context.Context) (Stream, error) {
	select {
	case <-s.done:
		return nil, s.Err()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Done implements [Session].
func (s *multiplex) Done() <-chan struct{} { return s.done }

// Err implements [Session].
func (s *multiplex) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Stats implements [Session].
func (s *multiplex) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Streams:      len(s.streams),
		BytesIn:      s.bytesIn,
		BytesOut:     s.bytesOut,
		Buffered:     s.buffered,
		Promised:     s.promised,
		Queued:       len(s.out.buf),
		LastReceived: s.started.Add(time.Duration(s.received.Load())),
	}
}
