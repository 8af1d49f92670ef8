package mux

import (
	"context"
	"net"
	"sync"
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
//     for us, for [Config.NameTimeout], on at most 16 streams that together hold one [Window]: when that is full, the
//     carrier is not read until we open one or its time is over. More streams, and those that [Config.Expect] rules
//     out, are lost, as all are with the original.
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
	s := &multiplex{
		read:    make(chan struct{}),
		streams: make(map[*shared]struct{}),
		names:   make(map[string]*shared),
		local:   make(map[uint32]*shared),
		remote:  make(map[int32]*shared),
	}
	if err := s.init(carrier, cfg, s.endAll); err != nil {
		return nil, err
	}
	s.drained.L, s.out.wake.L, s.out.flushed.L = &s.mu, &s.mu, &s.mu
	go s.receiveAll() // ends when the carrier is closed; Close waits for it
	go s.sendAll()    // ends when the session does; Close waits for it
	return s, nil
}

// multiplex implements [Session] for wire version 1.
type multiplex struct {
	core

	read chan struct{} // closed by receiveAll when it ends

	// The core's lock guards what follows.
	streams   map[*shared]struct{} // until they are settled
	names     map[string]*shared   // streams that have their name in use
	local     map[uint32]*shared   // by the channel that we write on
	remote    map[int32]*shared    // by the channel that the peer writes on
	unclaimed []*shared            // opened by the peer and not by us, in that order
	opened    int                  // streams that we have opened and that are not settled
	next      uint32               // the next channel that we write on

	full      *shared     // the stream that receiveAll waits for: it has no room for more
	drained   sync.Cond   // receiveAll waits for it
	patience  time.Time   // until when somebody must read full
	impatient *time.Timer // ends the session then
	delay     *time.Timer // gives it room for more

	out frameQueue
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

// Stats implements [Session].
func (s *multiplex) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats()
	stats.Streams, stats.Queued = len(s.streams), len(s.out.buf)
	return stats
}
