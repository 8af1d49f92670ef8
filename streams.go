package exchange

import (
	"context"
	"strings"
	"time"

	"github.com/peer-exchange/exchange/mux"
	"github.com/peer-exchange/exchange/pxp"
)

// takeStreams hands the streams that a peer opens to whom their names say,
// until the session ends. It does not wait for that, but Close does. It reports
// false, and does nothing, once the exchange is closed.
func (s *session) takeStreams(peer *Peer) bool {
	var take func()
	take = func() {
		for s.mux.Ready(take) { // if not, take is called again when there is a stream
			stream, err := s.mux.Accept(context.Background())
			if err == nil {
				s.take(peer, stream)
				continue
			}
			// The reader of the control stream may know better why.
			select {
			case <-s.ctx.Done(): // ended by the reader, among others
			case <-time.After(peerLinger): // it reads at its own pace
			}
			s.end(lost(err))
			s.ex.wg.Done()
			return
		}
	}
	s.ex.mu.Lock()
	defer s.ex.mu.Unlock()
	if s.ex.closed {
		return false
	}
	s.ex.wg.Add(1) // until the session has ended
	go take()      // returns when there is no stream to take
	return true
}

// take hands over one stream that the peer has opened.
func (s *session) take(peer *Peer, stream mux.Stream) {
	name := stream.Name()
	switch {
	case name == s.dataStream():
		s.acceptData(peer, stream)
	case strings.HasPrefix(name, "relay:"):
		token, ok := pxp.ParseRelayStream(name)
		if !ok || !s.ex.slots.join(token, peer, stream) {
			stream.Reset()
		}
	default:
		s.ex.mu.Lock()
		l := s.ex.listeners[name]
		s.ex.mu.Unlock()
		if l == nil {
			s.ex.log.Debug("stream reset: nobody listens", "name", clean(name), "peer", s.remote)
			stream.Reset()
			return
		}
		l.push(newConn(peer, stream))
	}
}

// acceptData takes a data stream that the peer opens: the first goes to the
// call that accepted the session, those that come after the last was closed to
// the listener. There is one at a time.
func (s *session) acceptData(peer *Peer, stream mux.Stream) {
	ex := s.ex
	ex.mu.Lock()
	if s.data != nil && !s.data.closed.Load() {
		ex.mu.Unlock()
		stream.Reset()
		return
	}
	first := s.data == nil && !s.dialer
	ex.mu.Unlock()

	conn := newConn(peer, stream)
	s.setData(conn)
	switch {
	case !first:
		ex.Deliver(conn)
	case !s.giveFirst(conn):
		conn.Reset()
	}
}

func (s *session) setData(c *Conn) {
	s.ex.mu.Lock()
	defer s.ex.mu.Unlock()
	s.data, s.asking, s.granting = c, false, false
}

// giveFirst hands over the first data stream, unless nobody waits any more.
func (s *session) giveFirst(c *Conn) bool {
	s.ex.mu.Lock()
	defer s.ex.mu.Unlock()
	if s.unwanted {
		return false
	}
	s.first <- c
	return true
}

// refuseFirst says that nobody waits for the first data stream any more.
func (s *session) refuseFirst() {
	s.ex.mu.Lock()
	s.unwanted = true
	s.ex.mu.Unlock()
	select {
	case c := <-s.first:
		c.Reset()
	default:
	}
}
